//! The page that a person is sent to: the authorization URL, or a tenant's admin-consent URL.
//!
//! It draws no randomness of its own: state and PKCE verifier come from bytes handed in.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oauth2::basic::BasicClient;
use oauth2::{
    AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};

use super::Endpoints;
use crate::model::service::{GrantType, OAuth2};
use crate::model::{Secret, Violation};

/// A PKCE verifier of 256 random bits: 43 characters (RFC 7636 §4.1).
pub fn code_verifier(random: [u8; 32]) -> Secret {
    Secret::new(BASE64_URL_SAFE_NO_PAD.encode(random))
}

/// A `state` of 256 random bits: 43 characters that no encoding changes.
pub fn new_state(random: [u8; 32]) -> Secret {
    Secret::new(BASE64_URL_SAFE_NO_PAD.encode(random))
}

/// The URL that a person opens to consent: the authorization endpoint (RFC 6749 §4.1.1) with
/// `login_hint` and, where the provider takes PKCE, the S256 challenge of `verifier`; for
/// CLIENT_CREDENTIALS the admin-consent page, which knows no PKCE.
///
/// # Errors
/// A redirect URI that isn't a URL, a verifier that [`code_verifier`] didn't make, or a provider
/// without an admin-consent page.
pub fn authorization_url(
    oauth2: &OAuth2,
    endpoints: &Endpoints,
    redirect_uri: &str,
    state: &Secret,
    verifier: &Secret,
) -> Result<String, Violation> {
    let redirect = RedirectUrl::new(redirect_uri.to_owned())
        .map_err(|_| Violation::new("redirect_uri", "must be an absolute URL"))?;
    match oauth2.grant_type {
        GrantType::AuthorizationCode => consent_url(oauth2, endpoints, redirect, state, verifier),
        GrantType::ClientCredentials => admin_consent_url(oauth2, endpoints, redirect_uri, state),
    }
}

fn consent_url(
    oauth2: &OAuth2,
    endpoints: &Endpoints,
    redirect: RedirectUrl,
    state: &Secret,
    verifier: &Secret,
) -> Result<String, Violation> {
    let client = BasicClient::new(ClientId::new(oauth2.client_id.clone()))
        .set_auth_uri(AuthUrl::from_url(endpoints.authorization.clone()))
        .set_redirect_uri(redirect);
    let mut request = client.authorize_url(|| CsrfToken::new(state.expose().to_owned()));
    if !endpoints.scopes.is_empty() {
        // As one: the crate knows no separator but the space.
        let scopes = endpoints.scopes.join(&endpoints.scope_separator);
        request = request.add_scope(Scope::new(scopes));
    }
    if endpoints.pkce {
        request = request.set_pkce_challenge(challenge(verifier)?);
    }
    if !endpoints.extra_authorize_params.contains_key("login_hint") {
        request = request.add_extra_param("login_hint", oauth2.consent_email().as_str());
    }
    for (name, value) in &endpoints.extra_authorize_params {
        request = request.add_extra_param(name, value);
    }
    let (url, _) = request.url();
    Ok(url.into())
}

fn admin_consent_url(
    oauth2: &OAuth2,
    endpoints: &Endpoints,
    redirect_uri: &str,
    state: &Secret,
) -> Result<String, Violation> {
    let page = endpoints.admin_consent.clone();
    let mut url =
        page.ok_or_else(|| Violation::new("oauth2.grant", "has no admin-consent page"))?;
    url.query_pairs_mut()
        .append_pair("client_id", &oauth2.client_id)
        .append_pair("scope", &endpoints.scopes.join(&endpoints.scope_separator))
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("state", state.expose());
    Ok(url.into())
}

fn challenge(verifier: &Secret) -> Result<PkceCodeChallenge, Violation> {
    // The crate panics on any other length.
    if !(43..=128).contains(&verifier.expose().len()) {
        return Err(Violation::new("verifier", "must have 43 to 128 characters"));
    }
    let verifier = PkceCodeVerifier::new(verifier.expose().to_owned());
    Ok(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
}
