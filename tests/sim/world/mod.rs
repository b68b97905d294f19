//! Everything outside of the process under test: mail servers, an identity provider, time that
//! passes, and a journal of all that happened. It outlives crashes.

pub mod dial;
pub mod http;
pub mod idp;
pub mod records;
pub mod replies;
pub mod smtp;
mod submission;
pub mod tls;

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mailwright::env::Env;
use mailwright::model::Timestamp;

use crate::plan::{Plan, TROUBLE_BEGINS};
use idp::Idp;
use records::Records;

/// Where the first clock begins: Monday, 4 August 2025.
const START: i64 = 1_754_306_130;

#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    plan: Arc<Plan>,
    state: Mutex<State>,
}

struct State {
    /// The clock of the process that runs, and how much time had passed before it.
    env: Option<Env>,
    before: Duration,
    wall: Timestamp,
    healthy: bool,
    mines_dots: bool,
    journal: String,
    violations: Vec<String>,
    records: Records,
    idp: Idp,
    connections: u64,
}

impl World {
    pub fn new(plan: Arc<Plan>) -> Self {
        let state = State {
            env: None,
            before: Duration::ZERO,
            wall: Timestamp::from_unix_seconds(START),
            healthy: false,
            mines_dots: false,
            journal: String::new(),
            violations: Vec::new(),
            records: Records::new(plan.mailboxes.len()),
            idp: Idp::new(plan.services.len()),
            connections: 0,
        };
        Self(Arc::new(Shared {
            plan,
            state: Mutex::new(state),
        }))
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.0.plan
    }

    /// The clock of a process that starts now, on the runtime that it runs in.
    pub fn begin_process(&self, number: u64) -> Env {
        let mut state = self.lock();
        let env = Env::simulated(state.wall, self.0.plan.seed.wrapping_mul(1_000) + number);
        state.env = Some(env.clone());
        env
    }

    /// The process is gone, and with it what it had not stored.
    pub fn end_process(&self, gone: Duration) {
        let mut state = self.lock();
        state.note("process", "ends");
        let env = state.env.take().expect("a process runs");
        state.before += env.monotonic() + gone;
        state.wall = env.now() + gone;
        state.idp.process_died();
    }

    /// Time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.lock().elapsed()
    }

    pub fn env(&self) -> Env {
        self.lock().env.clone().expect("a process runs")
    }

    /// The process's wall clock.
    pub fn wall(&self) -> Timestamp {
        self.env().now()
    }

    pub async fn until(&self, elapsed: Duration) {
        let env = self.env();
        env.sleep(elapsed.saturating_sub(self.elapsed())).await;
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&self) {
        self.lock().healthy = true;
        self.note("world", "everything is well from now on");
    }

    /// Whether the process panics, from now on, when it hears that mail was taken.
    pub fn mine_dots(&self, on: bool) {
        self.lock().mines_dots = on;
    }

    fn mines_dots(&self) -> bool {
        self.lock().mines_dots
    }

    /// Whether things may go wrong now.
    pub fn is_troubled(&self) -> bool {
        let state = self.lock();
        !state.healthy && state.elapsed() >= TROUBLE_BEGINS
    }

    /// Writes a line of the journal.
    pub fn note(&self, who: &str, what: impl AsRef<str>) {
        self.lock().note(who, what.as_ref());
    }

    /// A promise was broken.
    pub fn violated(&self, what: impl Into<String>) {
        self.lock().violated(what.into());
    }

    /// The journal and the broken promises.
    pub fn verdict(&self) -> (String, Vec<String>) {
        let state = self.lock();
        (state.journal.clone(), state.violations.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0
            .state
            .lock()
            .expect("nothing panics while it records")
    }
}

impl State {
    fn elapsed(&self) -> Duration {
        self.before + self.env.as_ref().map_or(Duration::ZERO, Env::monotonic)
    }

    fn note(&mut self, who: &str, what: &str) {
        let at = self.elapsed().as_millis();
        writeln!(self.journal, "{at:>9} {who}: {what}").expect("a string takes every text");
    }

    fn violated(&mut self, what: String) {
        self.note("VIOLATION", &what);
        self.violations.push(what);
    }
}
