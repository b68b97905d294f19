//! One seed: a plan, a world, and processes one after the other until all is over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mailwright::model::state::MessageState;

use crate::callers::describe;
use crate::house::{End, Lasting, live};
use crate::oracle;

/// What came of a seed.
pub struct Outcome {
    pub seed: u64,
    /// Everything that happened; the same seed gives the same bytes.
    pub journal: String,
    /// The broken promises.
    pub violations: Vec<String>,
    pub counts: Counts,
}

/// How much a run, or many, put to the test.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// In the order of [`MessageState::ALL`], as they ended.
    pub messages: [u64; 9],
    pub taken: u64,
    pub lost_replies: u64,
    /// The most often that one recipient got one message.
    pub most_copies: u64,
    pub processes: u64,
    pub simulated_hours: u64,
}

/// Runs a seed to its end, and judges it. A panic is a broken promise.
pub fn run(seed: u64) -> Outcome {
    let lasting = Lasting::of(seed);
    let counts = catch_unwind(AssertUnwindSafe(|| run_processes(&lasting)));
    let counts = counts.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        lasting.world.violated(format!("a panic: {text:?}"));
        Counts::default()
    });
    let (journal, violations) = lasting.world.verdict();
    Outcome {
        seed,
        journal,
        violations,
        counts,
    }
}

fn run_processes(lasting: &Arc<Lasting>) -> Counts {
    for number in 0.. {
        // A runtime of its own: dropped, it takes every task along, as a process that dies does.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let end = runtime.block_on(live(lasting, number));
        match end {
            End::Crashed(_) => {}
            End::Done(evidence) => {
                for event in &evidence.events {
                    lasting.world.note("event", describe(event));
                }
                oracle::check(lasting, &evidence);
                return count(lasting, &evidence, number + 1);
            }
        }
    }
    unreachable!("there are processes without end")
}

fn count(lasting: &Lasting, evidence: &oracle::Evidence, processes: u64) -> Counts {
    let attempts = evidence
        .messages
        .iter()
        .flat_map(|(full, _)| &full.attempts);
    let lost = attempts.filter(|attempt| attempt.uncertain).count() as u64;
    let taken = lasting.world.records(|r| r.taken.clone());
    let mut copies = std::collections::BTreeMap::new();
    for recipient in taken.iter().flat_map(|taken| &taken.recipients) {
        *copies.entry(recipient).or_insert(0) += 1;
    }
    let ended = |state| {
        let states = evidence.messages.iter().map(|(full, _)| full.message.state);
        states.filter(|found| *found == state).count() as u64
    };
    Counts {
        messages: MessageState::ALL.map(ended),
        taken: taken.len() as u64,
        lost_replies: lost,
        most_copies: copies.values().copied().max().unwrap_or(0),
        processes,
        simulated_hours: lasting.world.elapsed().as_secs() / 3_600,
    }
}

impl Counts {
    pub fn add(&mut self, more: &Self) {
        for (all, more) in self.messages.iter_mut().zip(more.messages) {
            *all += more;
        }
        self.taken += more.taken;
        self.lost_replies += more.lost_replies;
        self.most_copies = self.most_copies.max(more.most_copies);
        self.processes += more.processes;
        self.simulated_hours += more.simulated_hours;
    }
}
