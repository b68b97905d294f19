//! A service's secrets: sealed and opened, and shown to its identity provider.
//!
//! A client has up to two secrets, so that an admin can change them without an outage: the one that
//! follows is tried where the provider refuses the first. Where it is taken, it takes the first
//! one's place in the commit that keeps what it bought, so that neither is ever lost.

use super::{Core, Result, token};
use crate::model::service::{ClientAuth, OAuth2, Secrets, Service};
use crate::model::{Error, Secret, ServiceId};
use crate::oauth::{self, Client, Endpoints, ProviderError, TokenAnswer};
use crate::store::{Promotion, Sealed, StoreError};

/// What tokens are bought with.
pub(super) enum Ask<'a> {
    Code {
        code: &'a Secret,
        redirect_uri: &'a str,
        verifier: &'a Secret,
    },
    Refresh(&'a Secret),
    /// The app for itself, at the tenant that the settings name.
    App,
}

/// Tokens, and what becomes of the client's secrets when they are kept.
pub(super) struct Bought {
    pub answer: TokenAnswer,
    pub promotion: Option<Promotion>,
}

/// Asks the provider for tokens, with the client secret or else the next one.
///
/// # Errors
/// Those of the store, and what the provider refused. Where it refused both secrets, that is the
/// refusal of the first, and its text ends with that of the next one.
pub(super) async fn buy(
    core: &Core,
    service: &Service,
    oauth2: &OAuth2,
    ask: &Ask<'_>,
) -> Result<std::result::Result<Bought, ProviderError>> {
    let endpoints = token::endpoints(core, service, oauth2)?;
    loop {
        let seen = core.store.secrets(&service.id).await?;
        let outcome = buy_with(core, service, oauth2, &endpoints, seen.as_ref(), ask).await?;
        let refused = outcome.as_ref().is_err_and(ProviderError::blames_secret);
        // An admin may have mended them while we asked.
        if !refused || core.store.secrets(&service.id).await? == seen {
            return Ok(outcome);
        }
    }
}

async fn buy_with(
    core: &Core,
    service: &Service,
    oauth2: &OAuth2,
    endpoints: &Endpoints,
    seen: Option<&Sealed>,
    ask: &Ask<'_>,
) -> Result<std::result::Result<Bought, ProviderError>> {
    let secrets = opened(core, &service.id, seen)?;
    let client = |secret| Client {
        id: &oauth2.client_id,
        secret,
        endpoints,
    };
    let (first, next) = in_turn(&secrets, endpoints);
    let (refusal, next) = match (request(core, &client(first), ask).await, next) {
        (Err(error), Some(next)) if error.blames_secret() => (error, next),
        (outcome, _) => {
            let promotion = None;
            return Ok(outcome.map(|answer| Bought { answer, promotion }));
        }
    };
    match request(core, &client(Some(next)), ask).await {
        Ok(answer) => {
            tracing::warn!(service = %service.id, %refusal, "the next client secret takes over");
            let promotion = seen.map(|seen| promotion(core, &service.id, seen, &secrets));
            Ok(Ok(Bought { answer, promotion }))
        }
        Err(error) if error.blames_secret() => Ok(Err(both_refused(refusal, &error))),
        Err(error) => Ok(Err(error)),
    }
}

/// The secret to show, and the one to show where that is refused.
pub(super) fn in_turn<'a>(
    secrets: &'a Secrets,
    endpoints: &Endpoints,
) -> (Option<&'a Secret>, Option<&'a Secret>) {
    let next = secrets.next_client_secret.as_ref();
    let is_shown = endpoints.client_auth != ClientAuth::None;
    let is_other = secrets.client_secret.as_ref() != next;
    let first = secrets.client_secret.as_ref();
    (first, next.filter(|_| is_shown && is_other))
}

async fn request(
    core: &Core,
    client: &Client<'_>,
    ask: &Ask<'_>,
) -> std::result::Result<TokenAnswer, ProviderError> {
    let http = async |request| core.egress.http(request).await;
    match ask {
        Ask::Code {
            code,
            redirect_uri,
            verifier,
        } => oauth::exchange_code(client, code, redirect_uri, verifier, http).await,
        Ask::Refresh(refresh_token) => oauth::refresh(client, refresh_token, http).await,
        // RFC 6749 §4.4.3: there should be no refresh token. One that is there would not be used.
        Ask::App => oauth::client_credentials(client, http)
            .await
            .map(|answer| TokenAnswer {
                refresh_token: None,
                ..answer
            }),
    }
}

fn promotion(core: &Core, id: &ServiceId, seen: &Sealed, secrets: &Secrets) -> Promotion {
    let secrets = Secrets {
        client_secret: secrets.next_client_secret.clone(),
        next_client_secret: None,
        password: secrets.password.clone(),
    };
    let hint = secrets.client_secret.as_ref().map(Secret::hint);
    Promotion {
        seen: seen.clone(),
        client_secret_hint: hint.unwrap_or_default(),
        secrets: seal(core, id, &secrets),
    }
}

/// What stays to be mended is the secret in use; that the one after it is wrong too must show.
fn both_refused(first: ProviderError, next: &ProviderError) -> ProviderError {
    let description = format!(
        "{} (next_client_secret was refused too: {})",
        first.description, next.description
    );
    ProviderError {
        description,
        ..first
    }
}

/// The secrets of a service, opened.
pub(super) async fn stored(core: &Core, id: &ServiceId) -> Result<Secrets> {
    opened(core, id, core.store.secrets(id).await?.as_ref())
}

fn opened(core: &Core, id: &ServiceId, sealed: Option<&Sealed>) -> Result<Secrets> {
    let Some(sealed) = sealed else {
        return Ok(Secrets::default());
    };
    let plain = core
        .vault
        .open(&identity(id), sealed)
        .map_err(|error| Error::Internal(error.to_string()))?;
    crate::store::decode(&plain).map_err(|error| Error::Internal(error.to_string()))
}

/// Seals a service's secrets.
pub(super) fn seal(core: &Core, id: &ServiceId, secrets: &Secrets) -> Sealed {
    let plain = zeroize::Zeroizing::new(crate::store::encode(secrets));
    core.vault.seal(&identity(id), &plain)
}

/// The same secrets, sealed by the key that seals now.
pub(super) fn resealed(
    core: &Core,
    id: &ServiceId,
    sealed: &Sealed,
) -> std::result::Result<Sealed, StoreError> {
    let resealed = core.vault.reseal(&identity(id), sealed);
    resealed.map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) fn identity(id: &ServiceId) -> String {
    format!("service/{id}/secrets")
}
