//! The app that acts for itself (RFC 6749 §4.4): nobody signs in, there is no refresh token, and a
//! token is fetched whenever one is needed.
//!
//! That a tenant's admin consented does not follow from having a token: Microsoft gives one without
//! roles as well. The mail server's answer to AUTH is what proves it.

use super::{Core, Result, token};
use crate::model::service::{GrantType, OAuth2, Service};
use crate::oauth::{self, Client, ProviderError, TokenAnswer};

/// Whether the service's app acts for itself.
pub(super) fn is_of(service: &Service) -> bool {
    let oauth2 = service.config.oauth2();
    oauth2.is_some_and(|oauth2| oauth2.grant_type == GrantType::ClientCredentials)
}

/// A new token, from the endpoint of the tenant that the settings name.
///
/// # Errors
/// The outer ones are ours (settings, store); the inner is the provider's.
pub(super) async fn fetch(
    core: &Core,
    service: &Service,
    oauth2: &OAuth2,
) -> Result<std::result::Result<TokenAnswer, ProviderError>> {
    let endpoints = token::endpoints(core, service, oauth2)?;
    let secret = token::secrets(core, &service.id).await?.client_secret;
    let client = Client {
        id: &oauth2.client_id,
        secret: secret.as_ref(),
        endpoints: &endpoints,
    };
    let http = async |request| core.egress.http(request).await;
    let fetched = oauth::client_credentials(&client, http).await;
    // RFC 6749 §4.4.3: there should be no refresh token. One that is there would not be used.
    Ok(fetched.map(|answer| TokenAnswer {
        refresh_token: None,
        ..answer
    }))
}
