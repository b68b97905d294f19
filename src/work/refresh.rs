//! Refreshes tokens ahead of their expiry, those first that are due the longest, and however many
//! are due no faster than the providers are meant to be asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Alarm, Tasks};
use crate::model::Timestamp;
use crate::ops::{self, Core};
use crate::store::{Due, StoreError};

/// What is due and has to wait goes in groups: a claim is a commit.
const CLAIM_AGAIN: Duration = Duration::from_secs(1);

/// Refreshes until `stop` is set.
pub async fn run(core: &Arc<Core>, stop: watch::Receiver<bool>, tasks: &mut Tasks) {
    let mut alarm = Alarm::new(core, stop);
    while alarm.goes_on() {
        let turn = run_once(core, tasks).await;
        alarm.wait(turn, tasks).await;
    }
}

/// Begins the refreshes that are due now; returns when time alone makes more due.
///
/// # Errors
/// Those of the store.
pub async fn run_once(
    core: &Arc<Core>,
    tasks: &mut Tasks,
) -> Result<Option<Timestamp>, StoreError> {
    let now = core.env.now();
    // A look costs less than a transaction, and mostly there is nothing.
    let first = core.store.next_due(Due::Refreshes, None).await?;
    if first.is_none_or(|first| first > now) {
        return Ok(first);
    }
    let free = tasks.free();
    let (tickets, wait) = core.refresh_tickets(free).await?;
    let room = tickets.len();
    let mut claimed = Vec::new();
    if room > 0 {
        claimed = core.store.claim_refreshes(now, room).await?;
    }
    let may_be_more = claimed.len() == room;
    for (id, ticket) in claimed.into_iter().zip(tickets) {
        let core = core.clone();
        tasks.begin(async move { ops::refresh::refresh_due(&core, &id, ticket).await });
    }
    let next = core.store.next_due(Due::Refreshes, Some(now)).await?;
    let room_time = (room < free && may_be_more).then(|| now + wait.max(CLAIM_AGAIN));
    Ok(next.into_iter().chain(room_time).min())
}
