//! Who signed in and what was granted, looked at before anything is stored: what would fail at the
//! mail server, much later and with less to say about it, is named here.
//!
//! A provider that tells nothing is believed: without an id_token or a scope in its answer the
//! first AUTH proves the grant.

use super::Result;
use super::authorize::refusal;
use crate::model::Reason;
use crate::model::service::{GrantType, OAuth2, Provider, Service};
use crate::oauth::identity::audience;
use crate::oauth::{Endpoints, Identity, TokenAnswer, providers};

/// Microsoft Graph, as it names itself and by its application id.
const GRAPH: [&str; 2] = [
    "https://graph.microsoft.com",
    "00000003-0000-0000-c000-000000000000",
];

/// Checks an answer that still has the scopes that the provider wrote into it. Returns whether the
/// provider said who signed in.
///
/// # Errors
/// `State` with what is wrong.
pub(super) fn check(
    service: &Service,
    oauth2: &OAuth2,
    endpoints: &Endpoints,
    answer: &TokenAnswer,
) -> Result<bool> {
    let refused = |reason, detail: &str| Err(refusal(service, reason, detail));
    let identity = answer.id_token.as_ref().and_then(Identity::from_id_token);
    if let Some(identity) = &identity
        && let Some((reason, why)) = wrong_identity(oauth2, endpoints, identity)
    {
        return refused(reason, &why);
    }
    if let Some(audience) = graph_audience(oauth2, answer) {
        return refused(Reason::WrongAudience, &format!("it is for {audience}"));
    }
    if let Some(missing) = missing_scope(oauth2, endpoints, answer) {
        return refused(Reason::MissingScope, &format!("{missing} was not granted"));
    }
    let needs_refresh_token = oauth2.grant_type == GrantType::AuthorizationCode;
    if needs_refresh_token && answer.refresh_token.is_none() {
        return refused(Reason::NoRefreshToken, "");
    }
    Ok(identity.is_some_and(|identity| !identity.login().is_empty()))
}

fn wrong_identity(
    oauth2: &OAuth2,
    endpoints: &Endpoints,
    identity: &Identity,
) -> Option<(Reason, String)> {
    if let Some(issuer) = &endpoints.issuer
        && identity.issuer != *issuer
    {
        let why = format!(
            "the id_token is of another issuer than {issuer}: {:?}",
            identity.issuer
        );
        return Some((Reason::ProviderProtocol, why));
    }
    // An id_token without a name tells as little as none.
    if !identity.login().is_empty() && !identity.names(oauth2.consent_email()) {
        return Some((Reason::WrongAccount, identity.login().to_owned()));
    }
    // A domain would have to be looked up; only a GUID can be compared.
    let tenants_differ = oauth2.provider == Provider::Microsoft
        && is_guid(&oauth2.tenant_id)
        && !identity.tenant_id.is_empty()
        && !identity.tenant_id.eq_ignore_ascii_case(&oauth2.tenant_id);
    tenants_differ.then(|| {
        let why = format!(
            "{} of the tenant {}, which is not the service's",
            identity.login(),
            identity.tenant_id
        );
        (Reason::WrongAccount, why)
    })
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The audience of a token that Exchange would refuse. For diagnosis alone: access tokens are opaque
/// to a client, and one that can't be read, or is for anything else, passes.
fn graph_audience(oauth2: &OAuth2, answer: &TokenAnswer) -> Option<String> {
    if oauth2.provider != Provider::Microsoft {
        return None;
    }
    audience(&answer.access_token)
        .filter(|audience| GRAPH.contains(&audience.trim_end_matches('/')))
}

/// The first scope that mail can't do without and that the answer, where it names scopes, lacks.
fn missing_scope(oauth2: &OAuth2, endpoints: &Endpoints, answer: &TokenAnswer) -> Option<String> {
    if answer.scopes.is_empty() {
        return None;
    }
    let needed = needed(oauth2, endpoints);
    let is_granted = |needed: &String| {
        let same = |granted: &String| match oauth2.provider {
            // The resource has several names, and case means nothing.
            Provider::Microsoft => permission(granted).eq_ignore_ascii_case(permission(needed)),
            Provider::Google | Provider::Custom(_) => granted == needed,
        };
        answer.scopes.iter().any(same)
    };
    needed.into_iter().find(|needed| !is_granted(needed))
}

/// Of the scopes that were asked the one to send mail by, or else all that give anything.
fn needed(oauth2: &OAuth2, endpoints: &Endpoints) -> Vec<String> {
    let asked = match oauth2.provider {
        Provider::Microsoft => &endpoints.token_scopes,
        Provider::Google | Provider::Custom(_) => &endpoints.scopes,
    };
    let asked: Vec<String> = asked
        .iter()
        // An answer is split at commas too.
        .flat_map(|scope| scope.split([' ', ',']))
        .filter(|scope| !scope.is_empty() && !providers::is_sign_in(scope))
        // Stands for whatever the app has been given.
        .filter(|scope| permission(scope) != ".default")
        .map(str::to_owned)
        .collect();
    let of_mail = |scope: &&String| match oauth2.provider {
        Provider::Microsoft => permission(scope).eq_ignore_ascii_case("SMTP.Send"),
        Provider::Google => *scope == providers::GOOGLE_MAIL,
        Provider::Custom(_) => false,
    };
    match asked.iter().find(of_mail) {
        Some(mail) => vec![mail.clone()],
        None => asked,
    }
}

/// The last part of a Microsoft scope: `SMTP.Send`.
fn permission(scope: &str) -> &str {
    scope.rsplit('/').next().unwrap_or_default()
}
