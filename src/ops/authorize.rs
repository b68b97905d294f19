//! Authorization: send somebody to the provider, and keep what they come back with.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::secrets::{self, Ask, Bought};
use super::{Core, Result, services, to_its_end, token};
use crate::model::catalogue::{self, Subject};
use crate::model::service::{GrantType, OAuth2, Provider, Service};
use crate::model::{Error, Reason, Secret, ServiceId, Timestamp};
use crate::oauth::{self, Outcome, ProviderError, Redirect, TokenAnswer};
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
    let oauth2 = oauth2_of(&service)?;
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
    let pending = PendingAuthorization {
        state_hash,
        service_id: id.clone(),
        sealed_verifier: core.vault.seal(
            &verifier_identity(&state_hash),
            verifier.expose().as_bytes(),
        ),
        redirect_uri: redirect_uri.clone(),
        return_url: return_url.to_owned(),
        expire_time: now + LIFETIME,
    };
    let expire_time = pending.expire_time;
    core.store
        .begin_authorization(now, pending)
        .await
        .map_err(|error| match error {
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
    /// The platform's own page, by CompleteAuthorize.
    Platform,
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
    // by the generation.
    let _turn = core.refresh_turn(&named.service.mailbox()).await;
    let ServiceRow {
        service,
        token_generation,
        ..
    } = pending_service(core, &pending).await?;
    let oauth2 = oauth2_of(&service)?;
    if !door_fits(&door, &service, oauth2) {
        return Err(unknown_state());
    }
    let verifier = open_verifier(core, &pending)?;
    let bought = exchange(core, &service, oauth2, &pending, &verifier, &redirect).await?;
    let login_is_proven = check(&service, oauth2, &bought.answer)?;
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

/// Whether the answer came back where this provider was told to send it.
fn door_fits(door: &Door, service: &Service, oauth2: &OAuth2) -> bool {
    let is_custom = matches!(oauth2.provider, Provider::Custom(_));
    match door {
        Door::Platform => true,
        Door::SharedCallback => !is_custom,
        Door::OwnCallback(id) => is_custom && service.id.as_str() == id,
    }
}

async fn exchange(
    core: &Core,
    service: &Service,
    oauth2: &OAuth2,
    pending: &PendingAuthorization,
    verifier: &Secret,
    redirect: &Redirect,
) -> Result<Bought> {
    let endpoints = token::endpoints(core, service, oauth2)?;
    let code = match redirect.outcome() {
        Outcome::Refused(error) => return Err(provider_error(service, &error)),
        Outcome::Code(code) => code,
        Outcome::AdminConsent | Outcome::Nothing => {
            return Err(refusal(
                service,
                Reason::ProviderProtocol,
                "the answer holds neither a code nor an error",
            ));
        }
    };
    oauth::check_issuer(redirect, &endpoints)
        .map_err(|mismatch| refusal(service, Reason::ProviderProtocol, &mismatch.to_string()))?;
    let ask = Ask::Code {
        code: &code,
        redirect_uri: &pending.redirect_uri,
        verifier,
    };
    let Bought { answer, promotion } = secrets::buy(core, service, oauth2, &ask)
        .await?
        .map_err(|error| provider_error(service, &error))?;
    // RFC 6749 §5.1: no scope in the answer means the scope that was asked for.
    let scopes = match answer.scopes.is_empty() {
        true => endpoints.scopes.clone(),
        false => answer.scopes,
    };
    let answer = TokenAnswer { scopes, ..answer };
    Ok(Bought { answer, promotion })
}

/// Checks who signed in and what was granted, before anything is stored. Returns whether the
/// provider said who it was.
fn check(service: &Service, oauth2: &OAuth2, answer: &TokenAnswer) -> Result<bool> {
    let identity = token::identity(answer);
    if let Some(identity) = &identity
        && !identity.names(oauth2.consent_email())
    {
        return Err(refusal(service, Reason::WrongAccount, identity.login()));
    }
    if answer.refresh_token.is_none() {
        return Err(refusal(service, Reason::NoRefreshToken, ""));
    }
    Ok(identity.is_some())
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

fn oauth2_of(service: &Service) -> Result<&OAuth2> {
    let oauth2 = oauth2_settings(service)?;
    match oauth2.grant_type {
        GrantType::AuthorizationCode => Ok(oauth2),
        GrantType::ClientCredentials => Err(Error::Unimplemented {
            what: "the client credentials grant",
        }),
    }
}

fn refusal(service: &Service, reason: Reason, detail: &str) -> Error {
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

fn verifier_identity(state_hash: &[u8; 32]) -> String {
    format!("authorization/{}", URL_SAFE_NO_PAD.encode(state_hash))
}
