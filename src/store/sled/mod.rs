//! The store on disk: rows in sled, message bodies in segment files, one thread that writes.
//!
//! sled is used with care, since used plainly it loses what it acknowledged: its `flush` does not
//! sync, large values are never synced, and a snapshot that a crash left half-written blocks every
//! later open. All of that stays in here.
//!
//! It takes time from [`Env`] to know when it was opened and how long a commit took, and knows no key: what it keeps is sealed.

mod bodies;
mod compact;
mod copy;
mod disk;
mod failpoint;
mod format;
mod gaps;
mod known;
mod layers;
mod lock;
mod log;
mod open;
mod record;
mod segments;
mod settle;
mod space;
mod store;
mod writer;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, oneshot, watch};

use super::rows::State;
use super::{Result, StoreError};
use bodies::Mail;
use disk::{Disk, Sight, View};
use lock::Lock;
use space::is_full;
use writer::{Health, Job};

/// How a store uses its disk.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A segment file is no larger than this, unless one body is.
    pub segment_bytes: u64,
    /// Free space below which new mail is refused, and the size of the file that is given up when
    /// the disk is full all the same. 0 looks at no free space.
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 128 * 1024 * 1024,
            reserve_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Why a store can't be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Another process has it; who.
    Owned { by: String },
    /// A newer program wrote it.
    TooNew {
        /// The version of its format.
        found: u64,
        /// The newest version that this program reads.
        known: u64,
    },
    /// Anything else, for a person.
    Failed(String),
}

impl OpenError {
    fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::Failed(format!("can't {what} {}: {error}", path.display()))
    }

    fn rows(error: ::sled::Error) -> Self {
        if let ::sled::Error::Io(error) = &error
            && is_full(error)
        {
            return Self::Failed("the disk is full: make room on it, then start again".into());
        }
        Self::Failed(format!("the rows can't be read: {error}"))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owned { by } => write!(f, "the data folder is in use by {by}"),
            Self::TooNew { found, known } => write!(
                f,
                "the data folder has format {found}, of a newer version; this one reads up to {known}"
            ),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OpenError {}

/// A store that keeps its word across crashes and power cuts.
pub struct SledStore {
    epoch: u64,
    disk: Arc<Disk>,
    /// None once closed.
    inlets: Mutex<Option<Inlets>>,
    /// Bytes of bodies that may wait at once, in KiB.
    waiting: Arc<Semaphore>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    health: Arc<Health>,
    commits: watch::Sender<u64>,
    /// Last, so that the folder is given up after everything else.
    _lock: Lock,
}

/// How the threads are reached.
struct Inlets {
    mails: Sender<Mail>,
    jobs: Sender<Job>,
}

impl SledStore {
    /// Returns once the store has failed for good, with the reason: the disk didn't take what it
    /// must. Nothing is acknowledged from then on, and the process should end: the next one finds
    /// what is durable.
    pub async fn failed(&self) -> String {
        let mut health = self.health.subscribe();
        let why = health.wait_for(Option::is_some).await;
        // The sender lives in `self`.
        why.ok()
            .and_then(|why| why.clone())
            .unwrap_or_else(|| "the store is gone".into())
    }

    /// Ends what is under way, and then answers everything with `Unavailable`. Blocks until all is
    /// written.
    pub fn close(&self) {
        lock(&self.inlets).take();
        for thread in lock(&self.threads).drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }

    /// Reads what is durable.
    fn read<T>(&self, read: impl FnOnce(&State<View<'_>>) -> Result<T>) -> Result<T> {
        self.healthy()?;
        self.disk.view(read)
    }

    /// Runs a transaction; returns once it is durable.
    async fn write<T: Send + 'static>(
        &self,
        name: &'static str,
        transact: impl FnOnce(&mut State<Sight<'_>>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        /// What a transaction without a body writes, roughly.
        const BYTES: usize = 4 * 1024;
        let (waiter, answer) = oneshot::channel();
        let job = Job::new(name, BYTES, None, transact, waiter);
        self.reach(|inlets| inlets.jobs.send(job).is_ok())?;
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Sends something to the threads.
    fn reach(&self, send: impl FnOnce(&Inlets) -> bool) -> Result<()> {
        self.healthy()?;
        match lock(&self.inlets).as_ref().is_some_and(send) {
            true => Ok(()),
            false => Err(self.gone()),
        }
    }

    fn healthy(&self) -> Result<()> {
        match &*self.health.borrow() {
            None => Ok(()),
            Some(why) => Err(StoreError::Unavailable(why.clone())),
        }
    }

    fn gone(&self) -> StoreError {
        let closed = || StoreError::Unavailable("the store is closed".into());
        self.healthy().err().unwrap_or_else(closed)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the names in a folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
