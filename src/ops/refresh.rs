//! Refreshes whose time has come, and the wait of those that failed. What a refresh is, `token`
//! knows.

use std::sync::Arc;
use std::time::Duration;

use super::token::{NoCredential, refresh};
use super::{Core, Ticket};
use crate::model::catalogue::{self, Subject};
use crate::model::schedule::refresh_backoff;
use crate::model::service::Service;
use crate::model::{Diagnosis, Reason, ServiceId, Timestamp};
use crate::store::{StoreError, TokenRow};

/// What is said where nobody was asked.
pub(super) const SILENT: &str = "it leaves other requests of ours unanswered";

/// Refreshes a token whose time has come. How it went is recorded with the service.
pub async fn refresh_due(core: &Arc<Core>, id: &ServiceId, ticket: Ticket) {
    let seen = match core.store.token(id).await {
        Ok(Some(row)) => row.generation,
        Ok(None) => return,
        Err(error) => return tracing::error!(service = %id, ?error, "a token can't be read"),
    };
    let error = match refresh(core, id, seen, Some(ticket)).await {
        Ok((_, generation)) => {
            return tracing::debug!(service = %id, generation, "refreshed");
        }
        // How it failed is recorded, and when to try again; or there is nothing to refresh any more.
        Err(NoCredential::Stopped(_) | NoCredential::Later(..) | NoCredential::Moved) => return,
        Err(error) => error,
    };
    tracing::error!(service = %id, ?error, "a token was not refreshed");
    let now = core.env.now();
    let again = now + refresh_backoff(u32::MAX, Duration::ZERO, core.env.fraction());
    // Stale means that a newer one is there.
    let failure = match error {
        NoCredential::Misconfigured(diagnosis) => diagnosis,
        _ => catalogue::local(Reason::StoreUnavailable, &Subject::default(), ""),
    };
    if let Err(error) = core
        .store
        .postpone_refresh(now, id, seen, again, failure)
        .await
    {
        tracing::error!(service = %id, ?error, "a refresh waits for the next start");
    }
}

/// Tries again later, and not before `floor` has passed.
pub(super) async fn put_off(
    core: &Core,
    service: &Service,
    row: &TokenRow,
    failure: Diagnosis,
    floor: Duration,
) -> std::result::Result<NoCredential, StoreError> {
    let now = core.env.now();
    let wait = refresh_backoff(row.failures, floor, core.env.fraction());
    core.store
        .postpone_refresh(
            now,
            &service.id,
            row.generation,
            now + wait,
            failure.clone(),
        )
        .await?;
    Ok(NoCredential::Later(failure, wait))
}

/// How long a refresh that failed still waits: nobody asks the provider more often than the
/// supervisor would.
pub(super) fn waits(row: &TokenRow, now: Timestamp) -> Option<Duration> {
    let wait = row.refresh_time?.since(now);
    (row.failures > 0 && !wait.is_zero()).then_some(wait)
}
