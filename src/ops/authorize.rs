//! Authorization: send somebody to the provider, and keep what they come back with.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::secrets::{self, Ask, Bought};
use super::{Core, Result, granted, services, to_its_end, token};
use crate::model::catalogue::{self, Subject};
use crate::model::service::{GrantType, OAuth2, Provider, Service};
use crate::model::{Diagnosis, Error, Reason, Secret, ServiceId, Timestamp};
use crate::oauth::{self, Endpoints, Outcome, ProviderError, Redirect, TokenAnswer};
use crate::store::{PendingAuthorization, ServiceRow, StoreError};

/// A pending authorization lives this long.
const LIFETIME: Duration = Duration::from_secs(600);

/// Where to send the person who consents.
#[derive(Clone, PartialEq)]
pub struct Begun {
    pub authorization_url: String,
    pub state: Secret,
    pub redirect_uri: String,
    pub expire_time: Timestamp,
}

/// What a finished authorization leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Completed {
    pub row: ServiceRow,
    /// Where the page links to; empty for nowhere.
    pub return_url: String,
    /// The provider named who signed in; else the first AUTH proves it.
    pub login_is_proven: bool,
}

/// Begins an authorization, and ends earlier ones of the same service.
///
/// # Errors
/// `NotFound`; `State` without OAuth 2.0; `Invalid` for a return_url that is not allowed.
pub async fn begin(core: &Core, id: &ServiceId, return_url: &str) -> Result<Begun> {
    if !return_url.is_empty() && !may_return_to(core, return_url) {
        return Err(Error::invalid(
            "return_url",
            "must begin with one of the server's return_url_prefixes",
        ));
    }
    let service = services::get(core, id).await?.service;
    let oauth2 = oauth2_settings(&service)?;
    let (state, verifier) = (
        oauth::new_state(core.env.random()),
        oauth::code_verifier(core.env.random()),
    );
    let redirect_uri = services::redirect_uri(core, &service);
    let endpoints = token::endpoints(core, &service, oauth2)?;
    let authorization_url =
        oauth::authorization_url(oauth2, &endpoints, &redirect_uri, &state, &verifier).map_err(
            |violation| refusal(&service, Reason::AppConfiguration, &violation.description),
        )?;
    let now = core.env.now();
    let state_hash = hash(state.expose());
    let expire_time = now + LIFETIME;
    let pending = || PendingAuthorization {
        state_hash,
        service_id: id.clone(),
        sealed_verifier: core.vault.seal(
            &verifier_identity(&state_hash),
            verifier.expose().as_bytes(),
        ),
        redirect_uri: redirect_uri.clone(),
        return_url: return_url.to_owned(),
        expire_time,
    };
    let begun = loop {
        match core.store.begin_authorization(now, pending()).await {
            // The key that sealed gave way to another one meanwhile.
            Err(StoreError::KeyRetired) => {}
            done => break done,
        }
    };
    begun.map_err(|error| match error {
        StoreError::NotFound => Error::service_not_found(id),
        other => other.into(),
    })?;
    Ok(Begun {
        authorization_url,
        state,
        redirect_uri,
        expire_time,
    })
}

/// Which door the answer came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// `/oauth2/callback`.
    SharedCallback,
    /// `/oauth2/callback/{service_id}`.
    OwnCallback(String),
    /// The platform's own page, by CompleteAuthorize; and the service of its path, where it tells.
    Platform(Option<ServiceId>),
}

/// Finishes an authorization with what came back. The state is used up, also by a failure.
///
/// # Errors
/// `NotFound` for a state that is unknown, used, expired or another door's; `State` with what the
/// provider refused; `Unavailable` when it does not answer.
pub async fn complete(core: &Arc<Core>, door: Door, redirect: Redirect) -> Result<Completed> {
    let core = core.clone();
    to_its_end(async move { complete_once(&core, door, redirect).await }).await
}

async fn complete_once(core: &Core, door: Door, redirect: Redirect) -> Result<Completed> {
    let now = core.env.now();
    let state_hash = hash(redirect.state.as_ref().ok_or_else(unknown_state)?.expose());
    let pending = core
        .store
        .take_authorization(now, &state_hash)
        .await?
        .ok_or_else(unknown_state)?;
    let named = pending_service(core, &pending).await?;
    // No refresh of the old grant gets in between, and settings that change meanwhile are noticed
    // by the generation. What failed is kept in the same turn: a newer grant ends it.
    let _turn = core.refresh_turn(&named.service.mailbox()).await;
    let completed = grant(core, door, pending, redirect).await;
    if let Err(error) = &completed {
        keep_failure(core, &named.service, error).await;
    }
    completed
}

/// Makes a grant of what came back for an authorization that is ours.
async fn grant(
    core: &Core,
    door: Door,
    pending: PendingAuthorization,
    redirect: Redirect,
) -> Result<Completed> {
    let ServiceRow {
        service,
        token_generation,
        ..
    } = pending_service(core, &pending).await?;
    let oauth2 = oauth2_settings(&service)?;
    if !door_fits(&door, &service, oauth2) {
        return Err(unknown_state());
    }
    let endpoints = token::endpoints(core, &service, oauth2)?;
    let bought = answer(core, &service, oauth2, &endpoints, &pending, &redirect).await?;
    let login_is_proven = granted::check(&service, oauth2, &endpoints, &bought.answer)?;
    let bought = with_scopes(bought, endpoints);
    match token::keep(core, &service, token_generation, bought, None).await {
        Ok(_) => {}
        Err(StoreError::Stale | StoreError::NotFound) => {
            let name = format!("service {}", service.id);
            return Err(Error::Conflict { name });
        }
        Err(error) => return Err(error.into()),
    }
    core.pool.retire(&service.mailbox()).await;
    tracing::info!(service = %service.id, "authorized");
    let row = services::get(core, &service.id).await?;
    Ok(Completed {
        row,
        return_url: pending.return_url,
        login_is_proven,
    })
}

/// Tells those who wait for it, by the feed: whoever saw the page may be somebody else.
async fn keep_failure(core: &Core, service: &Service, error: &Error) {
    let local = |reason, detail| catalogue::local(reason, &Subject::of(&service.config), detail);
    let failure = match error {
        Error::State { diagnosis, .. } => (**diagnosis).clone(),
        Error::Unavailable {
            reason,
            description,
            ..
        } => Diagnosis {
            summary: description.clone(),
            ..local(*reason, "")
        },
        Error::Conflict { .. } => local(Reason::EtagMismatch, "while somebody consented"),
        Error::NotFound { .. } => local(
            Reason::ProviderProtocol,
            "it came back at an address that is not this service's",
        ),
        _ => local(Reason::Internal, ""),
    };
    let now = core.env.now();
    match core
        .store
        .fail_authorization(now, &service.id, failure)
        .await
    {
        Ok(()) | Err(StoreError::NotFound) => {}
        Err(error) => {
            tracing::warn!(service = %service.id, ?error, "a failed authorization is not on the feed");
        }
    }
}

/// Whether the answer came back where this provider was told to send it.
fn door_fits(door: &Door, service: &Service, oauth2: &OAuth2) -> bool {
    let is_custom = matches!(oauth2.provider, Provider::Custom(_));
    match door {
        Door::Platform(named) => named.as_ref().is_none_or(|id| *id == service.id),
        Door::SharedCallback => !is_custom,
        Door::OwnCallback(id) => is_custom && service.id.as_str() == id,
    }
}

/// What the provider gives for what came back.
async fn answer(
    core: &Core,
    service: &Service,
    oauth2: &OAuth2,
    endpoints: &Endpoints,
    pending: &PendingAuthorization,
    redirect: &Redirect,
) -> Result<Bought> {
    let code = match (oauth2.grant_type, redirect.outcome()) {
        (_, Outcome::Refused(error)) => return Err(provider_error(service, &error)),
        (GrantType::AuthorizationCode, Outcome::Code(code)) => Some(code),
        // Of which tenant is known from the settings: what came back could name any.
        (GrantType::ClientCredentials, Outcome::AdminConsent) => None,
        (GrantType::AuthorizationCode, _) => {
            return Err(malformed(
                service,
                "the answer holds neither a code nor an error",
            ));
        }
        (GrantType::ClientCredentials, _) => {
            return Err(malformed(
                service,
                "the answer holds neither an admin's consent nor an error",
            ));
        }
    };
    oauth::check_issuer(redirect, endpoints)
        .map_err(|mismatch| malformed(service, &mismatch.to_string()))?;
    let verifier = open_verifier(core, pending)?;
    let ask = match &code {
        Some(code) => Ask::Code {
            code,
            redirect_uri: &pending.redirect_uri,
            verifier: &verifier,
        },
        None => Ask::App,
    };
    let bought = secrets::buy(core, service, oauth2, &ask).await?;
    bought.map_err(|error| provider_error(service, &error))
}

/// RFC 6749 §5.1: no scope in the answer means the scope that was asked for.
fn with_scopes(bought: Bought, endpoints: Endpoints) -> Bought {
    let scopes = match bought.answer.scopes.is_empty() {
        true => endpoints.scopes,
        false => bought.answer.scopes,
    };
    let answer = TokenAnswer {
        scopes,
        ..bought.answer
    };
    Bought { answer, ..bought }
}

async fn pending_service(core: &Core, pending: &PendingAuthorization) -> Result<ServiceRow> {
    let row = core.store.service(&pending.service_id).await?;
    row.ok_or_else(unknown_state)
}

fn provider_error(service: &Service, error: &ProviderError) -> Error {
    let diagnosis = token::diagnose(error, service);
    if error.is_transient() {
        return Error::Unavailable {
            reason: diagnosis.reason,
            description: diagnosis.summary,
            retry_after: error.retry_after.unwrap_or(Duration::from_secs(5)),
        };
    }
    Error::state(format!("services/{}", service.id), diagnosis)
}

/// The settings of a service that must use OAuth 2.0.
pub(super) fn oauth2_settings(service: &Service) -> Result<&OAuth2> {
    service.config.oauth2().ok_or_else(|| {
        refusal(
            service,
            Reason::WrongState,
            "the service does not use OAuth 2.0",
        )
    })
}

fn malformed(service: &Service, detail: &str) -> Error {
    refusal(service, Reason::ProviderProtocol, detail)
}

pub(super) fn refusal(service: &Service, reason: Reason, detail: &str) -> Error {
    let diagnosis = catalogue::local(reason, &Subject::of(&service.config), detail);
    Error::state(format!("services/{}", service.id), diagnosis)
}

fn open_verifier(core: &Core, pending: &PendingAuthorization) -> Result<Secret> {
    let plain = core
        .vault
        .open(
            &verifier_identity(&pending.state_hash),
            &pending.sealed_verifier,
        )
        .map_err(|error| Error::Internal(error.to_string()))?;
    let text = std::str::from_utf8(&plain).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Secret::new(text))
}

fn may_return_to(core: &Core, return_url: &str) -> bool {
    let plain = return_url.len() <= 2_048 && return_url.bytes().all(|byte| byte.is_ascii_graphic());
    plain
        && core
            .config
            .server
            .return_url_prefixes
            .iter()
            .any(|prefix| return_url.starts_with(prefix))
}

fn unknown_state() -> Error {
    Error::NotFound {
        reason: Reason::AuthorizationNotFound,
        kind: "authorization",
        name: "state".into(),
    }
}

fn hash(state: &str) -> [u8; 32] {
    Sha256::digest(state.as_bytes()).into()
}

pub(super) fn verifier_identity(state_hash: &[u8; 32]) -> String {
    format!("authorization/{}", URL_SAFE_NO_PAD.encode(state_hash))
}
