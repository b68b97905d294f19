//! What differs between providers, as data: endpoints, scopes, and how a client proves itself.
//!
//! [`Endpoints::of`] is the one place that knows a provider by name; everything after it works
//! from the [`Endpoints`]. Sources: "Microsoft identity platform: national clouds", "OAuth 2.0
//! authorization code flow"; Google "Using OAuth 2.0 to access Google APIs".

use std::collections::BTreeMap;

use oauth2::url::Url;

use crate::egress::http::is_loopback;
use crate::model::Violation;
use crate::model::service::{ClientAuth, Cloud, CustomProvider, GrantType, OAuth2, Provider};

/// What the installation puts in a provider's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderOverrides {
    /// Replaces the login authority of every Microsoft cloud, `http://127.0.0.1:8025` say: for the
    /// sandbox. None means Microsoft's own.
    pub microsoft_authority: Option<String>,
    /// Google's own paths stand below it (`/o/oauth2/v2/auth`, `/token`, `/revoke`). None means
    /// Google's own hosts.
    pub google_authority: Option<String>,
}

/// Where and how one service's provider is spoken to. Every URL is https, or http to this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub authorization: Url,
    pub token: Url,
    /// RFC 7009; Microsoft has none.
    pub revocation: Option<Url>,
    /// Where a tenant's admin consents for CLIENT_CREDENTIALS; Microsoft alone has it.
    pub admin_consent: Option<Url>,
    /// Asked for at the authorization endpoint, the mail scope first; may be empty for CUSTOM.
    pub scopes: Vec<String>,
    /// Of one resource: sent with every token request; empty means that no scope is sent.
    pub token_scopes: Vec<String>,
    /// Between scopes: a space (RFC 6749 §3.3), unless the provider wants otherwise.
    pub scope_separator: String,
    pub client_auth: ClientAuth,
    /// Whether S256 is used (RFC 7636).
    pub pkce: bool,
    pub extra_authorize_params: BTreeMap<String, String>,
    /// What `iss` of a redirect must be (RFC 9207); none means that it isn't checked.
    pub issuer: Option<String>,
}

impl Endpoints {
    /// The endpoints of a service's provider.
    ///
    /// Scopes: an override replaces the mail scope. Microsoft always adds `offline_access openid
    /// profile email`, Google `openid email`. A CUSTOM provider gets what the admin gave, and `openid
    /// profile email` behind it, unless the admin named one of these or the provider doesn't speak
    /// OpenID Connect (`disable_openid`, or another separator than its space); no `scope` at all where
    /// that is nothing.
    ///
    /// # Errors
    /// The field that makes it impossible, by its path in the service: an endpoint that isn't
    /// https, a tenant id that isn't one, a grant that the provider doesn't offer, a parameter that
    /// is ours to set.
    pub fn of(oauth2: &OAuth2, overrides: &ProviderOverrides) -> Result<Self, Violation> {
        let code_only = oauth2.grant_type == GrantType::AuthorizationCode;
        match &oauth2.provider {
            Provider::Microsoft => microsoft(oauth2, overrides),
            Provider::Google if code_only => google(oauth2, overrides),
            Provider::Custom(custom) if code_only => self::custom(oauth2, custom),
            Provider::Google | Provider::Custom(_) => Err(Violation::new(
                "oauth2.grant",
                "must be AUTHORIZATION_CODE: client credentials are offered for Microsoft alone",
            )),
        }
    }
}

/// The provider's own SMTP host for mail submission on port 587; none where it isn't known (US
/// Government DoD, CUSTOM).
pub fn smtp_host(oauth2: &OAuth2) -> Option<&'static str> {
    match oauth2.provider {
        Provider::Microsoft => CloudData::of(oauth2.cloud).smtp_host,
        Provider::Google => Some("smtp.gmail.com"),
        Provider::Custom(_) => None,
    }
}

/// Whether a scope is about who signs in and for how long: an answer need not name it.
pub fn is_sign_in(scope: &str) -> bool {
    MICROSOFT_SIGN_IN.contains(&scope)
}

struct CloudData {
    authority: &'static str,
    /// Delegated permission.
    send_scope: &'static str,
    /// Whatever the app was granted, for client credentials.
    app_scope: &'static str,
    smtp_host: Option<&'static str>,
}

impl CloudData {
    /// Authorities: Microsoft "National clouds"; scopes and hosts of the sovereign clouds come from
    /// client projects.
    const fn of(cloud: Cloud) -> Self {
        match cloud {
            Cloud::Global => Self {
                authority: "https://login.microsoftonline.com",
                send_scope: "https://outlook.office.com/SMTP.Send",
                app_scope: "https://outlook.office365.com/.default",
                smtp_host: Some("smtp.office365.com"),
            },
            Cloud::UsGovHigh => Self {
                smtp_host: Some("smtp.office365.us"),
                ..Self::of(Cloud::UsGovDod)
            },
            Cloud::UsGovDod => Self {
                authority: "https://login.microsoftonline.us",
                send_scope: "https://outlook.office365.us/SMTP.Send",
                app_scope: "https://outlook.office365.us/.default",
                smtp_host: None,
            },
            Cloud::China => Self {
                authority: "https://login.partner.microsoftonline.cn",
                send_scope: "https://partner.outlook.cn/SMTP.Send",
                app_scope: "https://partner.outlook.cn/.default",
                smtp_host: Some("smtp.partner.outlook.cn"),
            },
        }
    }
}

/// Scopes that belong to no resource; the last three tell who signed in (OpenID Connect §5.4).
const MICROSOFT_SIGN_IN: [&str; 4] = ["offline_access", "openid", "profile", "email"];
const GOOGLE_SIGN_IN: [&str; 2] = ["openid", "email"];
const CUSTOM_SIGN_IN: [&str; 3] = ["openid", "profile", "email"];

/// What Google lets mail be sent with.
pub const GOOGLE_MAIL: &str = "https://mail.google.com/";

const GRAPH: &str = "https://graph.microsoft.com";

/// Parameters of the authorization request that no extra one may replace.
const OUR_PARAMS: [&str; 7] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
];

fn microsoft(oauth2: &OAuth2, overrides: &ProviderOverrides) -> Result<Endpoints, Violation> {
    let cloud = CloudData::of(oauth2.cloud);
    let tenant = tenant(oauth2)?;
    let authority = overrides.microsoft_authority.as_deref();
    let authority = authority.unwrap_or(cloud.authority).trim_end_matches('/');
    let endpoint = |path| {
        endpoint(
            "microsoft_authority",
            &format!("{authority}/{tenant}/{path}"),
        )
    };
    let app_only = oauth2.grant_type == GrantType::ClientCredentials;
    let scopes = match app_only {
        true if oauth2.scopes.is_empty() => vec![cloud.app_scope.to_owned()],
        true => oauth2.scopes.clone(),
        false => with_sign_in(&oauth2.scopes, cloud.send_scope, &MICROSOFT_SIGN_IN),
    };
    Ok(Endpoints {
        authorization: endpoint("oauth2/v2.0/authorize")?,
        token: endpoint("oauth2/v2.0/token")?,
        revocation: None,
        admin_consent: Some(endpoint("v2.0/adminconsent")?),
        token_scopes: of_one_resource(&scopes),
        scopes,
        scope_separator: " ".to_owned(),
        client_auth: ClientAuth::Post,
        pkce: true,
        extra_authorize_params: BTreeMap::new(),
        issuer: None,
    })
}

fn google(oauth2: &OAuth2, overrides: &ProviderOverrides) -> Result<Endpoints, Violation> {
    let authority = overrides.google_authority.as_deref();
    let endpoint = |host, path| {
        let base = authority.unwrap_or(host).trim_end_matches('/');
        endpoint("google_authority", &format!("{base}/{path}"))
    };
    Ok(Endpoints {
        authorization: endpoint("https://accounts.google.com", "o/oauth2/v2/auth")?,
        token: endpoint("https://oauth2.googleapis.com", "token")?,
        revocation: Some(endpoint("https://oauth2.googleapis.com", "revoke")?),
        admin_consent: None,
        scopes: with_sign_in(&oauth2.scopes, GOOGLE_MAIL, &GOOGLE_SIGN_IN),
        token_scopes: Vec::new(),
        scope_separator: " ".to_owned(),
        client_auth: ClientAuth::Post,
        pkce: true,
        // Offline alone brings a refresh token only at the very first consent.
        extra_authorize_params: BTreeMap::from(
            [("access_type", "offline"), ("prompt", "consent")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
        issuer: None,
    })
}

fn custom(oauth2: &OAuth2, custom: &CustomProvider) -> Result<Endpoints, Violation> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let ours = |name: &&String| OUR_PARAMS.contains(&name.as_str());
    if let Some(name) = custom.extra_authorize_params.keys().find(ours) {
        return Err(Violation::new(
            "oauth2.custom.extra_authorize_params",
            format!("must not set {name:?}: Mailwright sets it"),
        ));
    }
    let scope_separator = given(&custom.scope_separator).unwrap_or_else(|| " ".to_owned());
    let mut scopes = oauth2.scopes.clone();
    let names_sign_in = |scope: &String| CUSTOM_SIGN_IN.contains(&scope.as_str());
    let speaks_openid = !custom.disable_openid && scope_separator == " ";
    if !scopes.is_empty() && speaks_openid && !scopes.iter().any(names_sign_in) {
        scopes.extend(CUSTOM_SIGN_IN.map(str::to_owned));
    }
    let revocation = given(&custom.revocation_endpoint)
        .map(|url| endpoint("oauth2.custom.revocation_endpoint", &url))
        .transpose()?;
    Ok(Endpoints {
        authorization: endpoint(
            "oauth2.custom.authorization_endpoint",
            &custom.authorization_endpoint,
        )?,
        token: endpoint("oauth2.custom.token_endpoint", &custom.token_endpoint)?,
        revocation,
        admin_consent: None,
        scopes,
        token_scopes: Vec::new(),
        scope_separator,
        client_auth: custom.client_auth,
        pkce: !custom.disable_pkce,
        extra_authorize_params: custom.extra_authorize_params.clone(),
        issuer: given(&custom.issuer),
    })
}

/// The tenant's part of the path. `organizations` is every work account; an app that acts without a
/// user needs the tenant by name (AADSTS9001023).
fn tenant(oauth2: &OAuth2) -> Result<&str, Violation> {
    let tenant = oauth2.tenant_id.as_str();
    let violation = |text: &str| Err(Violation::new("oauth2.tenant_id", text));
    let shared = ["", "common", "organizations", "consumers"];
    if oauth2.grant_type == GrantType::ClientCredentials
        && shared.iter().any(|name| name.eq_ignore_ascii_case(tenant))
    {
        return violation("must name the tenant for CLIENT_CREDENTIALS");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    match tenant {
        "" => Ok("organizations"),
        _ if tenant.len() > 255 || !tenant.bytes().all(plain) || tenant.starts_with('.') => {
            violation("must be a tenant's GUID or domain")
        }
        _ => Ok(tenant),
    }
}

/// The mail scopes first, because the first one decides what Microsoft's token is good for.
fn with_sign_in(given: &[String], mail: &str, sign_in: &[&str]) -> Vec<String> {
    let of_mail = |scope: &&String| !sign_in.contains(&scope.as_str());
    let mut scopes: Vec<String> = given.iter().filter(of_mail).cloned().collect();
    if scopes.is_empty() {
        scopes.push(mail.to_owned());
    }
    scopes.extend(sign_in.iter().map(|&scope| scope.to_owned()));
    scopes
}

/// What a Microsoft token request may ask: consent covers many resources, a token only one
/// (AADSTS28000). It is the first that isn't Graph, which every scope without an address belongs to:
/// there mail is handed over by another protocol.
fn of_one_resource(scopes: &[String]) -> Vec<String> {
    let resource = |scope: &str| match scope.rsplit_once('/') {
        Some((resource, _)) => resource.to_lowercase(),
        None => GRAPH.to_owned(),
    };
    let of_resources = || scopes.iter().filter(|scope| !is_sign_in(scope));
    let wanted = of_resources()
        .find(|scope| resource(scope) != GRAPH)
        .or_else(|| of_resources().next())
        .map(|scope| resource(scope));
    let fits = |scope: &&String| is_sign_in(scope) || Some(resource(scope)) == wanted;
    scopes.iter().filter(fits).cloned().collect()
}

fn endpoint(field: &str, text: &str) -> Result<Url, Violation> {
    let violation = |text: &str| Err(Violation::new(field, text));
    let Ok(url) = Url::parse(text) else {
        return violation("must be an absolute URL");
    };
    let host = url.host_str().unwrap_or_default();
    let safe = match url.scheme() {
        "https" => !host.is_empty(),
        "http" => is_loopback(host.trim_matches(['[', ']'])),
        _ => false,
    };
    if !safe {
        return violation("must be https (http only to a loopback address)");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return violation("must have neither a user name nor a fragment");
    }
    Ok(url)
}
