//! Refreshes tokens ahead of their expiry.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Alarm, Tasks};
use crate::model::Timestamp;
use crate::ops::{Core, token};
use crate::store::StoreError;

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
    let free = tasks.free();
    if free > 0 {
        for id in core.store.claim_refreshes(now, free).await? {
            let core = core.clone();
            tasks.begin(async move { token::refresh_due(&core, &id).await });
        }
    }
    core.store.next_due(now).await
}
