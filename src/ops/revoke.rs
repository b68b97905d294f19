//! Revoking an authorization: this server forgets it at once, and then gives it back to the provider.

use std::sync::Arc;

use super::{Core, Result, authorize, secrets, services, to_its_end, token};
use crate::model::service::{OAuth2, Service};
use crate::model::{Error, Secret, ServiceId};
use crate::oauth::{self, Client, ProviderError};
use crate::store::{ServiceRow, StoreError, TokenRow};

/// What became of a grant.
#[derive(Clone, Debug, PartialEq)]
pub struct Revoked {
    /// The service, without a grant.
    pub row: ServiceRow,
    /// The provider takes the refresh token no more.
    pub at_provider: bool,
}

/// Forgets the grant of a service, whatever the provider says to it: its tokens are erased, refreshes
/// and authorizations under way come to nothing, sessions that it opened are not used again. Without
/// a grant there is nothing to forget, and that is no error.
///
/// # Errors
/// `NotFound`; `State` without OAuth 2.0.
pub async fn revoke(core: &Arc<Core>, id: &ServiceId) -> Result<Revoked> {
    let (core, id) = (core.clone(), id.clone());
    to_its_end(async move { revoke_once(&core, &id).await }).await
}

async fn revoke_once(core: &Core, id: &ServiceId) -> Result<Revoked> {
    let service = services::get(core, id).await?.service;
    let oauth2 = authorize::oauth2_settings(&service)?;
    let forgotten =
        core.store
            .forget_grant(core.env.now(), id)
            .await
            .map_err(|error| match error {
                StoreError::NotFound => Error::service_not_found(id),
                other => other.into(),
            })?;
    core.pool.retire(&service.mailbox()).await;
    let at_provider = match forgotten {
        Some(row) => give_back(core, &service, oauth2, &row).await,
        None => false,
    };
    tracing::info!(service = %id, at_provider, "the authorization is revoked");
    let row = services::get(core, id).await?;
    Ok(Revoked { row, at_provider })
}

/// Whether the provider takes the refresh token no more.
async fn give_back(core: &Core, service: &Service, oauth2: &OAuth2, row: &TokenRow) -> bool {
    let refresh_token = match token::open_tokens(core, &service.id, row) {
        Ok(tokens) => tokens.refresh_token,
        Err(error) => {
            tracing::error!(service = %service.id, ?error, "a token to revoke can't be read");
            None
        }
    };
    let Some(refresh_token) = refresh_token else {
        return false;
    };
    match ask(core, service, oauth2, &refresh_token).await {
        Ok(Ok(revoked)) => revoked,
        // Google's word for a token that it takes no more (RFC 7009 §2.2 calls that a success).
        Ok(Err(error)) if error.error == "invalid_token" => true,
        Ok(Err(error)) => {
            tracing::warn!(service = %service.id, %error, "the provider did not revoke");
            false
        }
        Err(error) => {
            tracing::warn!(service = %service.id, ?error, "the provider was not asked to revoke");
            false
        }
    }
}

/// Asks the provider to revoke, with the client secret or else the next one; false where it has no
/// endpoint for it.
async fn ask(
    core: &Core,
    service: &Service,
    oauth2: &OAuth2,
    refresh_token: &Secret,
) -> Result<std::result::Result<bool, ProviderError>> {
    let endpoints = token::endpoints(core, service, oauth2)?;
    if endpoints.revocation.is_none() {
        return Ok(Ok(false));
    }
    let stored = secrets::stored(core, &service.id).await?;
    let (first, next) = secrets::in_turn(&stored, &endpoints);
    let ask = async |secret| {
        let client = Client {
            id: &oauth2.client_id,
            secret,
            endpoints: &endpoints,
        };
        let http = async |request| core.egress.http(request).await;
        oauth::revoke(&client, refresh_token, http).await
    };
    let answer = match (ask(first).await, next) {
        (Err(error), Some(next)) if error.blames_secret() => ask(Some(next)).await,
        (answer, _) => answer,
    };
    Ok(answer.map(|()| true))
}
