//! What all servers of one sandbox share: the world behind one mutex, the mail behind another, the
//! clock and the randomness, and one `watch` channel that says "something changed".
//!
//! The signal carries no data: whoever waits re-reads the state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use super::world::World;
use super::{Clock, Delivered, Options, Random};

/// What all servers of one sandbox share.
pub(super) struct Shared {
    world: Mutex<World>,
    mail: Mutex<Vec<Delivered>>,
    changed: watch::Sender<()>,
    now: Clock,
    random: Random,
}

impl Shared {
    pub fn new(options: &Options) -> Self {
        Self {
            world: Mutex::new(World::new()),
            mail: Mutex::new(Vec::new()),
            changed: watch::Sender::new(()),
            now: Arc::clone(&options.now),
            random: Arc::clone(&options.random),
        }
    }

    /// Changes the world and wakes all who wait.
    pub fn update<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut lock(&self.world));
        self.changed.send_replace(());
        result
    }

    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&lock(&self.world))
    }

    pub fn deliver(&self, delivered: Delivered) {
        lock(&self.mail).push(delivered);
        self.update(|world| world.stats.delivered += 1);
    }

    pub fn mail<T>(&self, look: impl FnOnce(&[Delivered]) -> T) -> T {
        look(&lock(&self.mail))
    }

    /// Waits until `ready` gives a value; asks again after every change, so no wake-up is missed.
    pub async fn wait_for<T>(&self, mut ready: impl FnMut() -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(value) = ready() {
                return value;
            }
            // The sender lives in `self`, so the channel can't be closed while we wait.
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub fn now(&self) -> SystemTime {
        (self.now)()
    }

    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }

    /// `2 * N` hexadecimal digits.
    pub fn random_hex<const N: usize>(&self) -> String {
        hex(&self.random::<N>())
    }

    /// A random GUID in its usual writing.
    pub fn random_guid(&self) -> String {
        let h = self.random_hex::<16>();
        format!(
            "{}-{}-{}-{}-{}",
            &h[..8],
            &h[8..12],
            &h[12..16],
            &h[16..20],
            &h[20..]
        )
    }
}

type Change = Box<dyn FnOnce(&mut World) + Send + Sync>;

/// Changes the world when it is dropped: what was entered is left even if a task is cancelled.
pub(super) struct Leave {
    shared: Arc<Shared>,
    change: Option<Change>,
}

impl Leave {
    pub fn new(
        shared: &Arc<Shared>,
        change: impl FnOnce(&mut World) + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            change: Some(Box::new(change)),
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(change) = self.change.take() {
            self.shared.update(change);
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
