//! Connections that are open: how many there may be, and when each of them must go.
//!
//! At the bound, a new connection takes the place of the one that has been without a call the longest;
//! calls of nobody (health, reflection) don't keep a place. Where every connection has a call of somebody
//! who has shown a key or certificate, the new one is closed. So who connects and says nothing, however
//! often, keeps nobody out.
//!
//! A connection goes once it has had no call for its idle time, or is as old as it may be: first it is
//! told (HTTP/2's GOAWAY, by the server), then its streams end by themselves ([`Line::aged`]), and after
//! [`AGE_GRACE`] it is cut. Its client's certificate was judged when it began, so this bounds how long one
//! that has expired is of use.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::config::Config;
use crate::env::Env;
use crate::metrics::Metrics;

/// From a connection's age to its end, for calls that are under way.
pub(super) const AGE_GRACE: Duration = Duration::from_secs(60);

/// Streams of an aged connection end over this while, so that those of many don't come back at once.
const AGE_SPREAD: Duration = Duration::from_secs(10);

/// All connections of a listener.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    env: Env,
    metrics: Metrics,
    max: usize,
    idle: Duration,
    age: Duration,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    lines: BTreeMap<u64, Arc<State>>,
}

/// One connection, until it is dropped.
pub(super) struct Line {
    id: u64,
    state: Arc<State>,
    lines: Lines,
}

/// A connection's calls.
pub(super) struct State {
    env: Env,
    /// When its streams end, on the monotonic clock.
    streams_end: Duration,
    calls: Mutex<Calls>,
    cut: watch::Sender<bool>,
}

struct Calls {
    open: usize,
    /// Of those, the ones of somebody.
    known: usize,
    /// Since when there is none at all, and none of somebody.
    idle_since: Duration,
    unknown_since: Duration,
}

/// A call under way on a connection.
pub(super) struct Busy {
    state: Arc<State>,
    is_known: bool,
}

impl Lines {
    pub(super) fn new(config: &Config, env: Env, metrics: Metrics) -> Self {
        let seconds = |seconds: u32| match seconds {
            0 => Duration::MAX,
            seconds => Duration::from_secs(seconds.into()),
        };
        Self(Arc::new(Shared {
            env,
            metrics,
            max: config.server.max_connections as usize,
            idle: seconds(config.server.max_connection_idle_seconds),
            age: seconds(config.server.max_connection_age_seconds),
            open: Mutex::default(),
        }))
    }

    /// A place for a new connection; none where all are taken by connections with calls of somebody.
    pub(super) fn open(&self) -> Option<Line> {
        let shared = &self.0;
        let now = shared.env.monotonic();
        let mut open = shared.open.lock().expect("no code panics with this lock");
        if open.lines.len() >= shared.max && !open.make_room() {
            shared.metrics.refused("connection");
            return None;
        }
        let spread = u128::from(u32::from_be_bytes(shared.env.random()));
        let spread = AGE_SPREAD.as_millis() * spread / u128::from(u32::MAX);
        let spread = Duration::from_millis(u64::try_from(spread).unwrap_or(0));
        let state = Arc::new(State {
            env: shared.env.clone(),
            streams_end: now.saturating_add(shared.age).saturating_add(spread),
            calls: Mutex::new(Calls {
                open: 0,
                known: 0,
                idle_since: now,
                unknown_since: now,
            }),
            cut: watch::Sender::new(false),
        });
        let id = open.next;
        open.next += 1;
        open.lines.insert(id, state.clone());
        shared.metrics.connections(open.lines.len());
        Some(Line {
            id,
            state,
            lines: self.clone(),
        })
    }

    /// Closes up to `count` connections: those that have been without a call of somebody the longest.
    pub(super) fn make_room(&self, count: usize) {
        let mut open = self.0.open.lock().expect("no code panics with this lock");
        for _ in 0..count {
            if !open.make_room() {
                return;
            }
        }
    }
}

impl Open {
    /// Closes one that has no call of somebody; false where there is none.
    fn make_room(&mut self) -> bool {
        let unused = self.lines.iter().filter_map(|(id, state)| {
            let calls = state.calls();
            (calls.known == 0).then_some((calls.unknown_since, *id))
        });
        let Some((_, id)) = unused.min() else {
            return false;
        };
        if let Some(state) = self.lines.remove(&id) {
            state.cut.send_replace(true);
        }
        true
    }
}

impl Line {
    /// What its calls see of it.
    pub(super) fn state(&self) -> Arc<State> {
        self.state.clone()
    }

    /// Returns once the connection must go.
    pub(super) fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let (state, shared) = (self.state.clone(), self.lines.0.clone());
        let aged = shared
            .env
            .sleep(capped(shared.age.saturating_add(AGE_GRACE)));
        async move {
            let mut cut = state.cut.subscribe();
            tokio::select! {
                biased;
                // The sender lives in the state.
                _ = cut.wait_for(|cut| *cut) => {}
                () = aged => {}
                () = state.unused_for(shared.idle) => {}
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let shared = &self.lines.0;
        let mut open = shared.open.lock().expect("no code panics with this lock");
        open.lines.remove(&self.id);
        shared.metrics.connections(open.lines.len());
    }
}

impl State {
    /// A call has begun: of somebody, or of nobody.
    pub(super) fn begin(self: &Arc<Self>, is_known: bool) -> Busy {
        let mut calls = self.calls();
        calls.open += 1;
        calls.known += usize::from(is_known);
        Busy {
            state: self.clone(),
            is_known,
        }
    }

    /// Returns when the connection's streams are to end, because it is old.
    pub(super) async fn aged(&self) {
        let left = self.streams_end.saturating_sub(self.env.monotonic());
        self.env.sleep(capped(left)).await;
    }

    async fn unused_for(&self, limit: Duration) {
        loop {
            let unused = {
                let calls = self.calls();
                match calls.open {
                    0 => self.env.monotonic().saturating_sub(calls.idle_since),
                    _ => Duration::ZERO,
                }
            };
            let left = limit.saturating_sub(unused);
            if left.is_zero() {
                return;
            }
            self.env.sleep(capped(left)).await;
        }
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls.lock().expect("counting does not panic")
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = self.state.env.monotonic();
        let mut calls = self.state.calls();
        calls.open -= 1;
        if calls.open == 0 {
            calls.idle_since = now;
        }
        if self.is_known {
            calls.known -= 1;
            calls.unknown_since = now;
        }
    }
}

/// What a timer can bear; a connection of a century is none of ours.
fn capped(duration: Duration) -> Duration {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    duration.min(CENTURY)
}
