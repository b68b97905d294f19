//! Ends what time ends: expired messages, old records, idle connections. Tells what it will end.

use std::time::Duration;

use tokio::sync::watch;

use super::{Alarm, Tasks};
use crate::model::Timestamp;
use crate::ops::{Core, access_keys};
use crate::store::{Due, StoreError};

/// Messages that one transaction expires, and services of which one tells.
const BATCH: usize = 256;

/// Idle connections and old records are looked for this often.
const INTERVAL: Duration = Duration::from_secs(30);

/// Changes of the store are looked at no more often than this: each look is a transaction, and what
/// a change makes due so soon can wait.
const REST: Duration = Duration::from_secs(1);

/// A request id is known at least this long after acceptance.
const REQUEST_ID_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Sweeps until `stop` is set.
pub async fn run(core: &Core, stop: watch::Receiver<bool>) {
    let mut next_tidy = core.env.now();
    let (mut alarm, mut no_tasks) = (Alarm::new(core, stop), Tasks::at_most(0));
    while alarm.goes_on() {
        let turn = run_once(core, &mut next_tidy).await;
        alarm.rest(&turn, REST).await;
        alarm.wait(turn, &mut no_tasks).await;
    }
}

/// Expires what is due, gives the notices that are, and tidies up once `next_tidy` has come.
///
/// # Errors
/// Those of the store.
pub async fn run_once(
    core: &Core,
    next_tidy: &mut Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let now = core.env.now();
    // A clock that was set back must not put it off.
    *next_tidy = (*next_tidy).min(now + INTERVAL);
    loop {
        let expired = core.store.expire_due(now, BATCH).await?;
        core.metrics.ended("EXPIRED", expired as u64);
        if expired < BATCH {
            break;
        }
    }
    while core.store.give_notice(now, BATCH).await? == BATCH {}
    if now >= *next_tidy {
        *next_tidy = now + INTERVAL;
        core.pool.close_idle().await;
        access_keys::tell_uses(core).await?;
        let before = now.before(core.config.retention());
        core.store
            .trim(now, before, now.before(REQUEST_ID_KEPT))
            .await?;
    }
    let due = core.store.next_due(Due::Sweep, Some(now)).await?;
    Ok(Some(due.map_or(*next_tidy, |due| due.min(*next_tidy))))
}
