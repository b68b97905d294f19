//! What happened step by step, for a person who wants to see it (SendTest) and for attempts.

use std::time::Duration;

use super::failure::Failure;
use crate::model::{Phase, Reply};

/// The steps of one conversation, each phase once, in the order in which they first came.
///
/// With STARTTLS the EHLO step comes before the TLS step and covers both EHLOs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    steps: Vec<StepReport>,
    reached: Option<Phase>,
}

/// One step. The phase [`Phase::DotSent`] stands for the final dot and its reply.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    pub phase: Phase,
    /// The failure's text, if it failed.
    pub outcome: Result<(), String>,
    /// What the server said, if it said something.
    pub reply: Option<Reply>,
    /// Time spent in this phase.
    pub duration: Duration,
    /// Facts worth showing: addresses, TLS version and certificate, capabilities; may be empty.
    pub detail: String,
}

impl Transcript {
    /// The steps so far.
    pub fn steps(&self) -> &[StepReport] {
        &self.steps
    }

    /// The steps so far, taken out.
    pub fn into_steps(self) -> Vec<StepReport> {
        self.steps
    }

    /// The phase that was begun last, also where nothing more was heard of it.
    pub fn reached(&self) -> Option<Phase> {
        self.reached
    }

    /// From here on a conversation that is given up was given up in this phase.
    pub(super) fn began(&mut self, phase: Phase) {
        self.reached = Some(phase);
    }

    /// A step that went well.
    pub(super) fn passed(
        &mut self,
        phase: Phase,
        duration: Duration,
        reply: Option<Reply>,
        detail: String,
    ) {
        self.merge(StepReport {
            phase,
            outcome: Ok(()),
            reply,
            duration,
            detail,
        });
    }

    /// The step that ended the conversation.
    pub(super) fn failed(&mut self, failure: &Failure, duration: Duration) {
        self.merge(StepReport {
            phase: failure.phase,
            outcome: Err(failure.kind.to_string()),
            reply: failure.reply().cloned(),
            duration,
            detail: String::new(),
        });
    }

    /// A phase in several parts (EHLO before and after TLS, DATA and the body) is one step: its
    /// times add up, and the newest part says how it went.
    fn merge(&mut self, part: StepReport) {
        self.began(part.phase);
        let Some(step) = self.steps.iter_mut().find(|step| step.phase == part.phase) else {
            self.steps.push(part);
            return;
        };
        step.duration += part.duration;
        step.outcome = part.outcome;
        step.reply = part.reply.or_else(|| step.reply.take());
        if !part.detail.is_empty() {
            step.detail = part.detail;
        }
    }
}
