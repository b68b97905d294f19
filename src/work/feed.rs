//! Reads the log for all who watch it.

use tokio::sync::watch;

use super::{Alarm, Tasks};
use crate::ops::{Core, feed};
use crate::store::StoreError;

/// Reads until `stop` is set.
pub async fn run(core: &Core, stop: watch::Receiver<bool>) {
    let (mut alarm, mut no_tasks) = (Alarm::new(core, stop), Tasks::at_most(0));
    while alarm.goes_on() {
        let turn = run_once(core).await.map(|()| None);
        tokio::select! {
            biased;
            () = alarm.wait(turn, &mut no_tasks) => {}
            () = feed::wanted(core) => {}
        }
    }
}

/// Reads what is new, if somebody watches.
///
/// # Errors
/// Those of the store.
pub async fn run_once(core: &Core) -> Result<(), StoreError> {
    feed::take_in(core).await
}
