//! The app that acts for itself (RFC 6749 §4.4): nobody signs in, there is no refresh token, and a
//! token is fetched whenever one is needed.
//!
//! That a tenant's admin consented does not follow from having a token: Microsoft gives one without
//! roles as well. The mail server's answer to AUTH is what proves it.

use crate::model::service::{GrantType, Service};

/// Whether the service's app acts for itself.
pub(super) fn is_of(service: &Service) -> bool {
    let oauth2 = service.config.oauth2();
    oauth2.is_some_and(|oauth2| oauth2.grant_type == GrantType::ClientCredentials)
}
