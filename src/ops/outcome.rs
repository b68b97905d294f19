//! From what the server said, or did not say, to how a transaction ended.

use std::time::Duration;

use super::token::{self, NoCredential};
use super::{Core, failure};
use crate::model::catalogue::{self, Subject};
use crate::model::message::{Finished, MailboxVerdict, Next, Outcome, RecipientResult};
use crate::model::schedule::{backoff, probe_interval};
use crate::model::service::{OnUncertain, Pause};
use crate::model::verdict::{PauseKind, Then, Verdict, judge};
use crate::model::{Diagnosis, Error, Phase, Reason, Reply};
use crate::smtp::{Failure, FailureKind, RecipientReply};
use crate::store::Claimed;

/// A refusal that asks for patience waits at least this long.
const LONG_WAIT: Duration = Duration::from_secs(15 * 60);

/// Judges one claimed transaction.
pub(super) struct Judge<'a> {
    core: &'a Core,
    claimed: &'a Claimed,
    subject: Subject,
}

impl<'a> Judge<'a> {
    pub(super) fn new(core: &'a Core, claimed: &'a Claimed) -> Self {
        Self {
            core,
            claimed,
            subject: Subject::of(&claimed.service.config),
        }
    }

    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The server answered to the end: each recipient by its own reply, those it took by the final
    /// one.
    pub(super) fn answered(&self, replies: &[RecipientReply], last: Option<&Reply>) -> Finished {
        let verdicts: Vec<(Verdict, Reply)> = replies
            .iter()
            .map(|recipient| match last {
                Some(last) if recipient.is_accepted() => {
                    (judge(last, Phase::Finished, &self.subject), last.clone())
                }
                _ => (
                    judge(&recipient.reply, recipient.phase, &self.subject),
                    recipient.reply.clone(),
                ),
            })
            .collect();
        let indexes = self.claimed.claim.recipients.iter();
        let results = indexes
            .zip(&verdicts)
            .map(|(index, (verdict, reply))| result(*index, verdict, reply))
            .collect();
        let refused = verdicts
            .iter()
            .find(|(verdict, _)| verdict.then != Then::Accept);
        let reply = last.or(refused.map(|(_, reply)| reply)).cloned();
        let judged: Vec<&Verdict> = verdicts.iter().map(|(verdict, _)| verdict).collect();
        let at_data = |recipient: &RecipientReply| recipient.phase == Phase::Data;
        let phase = match replies.iter().any(at_data) {
            true => Phase::Data,
            false => Phase::Finished,
        };
        self.concluded(phase, reply, results, &judged)
    }

    /// The final dot went out and no reply came: the server may have taken the message (RFC 1047).
    pub(super) fn reply_lost(&self, replies: &[RecipientReply], failure: &Failure) -> Finished {
        let lost = catalogue::local(Reason::ReplyLost, &self.subject, &failure.kind.to_string());
        let hold = self.claimed.message.message.on_uncertain == OnUncertain::Hold;
        let indexes = self.claimed.claim.recipients.iter();
        let results = indexes.zip(replies).map(|(index, recipient)| {
            if !recipient.is_accepted() {
                return result(
                    *index,
                    &judge(&recipient.reply, Phase::RcptTo, &self.subject),
                    &recipient.reply,
                );
            }
            let outcome = if hold {
                Outcome::Uncertain
            } else {
                Outcome::Pending
            };
            RecipientResult {
                index: *index,
                outcome,
                reply: None,
                diagnosis: Some(lost.clone()),
            }
        });
        Finished {
            uncertain: true,
            recipients: results.collect(),
            ..self.unfinished(Phase::DotSent, lost, self.retry(Duration::ZERO))
        }
    }

    /// The dialogue ended between the envelope and the dot: nothing was taken. What the server said
    /// instead of listening is its last word on those whom it had accepted.
    pub(super) fn broken_off(&self, replies: &[RecipientReply], failure: &Failure) -> Finished {
        let FailureKind::Reply(reply) = &failure.kind else {
            return self.failed(failure);
        };
        let mut replies = replies.to_vec();
        for accepted in replies.iter_mut().filter(|reply| reply.is_accepted()) {
            (accepted.phase, accepted.reply) = (failure.phase, reply.clone());
        }
        self.answered(&replies, None)
    }

    /// The dialogue ended before the dot: nothing was taken.
    pub(super) fn failed(&self, failure: &Failure) -> Finished {
        if let FailureKind::Reply(reply) = &failure.kind {
            let verdict = judge(reply, failure.phase, &self.subject);
            let results = self
                .claimed
                .claim
                .recipients
                .iter()
                .map(|index| result(*index, &verdict, reply))
                .collect();
            return self.concluded(failure.phase, Some(reply.clone()), results, &[&verdict]);
        }
        let diagnosis = failure::diagnose(failure, &self.subject);
        if failure.kind == FailureKind::EightBitNotOffered {
            return self.refused(failure.phase, diagnosis);
        }
        self.unfinished(failure.phase, diagnosis, self.retry(Duration::ZERO))
    }

    /// No session could be opened.
    pub(super) fn not_connected(&self, failure: &Failure) -> Finished {
        match failure::pauses(&failure.kind) {
            Some(kind) => self.paused(
                failure.phase,
                failure::diagnose(failure, &self.subject),
                kind,
            ),
            None if failure.phase == Phase::Authenticate => self.login_refused(failure),
            None => self.failed(failure),
        }
    }

    /// The login itself was refused: no message is at fault, so the mailbox waits for a person.
    pub(super) fn login_refused(&self, failure: &Failure) -> Finished {
        let FailureKind::Reply(reply) = &failure.kind else {
            return self.failed(failure);
        };
        let verdict = judge(reply, failure.phase, &self.subject);
        match verdict.then {
            Then::Refuse | Then::Reauthenticate => Finished {
                reply: Some(reply.clone()),
                ..self.paused(failure.phase, verdict.diagnosis, PauseKind::Configuration)
            },
            // Of a transient refusal no recipient hears: the login was not about them.
            _ => Finished {
                recipients: Vec::new(),
                ..self.failed(failure)
            },
        }
    }

    /// There is nothing to log in with.
    pub(super) fn no_credential(&self, reason: NoCredential) -> Finished {
        match reason {
            // What stopped it is recorded with the service; the message waits for its end.
            NoCredential::Stopped(diagnosis) => {
                self.unfinished(Phase::Authenticate, diagnosis, Next::Hold)
            }
            NoCredential::Misconfigured(diagnosis) => {
                self.paused(Phase::Authenticate, diagnosis, PauseKind::Configuration)
            }
            NoCredential::Moved => {
                let diagnosis =
                    catalogue::local(Reason::WrongState, &self.subject, "the service changed");
                let now = self.core.env.now();
                self.unfinished(
                    Phase::Authenticate,
                    diagnosis,
                    Next::At {
                        time: now,
                        spends: false,
                    },
                )
            }
            NoCredential::Later(diagnosis, wait) => {
                let next = Next::At {
                    time: self.core.env.now() + wait,
                    spends: false,
                };
                self.unfinished(Phase::Authenticate, diagnosis, next)
            }
            NoCredential::Failed(error) => self.interrupted(Phase::Authenticate, &error),
        }
    }

    /// Our own store or key failed before the dot: nothing was taken, and it is tried again.
    pub(super) fn interrupted(&self, phase: Phase, error: &Error) -> Finished {
        tracing::error!(message = %self.claimed.claim.message_id, ?error, "a delivery was interrupted");
        let diagnosis = catalogue::local(Reason::StoreUnavailable, &self.subject, "");
        self.unfinished(phase, diagnosis, self.retry(Duration::ZERO))
    }

    /// A damaged store: the message can never be sent, and says so.
    pub(super) fn broken(&self, what: &str) -> Finished {
        tracing::error!(message = %self.claimed.claim.message_id, "{what}");
        self.refused(
            Phase::Resolve,
            catalogue::local(Reason::Internal, &self.subject, what),
        )
    }

    /// Outcomes and what follows from all verdicts together.
    fn concluded(
        &self,
        phase: Phase,
        reply: Option<Reply>,
        recipients: Vec<RecipientResult>,
        verdicts: &[&Verdict],
    ) -> Finished {
        let pause = verdicts
            .iter()
            .find_map(|verdict| Some((verdict.then.pauses()?, &verdict.diagnosis)));
        let any = |then| verdicts.iter().any(|verdict| verdict.then == then);
        let now = self.core.env.now();
        let (next, mailbox) = match pause {
            Some((kind, diagnosis)) => (Next::Hold, self.pause(diagnosis.clone(), kind)),
            None if any(Then::Accept) => {
                let split = any(Then::Split) && !any(Then::Retry) && !any(Then::RetryLater);
                let next = if split {
                    Next::At {
                        time: now,
                        spends: false,
                    }
                } else {
                    self.retry(patience(verdicts))
                };
                (next, MailboxVerdict::Works)
            }
            None => (self.retry(patience(verdicts)), MailboxVerdict::Silent),
        };
        let diagnosis = verdicts
            .iter()
            .find(|verdict| verdict.then != Then::Accept)
            .map(|v| v.diagnosis.clone());
        Finished {
            phase,
            reply,
            diagnosis,
            uncertain: false,
            recipients,
            next,
            mailbox,
        }
    }

    fn paused(&self, phase: Phase, diagnosis: Diagnosis, kind: PauseKind) -> Finished {
        let mailbox = self.pause(diagnosis.clone(), kind);
        Finished {
            mailbox,
            ..self.unfinished(phase, diagnosis, Next::Hold)
        }
    }

    fn pause(&self, diagnosis: Diagnosis, kind: PauseKind) -> MailboxVerdict {
        let now = self.core.env.now();
        let wait = match kind {
            PauseKind::Configuration => token::CONFIGURATION_PROBE,
            PauseKind::Block | PauseKind::Daily => probe_interval(0),
        };
        MailboxVerdict::Paused(Pause {
            diagnosis,
            since: now,
            probe_time: now + wait,
            probes: 0,
        })
    }

    fn refused(&self, phase: Phase, diagnosis: Diagnosis) -> Finished {
        let refused = |index: &u32| RecipientResult {
            index: *index,
            outcome: Outcome::Refused,
            reply: None,
            diagnosis: Some(diagnosis.clone()),
        };
        let recipients = self.claimed.claim.recipients.iter().map(refused).collect();
        Finished {
            recipients,
            ..self.unfinished(phase, diagnosis, self.retry(Duration::ZERO))
        }
    }

    fn unfinished(&self, phase: Phase, diagnosis: Diagnosis, next: Next) -> Finished {
        Finished {
            phase,
            reply: None,
            diagnosis: Some(diagnosis),
            uncertain: false,
            recipients: Vec::new(),
            next,
            mailbox: MailboxVerdict::Silent,
        }
    }

    fn retry(&self, floor: Duration) -> Next {
        let wait = backoff(
            self.claimed.message.message.deferrals,
            floor,
            self.core.env.fraction(),
        );
        Next::At {
            time: self.core.env.now() + wait,
            spends: true,
        }
    }
}

fn result(index: u32, verdict: &Verdict, reply: &Reply) -> RecipientResult {
    let outcome = match verdict.then {
        Then::Accept => Outcome::Accepted,
        Then::Refuse => Outcome::Refused,
        Then::Retry | Then::RetryLater | Then::Split | Then::Reauthenticate | Then::Pause(..) => {
            Outcome::Pending
        }
    };
    let diagnosis = (outcome != Outcome::Accepted).then(|| verdict.diagnosis.clone());
    RecipientResult {
        index,
        outcome,
        reply: Some(reply.clone()),
        diagnosis,
    }
}

fn patience(verdicts: &[&Verdict]) -> Duration {
    let long = verdicts
        .iter()
        .any(|verdict| verdict.then == Then::RetryLater);
    if long { LONG_WAIT } else { Duration::ZERO }
}
