//! The reference store: ordered tables in memory behind one lock, each row encoded as it would be
//! on a disk.
//!
//! It keeps the whole contract but durability: what it holds is gone with its process. A
//! transaction is a method of its state; an error takes back what the transaction wrote.

mod authorizations;
mod claims;
mod feed;
mod finish;
mod mailboxes;
mod messages;
mod progress;
mod services;
mod state;
mod store;
mod sweep;
mod table;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Result;
use state::State;

/// A store that forgets everything with its process.
pub struct MemoryStore {
    epoch: u64,
    state: Mutex<State>,
    /// How many commits there were.
    commits: watch::Sender<u64>,
}

impl MemoryStore {
    /// An empty store; `epoch` names its log.
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            state: Mutex::default(),
            commits: watch::Sender::new(0),
        }
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> Result<T>) -> Result<T> {
        read(&self.lock())
    }

    /// Runs a transaction: commits it when it succeeds, takes it back when it doesn't.
    fn write<T>(&self, transact: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.lock();
        let outcome = transact(&mut state);
        let committed = if outcome.is_ok() {
            state.commit()
        } else {
            state.roll_back();
            false
        };
        drop(state);
        if committed {
            self.commits.send_modify(|commits| *commits += 1);
        }
        outcome
    }

    /// A transaction that panicked has not committed, so it is taken back.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned: PoisonError<_>| {
                let mut state = poisoned.into_inner();
                state.roll_back();
                state
            })
    }
}
