//! The operations: one function per RPC, model in and model out, and the steps that are no RPC
//! (deliver one transaction, refresh one token). gRPC, the callback page and the loops call these
//! and nothing below them.
//!
//! Nothing here knows protobuf or HTTP, or decides when it runs.

pub mod access_keys;
pub mod authorize;
pub mod backup;
mod census;
pub mod deliver;
mod failure;
pub mod feed;
mod granted;
pub mod info;
pub mod messages;
mod outcome;
mod provider_load;
mod recent;
pub mod refresh;
pub mod revoke;
pub mod scrape;
mod secrets;
pub mod send;
pub mod send_test;
pub mod services;
mod tally;
pub mod token;
pub mod vault_keys;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

use crate::config::Config;
use crate::egress::Egress;
use crate::env::Env;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::model::{Error, MailboxKey, Timestamp};
use crate::smtp::Pool;
use crate::store::{Store, StoreError};
use crate::tracer::Tracer;
use crate::vault::Vault;

pub use provider_load::Ticket;

/// What operations work with; built once, in `app`.
pub struct Core {
    pub store: Arc<dyn Store>,
    pub pool: Pool,
    pub egress: Egress,
    pub vault: Vault,
    pub keys: Keys,
    pub env: Env,
    pub metrics: Metrics,
    pub tracer: Tracer,
    pub config: Config,
    pub start_time: Timestamp,
    recent: Arc<recent::Recent>,
    /// A permit for each KiB of a message that is being delivered.
    in_flight_kib: Semaphore,
    provider_load: provider_load::ProviderLoad,
    /// One rotation of the vault's keys at a time.
    rotating: tokio::sync::Mutex<()>,
    census: tokio::sync::Mutex<census::Latest>,
    refreshing: Mutex<BTreeMap<MailboxKey, Weak<tokio::sync::Mutex<()>>>>,
}

/// The outcome of an operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Runs a task to its end even if whoever waits for it goes away: a provider's answer that nobody
/// stores is lost for good.
async fn to_its_end<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(task).await {
        Ok(done) => done,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        // The process is ending, and we with it.
        Err(_) => std::future::pending().await,
    }
}

impl Core {
    /// Puts the parts together.
    pub fn new(
        store: Arc<dyn Store>,
        pool: Pool,
        egress: Egress,
        vault: Vault,
        env: Env,
        metrics: Metrics,
        config: Config,
    ) -> Self {
        let start_time = env.now();
        let in_flight_kib = kib(config.delivery.max_in_flight_bytes) as usize;
        Self {
            store,
            pool,
            egress,
            vault,
            keys: Keys::new(env.clone()),
            tracer: Tracer::off(env.clone(), metrics.clone()),
            env,
            metrics,
            config,
            start_time,
            recent: Arc::default(),
            in_flight_kib: Semaphore::new(in_flight_kib),
            provider_load: provider_load::ProviderLoad::default(),
            rotating: tokio::sync::Mutex::default(),
            refreshing: Mutex::default(),
            census: tokio::sync::Mutex::default(),
        }
    }

    /// Tells spans by `tracer`; before this, it tells none.
    pub fn traced_by(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// Waits for room in memory for a message of so many bytes; a larger one than all gets all.
    async fn room_for(&self, bytes: u64) -> SemaphorePermit<'_> {
        let wanted = kib(bytes).min(kib(self.config.delivery.max_in_flight_bytes));
        let room = self.in_flight_kib.acquire_many(wanted).await;
        room.expect("this semaphore is never closed")
    }

    /// Room for at most `max` refreshes now, however many are due; else how long to wait for some.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn refresh_tickets(
        &self,
        max: usize,
    ) -> std::result::Result<(Vec<Ticket>, Duration), StoreError> {
        let frequency = self.store.refresh_frequency().await?;
        let now = self.env.monotonic();
        Ok(self.provider_load.tickets(now, frequency, max))
    }

    /// Waits for its turn to refresh a token of this mailbox: one at a time (invariant 5).
    async fn refresh_turn(&self, mailbox: &MailboxKey) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self
                .refreshing
                .lock()
                .expect("no code panics while it holds this lock");
            turns.retain(|_, turn| turn.strong_count() > 0);
            match turns.get(mailbox).and_then(Weak::upgrade) {
                Some(turn) => turn,
                None => {
                    let turn = Arc::new(tokio::sync::Mutex::new(()));
                    turns.insert(mailbox.clone(), Arc::downgrade(&turn));
                    turn
                }
            }
        };
        turn.lock_owned().await
    }
}

/// Bytes in KiB, rounded up.
fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}
