//! Claims what is due and delivers it, so many at once as the configuration allows.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Alarm, Tasks};
use crate::model::Timestamp;
use crate::ops::{Core, deliver};
use crate::store::{Due, StoreError};

/// Delivers until `stop` is set.
pub async fn run(core: &Arc<Core>, stop: watch::Receiver<bool>, tasks: &mut Tasks) {
    let mut alarm = Alarm::new(core, stop.clone());
    while alarm.goes_on() {
        let turn = run_once(core, &stop, tasks).await;
        alarm.wait(turn, tasks).await;
    }
}

/// Claims what is due now and begins to deliver it, each with what may go behind it until `stop` is
/// set; returns when time alone makes more due.
///
/// # Errors
/// Those of the store.
pub async fn run_once(
    core: &Arc<Core>,
    stop: &watch::Receiver<bool>,
    tasks: &mut Tasks,
) -> Result<Option<Timestamp>, StoreError> {
    let now = core.env.now();
    // A look costs less than a transaction, and mostly there is nothing.
    let first = core.store.next_due(Due::Claims, None).await?;
    if first.is_none_or(|first| first > now) {
        return Ok(first);
    }
    let free = tasks.free();
    if free > 0 {
        for claimed in core.store.claim_due(now, free).await? {
            let (core, stop) = (core.clone(), stop.clone());
            tasks.begin(async move { deliver::deliver(&core, claimed, &stop).await });
        }
    }
    core.store.next_due(Due::Claims, Some(now)).await
}
