//! The OAuth2 settings of a service.

use std::collections::BTreeMap;

use super::enums;
use super::fields::{self, list};
use super::service::{Secrets, set_if_given};
use super::violations::Violations;
use crate::model::service::{
    ClientAuth, Cloud, CustomProvider, GrantType, OAuth2, Provider, SaslMechanism,
};
use crate::model::update::{SecretChange, SecretsChange};
use crate::rpc::proto::v1;

/// Parameters of the authorization URL that OAuth2 or this server sets itself (RFC 6749 §4.1.1,
/// RFC 7636 §4.3, RFC 9101, OpenID Connect Core §3.1.2.1).
const RESERVED_PARAMS: [&str; 15] = [
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// OAuth2 settings and what they do to the secrets.
pub fn parse(
    from: v1::OAuth2,
    secrets: Secrets,
    found: &mut Violations,
) -> Option<(OAuth2, SecretsChange)> {
    let grant_type = found.take(
        "service.oauth2.grant",
        enums::known(
            from.grant,
            enums::grant_from,
            Some(GrantType::AuthorizationCode),
        ),
    );
    let provider = provider(from.provider, from.custom, found);
    let login_email = found.take(
        "service.oauth2.login_email",
        fields::email(&from.login_email),
    );
    let consent_email = found.take(
        "service.oauth2.consent_email",
        fields::optional_email(&from.consent_email),
    );
    let client_id = found.take(
        "service.oauth2.client_id",
        fields::required_token(from.client_id, 255),
    );
    let client_secret = found.take(
        "service.oauth2.client_secret",
        fields::secret(from.client_secret),
    );
    let next_client_secret = found.take(
        "service.oauth2.next_client_secret",
        fields::secret(from.next_client_secret),
    );
    let client_secret_expire_time = found.take(
        "service.oauth2.client_secret_expire_time",
        fields::optional_instant(from.client_secret_expire_time),
    );
    let tenant_id = found.take("service.oauth2.tenant_id", fields::tenant(from.tenant_id));
    let cloud = found.take(
        "service.oauth2.cloud",
        enums::known(from.cloud, enums::cloud_from, Some(Cloud::Global)),
    );
    let scopes = list(found, "service.oauth2.scopes", 20, from.scopes, scope);

    if let (Some(provider), Some(grant_type)) = (&provider, grant_type) {
        if client_secret == Some(None)
            && secrets == Secrets::Required
            && !may_be_public(provider, grant_type)
        {
            found.add("service.oauth2.client_secret", "is required");
        }
        match (provider, grant_type) {
            (_, GrantType::AuthorizationCode) => {}
            (Provider::Microsoft, GrantType::ClientCredentials) => {
                one_tenant(tenant_id.as_deref(), found);
            }
            (Provider::Google | Provider::Custom(_), GrantType::ClientCredentials) => found.add(
                "service.oauth2.grant",
                "must be GRANT_AUTHORIZATION_CODE: an application acts for itself at \
                 PROVIDER_MICROSOFT alone",
            ),
        }
        if matches!(provider, Provider::Custom(_)) && scopes.is_empty() {
            found.add("service.oauth2.scopes", "is required with PROVIDER_CUSTOM");
        }
    }
    let change = SecretsChange {
        client_secret: set_if_given(client_secret?),
        next_client_secret: set_if_given(next_client_secret?),
        ..SecretsChange::default()
    };
    let oauth2 = OAuth2 {
        provider: provider?,
        login_email: login_email?,
        consent_email: consent_email?,
        client_id: client_id?,
        client_secret_hint: hint(&change.client_secret),
        next_client_secret_hint: hint(&change.next_client_secret),
        client_secret_expire_time: client_secret_expire_time?,
        tenant_id: tenant_id?,
        cloud: cloud?,
        grant_type: grant_type?,
        scopes,
    };
    Some((oauth2, change))
}

/// An app that acts for itself does so in one tenant (AADSTS9001023).
fn one_tenant(tenant_id: Option<&str>, found: &mut Violations) {
    const SHARED: [&str; 3] = ["common", "organizations", "consumers"];
    let is_shared = |tenant| {
        SHARED
            .iter()
            .any(|shared| shared.eq_ignore_ascii_case(tenant))
    };
    let rule = match tenant_id {
        Some("") => "is required with GRANT_CLIENT_CREDENTIALS",
        Some(tenant) if is_shared(tenant) => "must name one tenant with GRANT_CLIENT_CREDENTIALS",
        _ => return,
    };
    found.add("service.oauth2.tenant_id", rule);
}

fn hint(change: &SecretChange) -> String {
    match change {
        SecretChange::Set(secret) => secret.hint(),
        SecretChange::Keep | SecretChange::Clear => String::new(),
    }
}

/// Whether a client without a secret can exist: Entra's "public client flows" are set at the
/// registration, Google's clients always have a secret, another provider's says `client_auth`.
fn may_be_public(provider: &Provider, grant_type: GrantType) -> bool {
    match provider {
        _ if grant_type == GrantType::ClientCredentials => false,
        Provider::Microsoft => true,
        Provider::Google => false,
        Provider::Custom(custom) => custom.client_auth == ClientAuth::None,
    }
}

fn provider(
    provider: i32,
    custom: Option<v1::CustomProvider>,
    found: &mut Violations,
) -> Option<Provider> {
    let known = enums::known(provider, Some, None).and_then(|provider| match provider {
        v1::Provider::Unspecified => Err("is required".to_owned()),
        known => Ok(known),
    });
    let known = match (found.take("service.oauth2.provider", known)?, &custom) {
        (v1::Provider::Microsoft, None) => return Some(Provider::Microsoft),
        (v1::Provider::Google, None) => return Some(Provider::Google),
        (known, _) => known,
    };
    match (known, custom) {
        (v1::Provider::Custom, Some(from)) => {
            custom_provider(from, found).map(|custom| Provider::Custom(Box::new(custom)))
        }
        (v1::Provider::Custom, None) => {
            found.add("service.oauth2.custom", "is required with PROVIDER_CUSTOM");
            None
        }
        _ => {
            found.add(
                "service.oauth2.custom",
                "must be set with PROVIDER_CUSTOM only",
            );
            None
        }
    }
}

fn custom_provider(from: v1::CustomProvider, found: &mut Violations) -> Option<CustomProvider> {
    let mut url = |name: &str, text: String, is_required: bool| {
        let parsed = match text.as_str() {
            "" if is_required => Err("is required".to_owned()),
            "" => Ok(text),
            _ => fields::endpoint(text),
        };
        found.take(format_args!("service.oauth2.custom.{name}"), parsed)
    };
    let authorization_endpoint = url("authorization_endpoint", from.authorization_endpoint, true);
    let token_endpoint = url("token_endpoint", from.token_endpoint, true);
    let revocation_endpoint = url("revocation_endpoint", from.revocation_endpoint, false);
    let scope_separator = found.take(
        "service.oauth2.custom.scope_separator",
        separator(from.scope_separator),
    );
    let client_auth = found.take(
        "service.oauth2.custom.client_auth",
        enums::known(
            from.client_auth,
            enums::client_auth_from,
            Some(ClientAuth::Post),
        ),
    );
    let extra_authorize_params = extra_params(from.extra_authorize_params, found);
    let issuer = found.take(
        "service.oauth2.custom.issuer",
        fields::token(from.issuer, 2_048),
    );
    let sasl_mechanism = found.take(
        "service.oauth2.custom.sasl_mechanism",
        enums::known(
            from.sasl_mechanism,
            enums::sasl_from,
            Some(SaslMechanism::Xoauth2),
        ),
    );
    Some(CustomProvider {
        authorization_endpoint: authorization_endpoint?,
        token_endpoint: token_endpoint?,
        revocation_endpoint: revocation_endpoint?,
        scope_separator: scope_separator?,
        client_auth: client_auth?,
        disable_pkce: from.disable_pkce,
        extra_authorize_params,
        issuer: issuer?,
        sasl_mechanism: sasl_mechanism?,
        disable_openid: from.disable_openid,
    })
}

/// RFC 6749 §3.3 (`scope-token`), at most 200 bytes.
fn scope(text: String) -> Result<String, String> {
    let is_token = text
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    if (1..=200).contains(&text.len()) && is_token {
        Ok(text)
    } else {
        Err("must be 1 to 200 printable ASCII characters without space, quote and backslash".into())
    }
}

fn separator(text: String) -> Result<String, String> {
    match text.chars().count() {
        0 => Ok(" ".into()),
        1 => fields::line(text, 1),
        _ => Err("must be one character".into()),
    }
}

fn extra_params(
    params: BTreeMap<String, String>,
    found: &mut Violations,
) -> BTreeMap<String, String> {
    const AT: &str = "service.oauth2.custom.extra_authorize_params";
    if params.len() > 20 {
        found.add(AT, "must have at most 20 entries");
        return BTreeMap::new();
    }
    for (key, value) in &params {
        let lower = key.to_ascii_lowercase();
        if !(1..=63).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            found.add(
                AT,
                "must have keys of 1 to 63 printable ASCII characters without space",
            );
        } else if RESERVED_PARAMS.contains(&lower.as_str()) {
            found.add(
                format_args!("{AT}[{key:?}]"),
                "is a parameter that OAuth2 or this server sets itself",
            );
        } else if value.len() > 200 || value.chars().any(char::is_control) {
            found.add(
                format_args!("{AT}[{key:?}]"),
                "must be at most 200 bytes without control characters",
            );
        }
    }
    params
}
