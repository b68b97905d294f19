//! Tokens: the credential that a connection shows, and its refresh.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::refresh::{SILENT, put_off, waits};
use super::secrets::{self, Ask, Bought};
use super::{Core, Result, Ticket, to_its_end};
use crate::config::Config;
use crate::model::catalogue::{self, Subject};
use crate::model::schedule::{refresh_after, refresh_frequency};
use crate::model::service::{
    Auth, Authorization, Grant, OAuth2, Pause, Provider, SaslMechanism, Service,
};
use crate::model::verdict::PauseScope;
use crate::model::{Diagnosis, Error, Phase, Reason, Secret, ServiceId, Timestamp};
use crate::oauth::{Endpoints, ErrorKind, Identity, ProviderError, ProviderOverrides, TokenAnswer};
use crate::smtp::Credential;
use crate::store::{NewToken, StoreError, TokenRow};

/// A token that expires sooner than this is refreshed before it is shown.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);

/// A provider that doesn't tell a lifetime gets this one (RFC 6749 §5.1 leaves it open).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3_600);

/// However short a token lives, it is not refreshed more often than this.
const REFRESH_MIN: Duration = Duration::from_secs(5);

/// A store that fails is asked again after this long.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// What is sealed in a token's row.
#[derive(Serialize, Deserialize)]
pub(super) struct Tokens {
    pub access_token: Secret,
    pub refresh_token: Option<Secret>,
    pub access_expire_time: Timestamp,
}

/// Why there is no credential to show.
#[derive(Clone, Debug, PartialEq)]
pub enum NoCredential {
    /// Somebody must act, and the service says so already: its grant is dead, or its mailbox pauses.
    Stopped(Diagnosis),
    /// Somebody must mend the configuration, and nothing of the service tells yet.
    Misconfigured(Diagnosis),
    /// The service's address, login or grant has changed since the caller read it.
    Moved,
    /// The provider doesn't answer now.
    Later(Diagnosis, Duration),
    /// The store, or a bug.
    Failed(Error),
}

impl From<StoreError> for NoCredential {
    fn from(error: StoreError) -> Self {
        match error {
            // The grant was replaced or forgotten meanwhile, or the service is gone.
            StoreError::Stale | StoreError::NotFound => Self::Moved,
            error => Self::Failed(error.into()),
        }
    }
}

impl From<Error> for NoCredential {
    fn from(error: Error) -> Self {
        match error {
            Error::State { diagnosis, .. } => Self::Misconfigured(*diagnosis),
            error => Self::Failed(error),
        }
    }
}

/// The credential that a new connection of this service shows, and its generation. A token older
/// than `not_before`, or about to expire, is refreshed first.
///
/// # Errors
/// [`NoCredential`] says whether waiting can help.
pub async fn credential(
    core: &Arc<Core>,
    service: &Service,
    not_before: u64,
) -> std::result::Result<(Credential, u64), NoCredential> {
    let found = stored_credential(core, service, not_before).await?;
    // What is stored now may belong to another address than the one the caller is about to dial.
    match core.store.service(&service.id).await? {
        Some(row)
            if row.service.config.smtp == service.config.smtp
                && row.service.config.auth == service.config.auth =>
        {
            Ok(found)
        }
        _ => Err(NoCredential::Moved),
    }
}

async fn stored_credential(
    core: &Arc<Core>,
    service: &Service,
    not_before: u64,
) -> std::result::Result<(Credential, u64), NoCredential> {
    let config = &service.config;
    match &config.auth {
        Auth::None => Ok((Credential::None, 0)),
        Auth::Password { username } => {
            let secrets = secrets::stored(core, &service.id).await?;
            let password = secrets.password.ok_or_else(|| missing(service))?;
            Ok((
                Credential::Password {
                    username: username.clone(),
                    password,
                },
                service.revision,
            ))
        }
        Auth::OAuth2(oauth2) => {
            let row = core.store.token(&service.id).await?;
            let row = row.ok_or_else(|| match service.grant {
                Grant::None => missing(service),
                Grant::Live | Grant::Dead(_) => NoCredential::Moved,
            })?;
            let tokens = open_tokens(core, &service.id, &row)?;
            let fresh = core.env.now() + EXPIRY_MARGIN < tokens.access_expire_time;
            let (tokens, generation) = if fresh && row.generation >= not_before {
                (tokens, row.generation)
            } else {
                // On the heap, since it is large and most messages need none of it.
                Box::pin(refresh(core, &service.id, row.generation, None)).await?
            };
            Ok((bearer(oauth2, tokens.access_token.clone()), generation))
        }
    }
}

/// Refreshes the token of a service, unless somebody else has replaced the one of
/// `seen_generation` meanwhile. What the provider returned is durable before it is used. Whoever
/// has no ticket for the request gets one at once.
///
/// # Errors
/// [`NoCredential`]; a dead grant and a broken configuration are recorded before it returns.
pub(super) async fn refresh(
    core: &Arc<Core>,
    id: &ServiceId,
    seen_generation: u64,
    ticket: Option<Ticket>,
) -> std::result::Result<(Tokens, u64), NoCredential> {
    let (core, id) = (core.clone(), id.clone());
    to_its_end(async move { refresh_in_turn(&core, &id, seen_generation, ticket).await }).await
}

async fn refresh_in_turn(
    core: &Core,
    id: &ServiceId,
    seen_generation: u64,
    ticket: Option<Ticket>,
) -> std::result::Result<(Tokens, u64), NoCredential> {
    let row = core
        .store
        .service(id)
        .await?
        .ok_or_else(|| Error::service_not_found(id))?;
    let _turn = core.refresh_turn(&row.service.mailbox()).await;

    // Both may have changed while we waited for our turn.
    let service = core
        .store
        .service(id)
        .await?
        .ok_or_else(|| Error::service_not_found(id))?
        .service;
    let row = core.store.token(id).await?.ok_or(NoCredential::Moved)?;
    let tokens = open_tokens(core, id, &row)?;
    if row.generation > seen_generation {
        return Ok((tokens, row.generation));
    }
    if let Grant::Dead(diagnosis) = &service.grant {
        return Err(NoCredential::Stopped(diagnosis.clone()));
    }
    if let Some(wait) = waits(&row, core.env.now()) {
        let subject = Subject::of(&service.config);
        let unknown = || catalogue::local(Reason::ProviderUnavailable, &subject, "");
        let failure = row.last_failure.unwrap_or_else(unknown);
        return Err(NoCredential::Later(failure, wait));
    }
    let Some(oauth2) = service.config.oauth2() else {
        return Err(missing(&service));
    };
    let ask = match &tokens.refresh_token {
        Some(refresh_token) => Ask::Refresh(refresh_token),
        None if service.config.is_app_only() => Ask::App,
        None => {
            let subject = Subject::of(&service.config);
            let diagnosis = catalogue::local(Reason::NoRefreshToken, &subject, "");
            core.store
                .bury_grant(core.env.now(), id, row.generation, diagnosis.clone())
                .await?;
            return Err(NoCredential::Stopped(diagnosis));
        }
    };
    let endpoints = endpoints(core, &service, oauth2)?;
    let Some(visit) = core.provider_load.visit(endpoints.token.authority()).await else {
        let subject = Subject::of(&service.config);
        let failure = catalogue::local(Reason::ProviderUnavailable, &subject, SILENT);
        return Err(put_off(core, &service, &row, failure, Duration::ZERO).await?);
    };
    let urgent = || core.provider_load.urgent(core.env.monotonic());
    ticket.unwrap_or_else(urgent).spend();
    let bought = secrets::buy(core, &service, oauth2, &ask).await;
    let silent = |error: &ProviderError| error.kind == ErrorKind::Transport;
    visit.ended(!matches!(&bought, Ok(Err(error)) if silent(error)));
    match bought? {
        Ok(bought) => {
            core.metrics.refresh("refreshed");
            let answer = TokenAnswer {
                refresh_token: bought.answer.refresh_token.or(tokens.refresh_token),
                ..bought.answer
            };
            let bought = Bought { answer, ..bought };
            let authorization = service.authorization.clone();
            Ok(keep(core, &service, row.generation, bought, authorization).await?)
        }
        Err(error) => Err(refresh_failed(core, &service, &row, &error).await?),
    }
}

/// Seals and stores what the provider gave, as the generation after this one, and the client secret
/// that it took.
pub(super) async fn keep(
    core: &Core,
    service: &Service,
    generation: u64,
    bought: Bought,
    before: Option<Authorization>,
) -> std::result::Result<(Tokens, u64), StoreError> {
    let Bought { answer, promotion } = bought;
    let now = core.env.now();
    let told = answer.expires_in.filter(|lifetime| !lifetime.is_zero());
    let lifetime = told.unwrap_or(DEFAULT_LIFETIME);
    let can_refresh = answer.refresh_token.is_some() || service.config.is_app_only();
    let refresh_time =
        can_refresh.then(|| now + refresh_after(lifetime, core.env.fraction()).max(REFRESH_MIN));
    let is_new = before.is_none();
    let authorization = match before {
        Some(before) => before,
        None => Authorization {
            login: identity(&answer)
                .map_or_else(String::new, |identity| identity.login().to_owned()),
            scopes: answer.scopes.clone(),
            authorize_time: now,
            access_token_expire_time: now,
            last_refresh_time: None,
            next_refresh_time: None,
        },
    };
    let authorization = Authorization {
        access_token_expire_time: now + lifetime,
        last_refresh_time: Some(now),
        next_refresh_time: refresh_time,
        ..authorization
    };
    let tokens = Tokens {
        access_token: answer.access_token,
        refresh_token: answer.refresh_token,
        access_expire_time: now + lifetime,
    };
    let plain = zeroize::Zeroizing::new(crate::store::encode(&tokens));
    let identity = token_identity(&service.id, generation + 1);
    let sealed = core.vault.seal(&identity, &plain);
    let mut new = NewToken {
        service_id: service.id.clone(),
        expected_generation: generation,
        sealed,
        refresh_time,
        frequency: refresh_frequency(lifetime),
        end_pause: is_new,
        authorization,
        promotion,
    };
    // The provider gives it once: it is kept, however long the store takes.
    loop {
        match core.store.save_token(core.env.now(), new.clone()).await {
            Err(StoreError::Unavailable(why)) => {
                tracing::warn!(service = %service.id, why, "a token is not stored yet");
                core.env.sleep(STORE_RETRY).await;
            }
            Err(StoreError::KeyRetired) => {
                new.sealed = core.vault.seal(&identity, &plain);
                if let Some(promotion) = &mut new.promotion {
                    promotion.secrets = secrets::resealed(core, &service.id, &promotion.secrets)?;
                }
            }
            done => return Ok((tokens, done?)),
        }
    }
}

/// Records why a refresh failed, and says what the caller may expect.
async fn refresh_failed(
    core: &Core,
    service: &Service,
    row: &TokenRow,
    error: &ProviderError,
) -> std::result::Result<NoCredential, NoCredential> {
    let now = core.env.now();
    let diagnosis = Diagnosis {
        since: Some(now),
        ..diagnose(error, service)
    };
    // Of what makes no sense as an answer, whatever stands before the provider is the likely author.
    if error.is_transient() || error.kind == ErrorKind::Protocol {
        core.metrics.refresh("postponed");
        let floor = error.retry_after.unwrap_or_default();
        return Ok(put_off(core, service, row, diagnosis, floor).await?);
    }
    // An app that acts for itself has nothing that could be dead: whoever mends it needn't come back.
    if error.kills_grant() && !service.config.is_app_only() {
        core.metrics.refresh("grant_died");
        tracing::warn!(service = %service.id, code = diagnosis.provider_code, "the grant died: {}", diagnosis.summary);
        core.store
            .bury_grant(now, &service.id, row.generation, diagnosis.clone())
            .await?;
    } else {
        core.metrics.refresh("refused");
        tracing::warn!(service = %service.id, code = diagnosis.provider_code, "can't refresh: {}", diagnosis.summary);
        let probe_time = now + CONFIGURATION_PROBE;
        core.store
            .postpone_refresh(
                now,
                &service.id,
                row.generation,
                probe_time,
                diagnosis.clone(),
            )
            .await?;
        let pause = Pause {
            scope: PauseScope::Mailbox,
            diagnosis: diagnosis.clone(),
            phase: Phase::Authenticate,
            since: now,
            probe_time,
            probes: 0,
            end_time: None,
        };
        core.store
            .pause_mailbox(now, &service.mailbox(), pause)
            .await?;
    }
    Ok(NoCredential::Stopped(diagnosis))
}

/// A configuration error is looked at again after this long, or at a change (invariant 6).
pub(super) const CONFIGURATION_PROBE: Duration = Duration::from_secs(3_600);

/// What a provider's refusal means for this service.
pub(super) fn diagnose(error: &ProviderError, service: &Service) -> Diagnosis {
    let subject = Subject::of(&service.config);
    match error.kind {
        ErrorKind::Denied => catalogue::local(Reason::EgressDenied, &subject, &error.description),
        ErrorKind::Transport | ErrorKind::Server => {
            catalogue::local(Reason::ProviderUnavailable, &subject, &error.description)
        }
        ErrorKind::Throttled => {
            catalogue::local(Reason::ProviderThrottled, &subject, &error.description)
        }
        ErrorKind::Protocol => {
            catalogue::local(Reason::ProviderProtocol, &subject, &error.description)
        }
        ErrorKind::Refused => catalogue::oauth(
            &error.error,
            &error.suberror,
            &error.codes,
            &error.description,
            &subject,
        ),
    }
}

/// Where this service's tokens come from.
pub(super) fn endpoints(core: &Core, service: &Service, oauth2: &OAuth2) -> Result<Endpoints> {
    endpoints_by(&core.config, service, oauth2)
}

/// Where a service's tokens come from with this configuration.
///
/// # Errors
/// `State` where the service's settings lead nowhere.
pub fn endpoints_by(config: &Config, service: &Service, oauth2: &OAuth2) -> Result<Endpoints> {
    let given = |authority: &String| Some(authority.clone()).filter(|text| !text.is_empty());
    let overrides = ProviderOverrides {
        microsoft_authority: given(&config.oauth.microsoft_authority),
        google_authority: given(&config.oauth.google_authority),
    };
    Endpoints::of(oauth2, &overrides).map_err(|violation| {
        let detail = format!("{} {}", violation.field, violation.description);
        let diagnosis = catalogue::local(
            Reason::AppConfiguration,
            &Subject::of(&service.config),
            &detail,
        );
        Error::state(format!("services/{}", service.id), diagnosis)
    })
}

/// Who signed in, where the provider says so.
pub(super) fn identity(answer: &TokenAnswer) -> Option<Identity> {
    answer.id_token.as_ref().and_then(Identity::from_id_token)
}

pub(super) fn open_tokens(core: &Core, id: &ServiceId, row: &TokenRow) -> Result<Tokens> {
    let identity = token_identity(id, row.generation);
    let plain = core
        .vault
        .open(&identity, &row.sealed)
        .map_err(|error| Error::Internal(error.to_string()))?;
    crate::store::decode(&plain).map_err(|error| Error::Internal(error.to_string()))
}

fn bearer(oauth2: &OAuth2, token: Secret) -> Credential {
    let user = oauth2.login_email.to_string();
    match &oauth2.provider {
        Provider::Custom(custom) if custom.sasl_mechanism == SaslMechanism::Oauthbearer => {
            Credential::Oauthbearer { user, token }
        }
        _ => Credential::Xoauth2 { user, token },
    }
}

/// There is nothing stored to log in with.
fn missing(service: &Service) -> NoCredential {
    let subject = Subject::of(&service.config);
    NoCredential::Misconfigured(catalogue::local(Reason::ServiceNotAuthorized, &subject, ""))
}

pub(super) fn token_identity(id: &ServiceId, generation: u64) -> String {
    format!("service/{id}/token/{generation}")
}
