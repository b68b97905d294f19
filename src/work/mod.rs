//! The loops. Each only decides when: what is done is an operation, and each turn is a `run_once`
//! that tests can call.
//!
//! A loop sleeps until the next due time, until the store changed, or until one of its tasks ended,
//! then re-reads the truth; at least once a minute, since a clock that was set back takes the due
//! time with it.

pub mod deliver;
pub mod feed;
pub mod refresh;
pub mod sweep;
pub mod trace;

use std::future::{Future, pending};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::model::Timestamp;
use crate::ops::Core;
use crate::store::StoreError;

/// A store that fails is asked again after this long.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// However far the next due time is, a loop looks again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What a loop has begun and not ended, at most so much at once.
pub struct Tasks {
    under_way: JoinSet<()>,
    max: usize,
}

impl Tasks {
    /// Nothing under way, and never more than `max`.
    pub fn at_most(max: usize) -> Self {
        Self {
            under_way: JoinSet::new(),
            max,
        }
    }

    /// How many may begin now.
    fn free(&mut self) -> usize {
        while self.under_way.try_join_next().is_some() {}
        self.max.saturating_sub(self.under_way.len())
    }

    fn begin(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.under_way.spawn(task);
    }

    async fn one_ended(&mut self) {
        if self.under_way.join_next().await.is_none() {
            pending::<()>().await;
        }
    }

    /// Waits until nothing is under way.
    pub async fn drain(&mut self) {
        while self.under_way.join_next().await.is_some() {}
    }
}

/// What a loop waits on between two turns.
struct Alarm<'a> {
    core: &'a Core,
    stop: watch::Receiver<bool>,
    changed: watch::Receiver<u64>,
}

impl<'a> Alarm<'a> {
    fn new(core: &'a Core, stop: watch::Receiver<bool>) -> Self {
        let changed = core.store.changed();
        Self {
            core,
            stop,
            changed,
        }
    }

    /// Whether there is another turn. To be asked before it reads: what changes from here on ends
    /// the wait behind it.
    fn goes_on(&mut self) -> bool {
        self.changed.borrow_and_update();
        !*self.stop.borrow_and_update()
    }

    /// Heeds no change for so long, unless the turn's due time comes first, or it is time to stop.
    async fn rest(&mut self, turn: &Result<Option<Timestamp>, StoreError>, time: Duration) {
        let end = self.core.env.now() + time;
        let due = turn.as_ref().ok().copied().flatten().unwrap_or(end);
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => {}
            () = self.core.env.sleep_until(due.min(end)) => {}
            () = self.core.env.sleep(time) => {}
        }
    }

    /// Waits until there may be something to do: after the turn's due time, a change of the store,
    /// the end of a task, or when it is time to stop.
    async fn wait(&mut self, turn: Result<Option<Timestamp>, StoreError>, tasks: &mut Tasks) {
        let due = turn.unwrap_or_else(|error| {
            tracing::error!(?error, "the store failed; trying again");
            Some(self.core.env.now() + STORE_RETRY)
        });
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => {}
            _ = self.changed.changed() => {}
            () = tasks.one_ended() => {}
            () = self.core.env.sleep_until(due.unwrap_or(Timestamp::MAX)) => {}
            () = self.core.env.sleep(LOOK_AGAIN) => {}
        }
    }
}
