//! Services: create, read, change, stop, go on, delete.

use std::time::Duration;

use super::{Core, Result, secrets};
use crate::model::catalogue::{self, Subject};
use crate::model::service::{Auth, OAuth2, Provider, Secrets, Service, ServiceConfig, TlsMode};
use crate::model::update::{SecretsChange, update};
use crate::model::{Error, Labels, Reason, ServiceId};
use crate::store::{Budget, SecretsWrite, ServiceChange, ServiceFilter, ServiceRow, StoreError};

/// How long a deletion waits for transactions that run.
const SENDING_MAX: Duration = Duration::from_secs(30);

/// A service to register.
#[derive(Clone, Debug, PartialEq)]
pub struct NewService {
    /// None: one is generated.
    pub id: Option<ServiceId>,
    pub config: ServiceConfig,
    pub secrets: SecretsChange,
}

/// Registers a service.
///
/// # Errors
/// `Exists` when the id is taken, `Invalid` for plaintext where this server allows none.
pub async fn create(core: &Core, new: NewService) -> Result<ServiceRow> {
    may_be_plaintext(core, &new.config)?;
    let now = core.env.now();
    let id = new
        .id
        .unwrap_or_else(|| ServiceId::generate(core.env.random()));
    let mut known = Secrets::default();
    new.secrets.apply(&mut known);
    let mut service = Service::new(id.clone(), new.config, now);
    show_hints(&mut service.config, &known);
    let created = loop {
        let sealed = secrets::seal(core, &id, &known);
        let store = &core.store;
        match store
            .create_service(now, service.clone(), Some(sealed))
            .await
        {
            // The key that sealed gave way to another one meanwhile.
            Err(StoreError::KeyRetired) => {}
            done => break done,
        }
    };
    created.map_err(|error| match error {
        StoreError::Exists => Error::Exists {
            reason: Reason::ServiceExists,
            kind: "service",
            name: id.to_string(),
        },
        other => other.into(),
    })?;
    get(core, &id).await
}

/// Reads a service.
///
/// # Errors
/// `NotFound`.
pub async fn get(core: &Core, id: &ServiceId) -> Result<ServiceRow> {
    core.store
        .service(id)
        .await?
        .ok_or_else(|| Error::service_not_found(id))
}

/// Lists services.
///
/// # Errors
/// Those of the store.
pub async fn list(
    core: &Core,
    filter: &ServiceFilter,
    after: Option<&ServiceId>,
    limit: usize,
) -> Result<Vec<ServiceRow>> {
    Ok(core.store.services(filter, after, limit).await?)
}

/// What the mailbox of a service may still send; none without the service.
///
/// # Errors
/// Those of the store.
pub async fn budget(core: &Core, id: &ServiceId) -> Result<Option<Budget>> {
    Ok(core.store.budget(core.env.now(), id).await?)
}

/// Changes a service's settings. `change` computes the new ones from the current ones; it is called
/// again when somebody else changed them meanwhile, unless `revision` pins the version meant.
///
/// # Errors
/// `NotFound`, `Conflict`, and those of `change`.
pub async fn change(
    core: &Core,
    id: &ServiceId,
    revision: Option<u64>,
    change: impl Fn(&Service) -> Result<(ServiceConfig, SecretsChange)>,
) -> Result<ServiceRow> {
    loop {
        let current = get(core, id).await?.service;
        if revision.is_some_and(|revision| revision != current.revision) {
            return Err(Error::Conflict {
                name: format!("service {id}"),
            });
        }
        let (config, secrets) = change(&current)?;
        if config.smtp != current.config.smtp {
            may_be_plaintext(core, &config)?;
        }
        let change = prepare(core, &current, config, secrets).await?;
        let moved = change.forget_token;
        match replace(core, change).await {
            Ok(row) => {
                if moved {
                    core.pool.retire(&current.mailbox()).await;
                }
                return Ok(row);
            }
            // Whoever pinned a revision, or lost the service, hears of it in the next round.
            Err(StoreError::Stale | StoreError::NotFound | StoreError::KeyRetired) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Where it may lead is decided by the address, at each connection.
fn may_be_plaintext(core: &Core, config: &ServiceConfig) -> Result<()> {
    let is_plaintext = config.smtp.tls == TlsMode::Plaintext;
    if is_plaintext && core.config.egress.allow_plaintext_smtp.is_empty() {
        return Err(Error::invalid(
            "service.smtp.tls",
            "must not be TLS_MODE_PLAINTEXT: this server's configuration allows it nowhere \
             (egress.allow_plaintext_smtp)",
        ));
    }
    Ok(())
}

async fn prepare(
    core: &Core,
    current: &Service,
    config: ServiceConfig,
    change: SecretsChange,
) -> Result<ServiceChange> {
    let stored = secrets::stored(core, &current.id).await?;
    let names = |config: &ServiceConfig| ServiceConfig {
        display_name: String::new(),
        labels: Labels::default(),
        ..config.clone()
    };
    let try_again = !change.is_empty() || names(&config) != names(&current.config);
    let mut result = update(current, config, &change, &stored, core.env.now());
    let touches_secrets = result.erase_secrets || !change.is_empty();
    let mut secrets = match result.erase_secrets {
        true => Secrets::default(),
        false => stored,
    };
    change.apply(&mut secrets);
    show_hints(&mut result.service.config, &secrets);
    let secrets = match (touches_secrets, secrets == Secrets::default()) {
        (false, _) => SecretsWrite::Keep,
        (true, true) => SecretsWrite::Erase,
        (true, false) => SecretsWrite::Put(secrets::seal(core, &current.id, &secrets)),
    };
    Ok(ServiceChange {
        service: result.service,
        secrets,
        forget_token: result.forget_grant,
        try_again,
    })
}

/// Stops sending. Suspending twice is one suspension.
///
/// # Errors
/// `NotFound`.
pub async fn suspend(core: &Core, id: &ServiceId) -> Result<ServiceRow> {
    set_suspended(core, id, true).await
}

/// Ends a suspension, and tries a blocked mailbox at once.
///
/// # Errors
/// `NotFound`.
pub async fn resume(core: &Core, id: &ServiceId) -> Result<ServiceRow> {
    set_suspended(core, id, false).await
}

async fn set_suspended(core: &Core, id: &ServiceId, suspended: bool) -> Result<ServiceRow> {
    loop {
        let row = get(core, id).await?;
        if row.service.suspended == suspended && (suspended || row.pause.is_none()) {
            return Ok(row);
        }
        let service = Service {
            suspended,
            restore_time: row.service.restore_time.filter(|_| suspended),
            revision: row.service.revision + 1,
            update_time: core.env.now(),
            ..row.service
        };
        let change = ServiceChange {
            service,
            secrets: SecretsWrite::Keep,
            forget_token: false,
            try_again: !suspended,
        };
        match replace(core, change).await {
            Err(StoreError::Stale | StoreError::NotFound) => {}
            done => return Ok(done?),
        }
    }
}

async fn replace(
    core: &Core,
    change: ServiceChange,
) -> std::result::Result<ServiceRow, StoreError> {
    core.store.replace_service(core.env.now(), change).await
}

/// Deletes a service and its credentials. With `cancel_pending`, what waits is cancelled; what is
/// being sent ends first, while the suspended service begins nothing new.
///
/// # Errors
/// `NotFound`, `Conflict`, `State` with unfinished mail; with `cancel_pending` only when a
/// transaction takes longer than half a minute, and then the service stays suspended.
pub async fn delete(
    core: &Core,
    id: &ServiceId,
    revision: Option<u64>,
    cancel_pending: bool,
) -> Result<()> {
    let service = get(core, id).await?.service;
    let mut deleted = delete_now(core, id, revision, cancel_pending).await;
    if cancel_pending && matches!(deleted, Err(StoreError::PendingMail(_))) {
        let stopped = suspend(core, id).await?.service.revision;
        deleted = delete_when_sent(core, id, stopped).await;
    }
    match deleted {
        Ok(()) => {
            core.pool.retire(&service.mailbox()).await;
            Ok(())
        }
        Err(StoreError::NotFound) => Err(Error::service_not_found(id)),
        Err(StoreError::Stale) => Err(Error::Conflict {
            name: format!("service {id}"),
        }),
        Err(StoreError::PendingMail(count)) => {
            let detail = match count {
                1 => "1 message".to_owned(),
                count => format!("{count} messages"),
            };
            let subject = Subject::of(&service.config);
            let diagnosis = catalogue::local(Reason::ServiceHasPendingMail, &subject, &detail);
            Err(Error::state(format!("services/{id}"), diagnosis))
        }
        Err(error) => Err(error.into()),
    }
}

async fn delete_now(
    core: &Core,
    id: &ServiceId,
    revision: Option<u64>,
    cancel_pending: bool,
) -> std::result::Result<(), StoreError> {
    core.store
        .delete_service(core.env.now(), id, revision, cancel_pending)
        .await
}

/// Deletes as soon as nothing is being sent any more.
async fn delete_when_sent(
    core: &Core,
    id: &ServiceId,
    revision: u64,
) -> std::result::Result<(), StoreError> {
    let mut changed = core.store.changed();
    let deleted = core.env.timeout(SENDING_MAX, async {
        loop {
            changed.borrow_and_update();
            match delete_now(core, id, Some(revision), true).await {
                // A store that is gone answers so at the next look.
                Err(StoreError::PendingMail(_)) => drop(changed.changed().await),
                done => return done,
            }
        }
    });
    match deleted.await {
        Ok(done) => done,
        Err(_) => delete_now(core, id, Some(revision), true).await,
    }
}

/// Where the provider sends browsers back to: the server's own page, one a service for CUSTOM, so
/// that two providers can't be mixed up (RFC 9700 §4.4). Empty without OAuth 2.0.
pub fn redirect_uri(core: &Core, service: &Service) -> String {
    let callback = format!("{}/oauth2/callback", core.config.server.public_url);
    match &service.config.auth {
        Auth::OAuth2(OAuth2 {
            provider: Provider::Custom(_),
            ..
        }) => format!("{callback}/{}", service.id),
        Auth::OAuth2(_) => callback,
        Auth::Password { .. } | Auth::None => String::new(),
    }
}

/// Shows the last characters of what is stored.
fn show_hints(config: &mut ServiceConfig, secrets: &Secrets) {
    if let Auth::OAuth2(oauth2) = &mut config.auth {
        let hint = |secret: &Option<crate::model::Secret>| {
            secret.as_ref().map_or_else(String::new, |s| s.hint())
        };
        oauth2.client_secret_hint = hint(&secrets.client_secret);
        oauth2.next_client_secret_hint = hint(&secrets.next_client_secret);
    }
}
