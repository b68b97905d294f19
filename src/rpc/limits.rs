//! What one key, and all together, may ask of the server at once: calls a second, open streams, and
//! bytes of requests that are being received or worked on.
//!
//! Calls without a key share an account of their own, which is small. Their rate is not bounded, so that
//! nobody can starve the probes of whoever runs the server: such a call costs next to nothing.
//! What does not fit is refused with RESOURCE_EXHAUSTED, a QuotaFailure that says what was full, and when
//! to try again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config;
use crate::env::Env;
use crate::metrics::Metrics;
use crate::model::diagnosis::Scope;
use crate::model::{Error, Reason};

/// Whoever shows no key: the streams and bytes of all of them together.
const NOBODY: &str = "nobody";
const NOBODY_STREAMS: usize = 512;
const NOBODY_BYTES: usize = 4 * 1024 * 1024;

/// A burst is what may come in this time, at once.
const BURST: Duration = Duration::from_secs(2);

/// Who was refused a stream or room should wait so long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Accounts that nobody uses are looked for when there are so many.
const ACCOUNTS_MAX: usize = 1024;

/// The server's limits and who uses how much of them.
#[derive(Clone)]
pub(super) struct Limits(Arc<Shared>);

struct Shared {
    env: Env,
    metrics: Metrics,
    /// Between two calls of a key, evenly spread; zero for no bound.
    interval: Duration,
    streams_per_key: usize,
    bytes_per_key: usize,
    streams: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    accounts: Mutex<BTreeMap<String, Arc<Account>>>,
}

/// What one key uses.
struct Account {
    /// The theoretical arrival time of its next call (GCRA, ITU-T I.371), on the monotonic clock.
    next: Mutex<Duration>,
    streams: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// Whose calls are counted together.
#[derive(Clone)]
pub(super) struct Purse {
    limits: Limits,
    account: Arc<Account>,
    who: Arc<str>,
}

/// Something of a limit, given back when it is dropped.
pub(super) struct Held(OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Limits {
    pub(super) fn new(limits: &config::Limits, env: Env, metrics: Metrics) -> Self {
        let bytes = usize::try_from(limits.receiving_bytes).unwrap_or(usize::MAX);
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Shared {
            env,
            metrics,
            interval: Duration::from_secs(1)
                .checked_div(limits.requests_per_second)
                .unwrap_or_default(),
            streams_per_key: limits.streams_per_key as usize,
            bytes_per_key: bytes / 2,
            streams: Arc::new(Semaphore::new(limits.streams as usize)),
            bytes: Arc::new(Semaphore::new(bytes)),
            accounts: Mutex::default(),
        }))
    }

    /// The purse of a caller by its name, or that of nobody.
    pub(super) fn purse(&self, caller: Option<String>) -> Purse {
        let shared = &self.0;
        let (who, streams, bytes) = match caller {
            Some(who) => (who, shared.streams_per_key, shared.bytes_per_key),
            None => (NOBODY.to_owned(), NOBODY_STREAMS, NOBODY_BYTES),
        };
        let mut accounts = shared.accounts.lock().expect("no code panics here");
        if accounts.len() >= ACCOUNTS_MAX {
            let now = shared.env.monotonic();
            accounts.retain(|_, account| Arc::strong_count(account) > 1 || account.next() > now);
        }
        let account = accounts.entry(who.clone()).or_insert_with(|| {
            Arc::new(Account {
                next: Mutex::default(),
                streams: Arc::new(Semaphore::new(streams)),
                bytes: Arc::new(Semaphore::new(bytes)),
            })
        });
        Purse {
            limits: self.clone(),
            account: account.clone(),
            who: who.into(),
        }
    }
}

impl Account {
    fn next(&self) -> Duration {
        *self.next.lock().expect("arithmetic does not panic")
    }
}

impl Purse {
    /// Counts a call of a key.
    ///
    /// # Errors
    /// [`Error::Exhausted`] where they come too fast.
    pub(super) fn call(&self) -> Result<(), Error> {
        let shared = &self.limits.0;
        if shared.interval.is_zero() || &*self.who == NOBODY {
            return Ok(());
        }
        let now = shared.env.monotonic();
        let mut next = self.account.next.lock().expect("arithmetic does not panic");
        let ahead = next.saturating_sub(now);
        if ahead > BURST {
            return Err(self.refused("rate", "its calls come too fast", ahead - BURST));
        }
        *next = (*next).max(now) + shared.interval;
        Ok(())
    }

    /// Room for a stream.
    ///
    /// # Errors
    /// [`Error::Exhausted`] where the key, or all together, have too many open.
    pub(super) fn stream(&self) -> Result<Held, Error> {
        let own = self.account.streams.clone().try_acquire_owned();
        let own =
            own.map_err(|_| self.refused("stream", "it has too many open streams", RETRY_AFTER))?;
        let all = self.limits.0.streams.clone().try_acquire_owned();
        let all = all.map_err(|_| {
            self.refused(
                "stream",
                "the server has too many open streams",
                RETRY_AFTER,
            )
        })?;
        Ok(Held(own, all))
    }

    /// Room for bytes of a request, where there is some at once.
    pub(super) fn try_bytes(&self, count: u32) -> Option<Held> {
        let own = self.account.bytes.clone().try_acquire_many_owned(count);
        let all = self.limits.0.bytes.clone();
        Some(Held(own.ok()?, all.try_acquire_many_owned(count).ok()?))
    }

    /// Room for bytes of a request, as soon as there is some. Who waits holds nothing of it.
    pub(super) async fn bytes(self, count: u32) -> Option<Held> {
        let own = self.account.bytes.clone().acquire_many_owned(count);
        let own = own.await.ok()?;
        let all = self.limits.0.bytes.clone().acquire_many_owned(count);
        Some(Held(own, all.await.ok()?))
    }

    /// Nothing of this caller's can be received now.
    pub(super) fn no_room(&self) -> Error {
        let text = "the server receives as much as it has memory for";
        self.refused("receiving_bytes", text, RETRY_AFTER)
    }

    /// A request does not come on.
    pub(super) fn too_slow(&self) -> Error {
        self.refused("slow_request", "its request came too slowly", RETRY_AFTER)
    }

    fn refused(&self, what: &'static str, description: &str, retry_after: Duration) -> Error {
        self.limits.0.metrics.refused(what);
        Error::Exhausted {
            reason: Reason::CallerLimited,
            scope: Scope::Server,
            subject: self.who.to_string(),
            description: description.to_owned(),
            retry_after,
        }
    }
}

impl Held {
    /// Adds what another holds, of the same purse.
    pub(super) fn add(&mut self, other: Self) {
        self.0.merge(other.0);
        self.1.merge(other.1);
    }

    /// Takes a part out of it.
    pub(super) fn split(&mut self, count: usize) -> Option<Self> {
        let count = count.min(self.0.num_permits());
        Some(Self(self.0.split(count)?, self.1.split(count)?))
    }
}
