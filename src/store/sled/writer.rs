//! The one thread that writes rows: transactions run one after another, and whatever waits
//! together becomes durable together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use tokio::sync::{oneshot, watch};

use super::compact::Compactor;
use super::disk::{Disk, Sight};
use super::failpoint;
use super::record::Reference;
use crate::env::Env;
use crate::metrics::Metrics;
use crate::store::rows::State;
use crate::store::{Result, StoreError};

/// A group is no larger than this, give or take one transaction.
const GROUP_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Compaction gets a turn after so many groups, even where the writer is never idle.
const GROUPS_PER_TURN: u32 = 16;

/// Why the store failed, once it has.
pub type Health = watch::Sender<Option<String>>;

/// A transaction, and whoever waits for it.
pub struct Job {
    name: &'static str,
    bytes: usize,
    /// What has been appended for it, to be referred to or not.
    appended: Option<Reference>,
    run: Run,
}

/// The transaction itself.
type Run = Box<dyn FnOnce(&mut State<Sight<'_>>) -> Answer + Send>;

/// Tells whoever waits: the outcome, if it was kept.
type Answer = Box<dyn FnOnce(Result<()>) + Send>;

/// What the writer owns.
pub struct Writer {
    pub disk: Arc<Disk>,
    pub jobs: Receiver<Job>,
    pub health: Arc<Health>,
    pub commits: watch::Sender<u64>,
    pub env: Env,
    pub metrics: Metrics,
}

impl Job {
    /// A transaction of about so many bytes.
    pub fn new<T: Send + 'static>(
        name: &'static str,
        bytes: usize,
        appended: Option<Reference>,
        transact: impl FnOnce(&mut State<Sight<'_>>) -> Result<T> + Send + 'static,
        waiter: oneshot::Sender<Result<T>>,
    ) -> Self {
        let run = move |state: &mut State<Sight<'_>>| {
            let outcome = run(state, transact);
            let answer: Answer = Box::new(move |kept| {
                // Whoever waited may have gone away.
                let _ = waiter.send(kept.and(outcome));
            });
            answer
        };
        Self {
            name,
            bytes,
            appended,
            run: Box::new(run),
        }
    }
}

/// Runs a transaction: what it wrote is committed when it succeeds, and taken back when it doesn't.
fn run<T>(
    state: &mut State<Sight<'_>>,
    transact: impl FnOnce(&mut State<Sight<'_>>) -> Result<T>,
) -> Result<T> {
    // A panic takes back what it wrote, and ends neither the writer nor its neighbours.
    let outcome = catch_unwind(AssertUnwindSafe(|| transact(state)))
        .unwrap_or_else(|_| Err(StoreError::Corrupt("the transaction panicked".into())));
    if outcome.is_err() {
        state.roll_back();
    }
    state.commit();
    outcome
}

impl Drop for Writer {
    /// Also after a panic: the other thread would wait for good.
    fn drop(&mut self) {
        self.disk.settling.end();
    }
}

impl Writer {
    /// Writes until nobody can send any more, or until the disk fails.
    pub fn run(self) {
        self.go_on();
        // What is in the log would be found there by the next process, too.
        if self.health.borrow().is_none()
            && let Err(why) = self.disk.settle_all()
        {
            fail(&self.health, &why);
        }
    }

    fn go_on(&self) {
        let mut compactor = Compactor::default();
        let mut groups = 0;
        let mut asleep = false;
        loop {
            let first = match self.jobs.try_recv() {
                Ok(job) => Some(job),
                Err(TryRecvError::Empty) if asleep => match self.jobs.recv() {
                    Ok(job) => Some(job),
                    Err(_) => return,
                },
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            };
            let turn = first.is_none() || groups >= GROUPS_PER_TURN;
            let written = match first {
                Some(job) => self.write_group(job),
                None => Ok(()),
            };
            groups += 1;
            asleep = false;
            let done = written.and_then(|()| match turn {
                true => {
                    groups = 0;
                    compactor.turn(&self.disk).map(|worked| asleep = !worked)
                }
                false => Ok(()),
            });
            if let Err(why) = done {
                return fail(&self.health, &why);
            }
        }
    }

    fn write_group(&self, first: Job) -> std::result::Result<(), String> {
        let began = self.env.monotonic();
        let layers = self.disk.layers();
        let mut state = State::over(Sight::of(&self.disk, &layers));
        let (mut names, mut answers, mut appended) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(job) = next {
            bytes += job.bytes;
            if !names.contains(&job.name) {
                names.push(job.name);
            }
            appended.extend(job.appended);
            answers.push((job.run)(&mut state));
            next = match bytes < GROUP_MAX_BYTES {
                true => self.jobs.try_recv().ok(),
                false => None,
            };
        }
        let (sight, writes) = state.committed();
        let group = self.disk.group(sight, writes, &[]);
        drop(state);
        drop(layers);
        let written =
            group.and_then(|group| self.disk.write(group, appended.last().copied(), &names));
        let kept = match (&written, &*self.health.borrow()) {
            // The other thread may have failed meanwhile.
            (Err(why), _) | (_, Some(why)) => Err(StoreError::Unavailable(why.clone())),
            (Ok(_), None) => Ok(()),
        };
        for reference in appended {
            self.disk.segments.settle(reference);
        }
        if written == Ok(true) {
            let took = self.env.monotonic().saturating_sub(began);
            self.metrics.committed(answers.len(), took);
            self.commits.send_modify(|commits| *commits += 1);
        }
        for answer in answers {
            answer(kept.clone());
        }
        names
            .iter()
            .for_each(|name| failpoint::pass(name, "answered"));
        written.map(|_| ())
    }
}

/// The store has failed: from here on nothing is acknowledged.
pub fn fail(health: &Health, why: &str) {
    tracing::error!(why, "the store failed");
    health.send_modify(|health| {
        health.get_or_insert_with(|| why.to_owned());
    });
}
