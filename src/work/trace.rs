//! Tells the collector of traces what waits, as fast as it takes it.

use tokio::sync::watch;

use crate::ops::Core;

/// Tells until `stop` is set; what is left then is for [`crate::tracer::Tracer::flush`].
pub async fn run(core: &Core, mut stop: watch::Receiver<bool>) {
    if !core.tracer.is_on() {
        return;
    }
    loop {
        tokio::select! {
            biased;
            // A sender that is gone has stopped, too.
            _ = stop.wait_for(|stop| *stop) => return,
            () = run_once(core) => {}
        }
    }
}

/// Tells what waits; without anything, waits for it.
pub async fn run_once(core: &Core) {
    core.tracer.tell_some().await;
}
