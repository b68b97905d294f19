//! From what the server said, or did not say, to how a transaction ended.

use std::time::Duration;

use super::token::{self, NoCredential};
use super::{Core, failure};
use crate::model::catalogue::{self, Subject};
use crate::model::diagnosis::Scope;
use crate::model::message::{Finished, MailboxVerdict, Next, Outcome, RecipientResult};
use crate::model::schedule::{backoff, probe_interval};
use crate::model::service::Pause;
use crate::model::verdict::{PauseKind, PauseScope, Then, Verdict, judge};
use crate::model::{Diagnosis, Error, Phase, Reason, Reply, Timestamp};
use crate::smtp::{Failure, FailureKind, RecipientReply};
use crate::store::Claimed;

/// A refusal that asks for patience waits at least this long.
const LONG_WAIT: Duration = Duration::from_secs(15 * 60);

/// Where many programs share a mailbox, its backoff grows no further than after so many deferrals:
/// eight minutes.
const SOON_MAX: u32 = 5;

/// An identity provider that is out of order is tried again after this long, whatever it says.
const LONGEST_OUTAGE: Duration = Duration::from_secs(60 * 60);

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
        let phase = match last {
            Some(_) => Phase::Finished,
            None => Phase::RcptTo,
        };
        self.concluded(phase, replies, last)
    }

    /// The final dot went out and no reply came: the server may have taken the message (RFC 1047).
    pub(super) fn reply_lost(&self, replies: &[RecipientReply], failure: &Failure) -> Finished {
        let lost = catalogue::local(Reason::ReplyLost, &self.subject, &failure.kind.to_string());
        let full = &self.claimed.message;
        let holds = |index| full.message.on_uncertain.holds(index, &full.attempts);
        let mut results: Vec<_> = self
            .judged(replies, Phase::RcptTo, None)
            .iter()
            .map(Judged::result)
            .collect();
        let decided: Vec<u32> = results.iter().map(|result| result.index).collect();
        let claim = &self.claimed.claim;
        let open = claim.recipients.iter().filter(|i| !decided.contains(i));
        results.extend(open.map(|index| RecipientResult {
            index: *index,
            outcome: match holds(*index) {
                true => Outcome::Uncertain,
                false => Outcome::Pending,
            },
            reply: None,
            diagnosis: Some(lost.clone()),
        }));
        Finished {
            uncertain: true,
            recipients: results,
            ..self.unfinished(Phase::DotSent, lost, self.retry(Duration::ZERO))
        }
    }

    /// The dialogue ended before the dot: nothing was taken. Whom the server had refused by then has
    /// its answer all the same.
    pub(super) fn failed(&self, failure: &Failure) -> Finished {
        if let FailureKind::Reply(reply) = &failure.kind {
            return self.concluded(failure.phase, &failure.recipients, Some(reply));
        }
        let diagnosis = failure::diagnose(failure, &self.subject);
        if failure.kind == FailureKind::EightBitNotOffered {
            return self.refused(failure.phase, diagnosis);
        }
        self.given_up(failure.phase, &failure.recipients, diagnosis)
    }

    /// We ended the dialogue before the dot, since its time was over: nothing was taken.
    pub(super) fn out_of_time(
        &self,
        reached: Option<Phase>,
        replies: &[RecipientReply],
    ) -> Finished {
        let (phase, was_dialled) = (reached.unwrap_or(Phase::Resolve), reached.is_some());
        let expired = self.claimed.message.message.expire_time <= self.core.env.now();
        let (reason, detail) = match expired {
            true => (Reason::MessageExpired, "it came before the final dot"),
            false => (
                Reason::ConnectionLost,
                "the server took too long over all steps together",
            ),
        };
        let diagnosis = catalogue::local(reason, &self.subject, detail);
        let given_up = self.given_up(phase, replies, diagnosis);
        match expired || !was_dialled {
            // Whoever waited all the time for a place, or came late, learned nothing of the server.
            true => Finished {
                mailbox: MailboxVerdict::Silent,
                ..given_up
            },
            false => given_up,
        }
    }

    /// Nothing was heard of those whom the server has not refused.
    fn given_up(&self, phase: Phase, replies: &[RecipientReply], diagnosis: Diagnosis) -> Finished {
        let judged = self.judged(replies, Phase::RcptTo, None);
        let verdicts: Vec<_> = judged.iter().map(|judged| &judged.verdict).collect();
        let next = self.retry(patience(&verdicts));
        Finished {
            recipients: judged.iter().map(Judged::result).collect(),
            mailbox: self.unless_heard(phase, &diagnosis),
            ..self.unfinished(phase, diagnosis, next)
        }
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
                let (scope, kind) = (PauseScope::Mailbox, PauseKind::Block);
                let pause = self.pause(scope, kind, Phase::Authenticate, diagnosis.clone());
                let probe_time = self.core.env.now() + wait.min(LONGEST_OUTAGE);
                let pause = Pause {
                    probe_time,
                    ..pause
                };
                Finished {
                    mailbox: MailboxVerdict::Paused(pause),
                    ..self.unfinished(Phase::Authenticate, diagnosis, Next::Hold)
                }
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

    /// The verdict on each recipient: whom the server refused at RCPT by that reply, the others by
    /// `rest`, the reply that decided in `phase` about all of them; without one, they have none.
    fn judged(
        &self,
        replies: &[RecipientReply],
        phase: Phase,
        rest: Option<&Reply>,
    ) -> Vec<Judged> {
        let indexes = self.claimed.claim.recipients.iter().enumerate();
        let judged = indexes.filter_map(|(n, index)| {
            let own = replies.get(n).filter(|recipient| !recipient.is_accepted());
            let (reply, phase) = match own {
                Some(refused) => (&refused.reply, Phase::RcptTo),
                None => (rest?, phase),
            };
            Some(Judged {
                index: *index,
                verdict: judge(reply, phase, &self.subject),
                reply: reply.clone(),
            })
        });
        judged.collect()
    }

    /// Outcomes and what follows from all verdicts together; `rest` as in [`Judge::judged`].
    fn concluded(
        &self,
        phase: Phase,
        replies: &[RecipientReply],
        rest: Option<&Reply>,
    ) -> Finished {
        let judged = self.judged(replies, phase, rest);
        let rest_verdict = rest.map(|reply| judge(reply, phase, &self.subject));
        let verdicts: Vec<&Verdict> = rest_verdict
            .iter()
            .chain(judged.iter().map(|judged| &judged.verdict))
            .collect();
        let refused = judged
            .iter()
            .find(|judged| judged.verdict.then != Then::Accept);
        let diagnosis = verdicts
            .iter()
            .find(|verdict| verdict.then != Then::Accept)
            .map(|verdict| verdict.diagnosis.clone());
        let (next, mailbox) = self.follows(phase, &verdicts);
        Finished {
            phase,
            reply: rest.or(refused.map(|judged| &judged.reply)).cloned(),
            diagnosis,
            uncertain: false,
            recipients: judged.iter().map(Judged::result).collect(),
            next,
            mailbox,
        }
    }

    /// What comes next, and what it tells of the mailbox.
    fn follows(&self, phase: Phase, verdicts: &[&Verdict]) -> (Next, MailboxVerdict) {
        let any = |then| verdicts.iter().any(|verdict| verdict.then == then);
        // Of the whole mailbox, and not of one recipient who gets too much, or for long.
        let why = |reason| {
            let of_mailbox = |verdict: &&&Verdict| verdict.diagnosis.scope != Scope::Recipient;
            let mut passing = verdicts.iter().filter(of_mailbox);
            passing.any(|v| v.diagnosis.reason == reason && v.then == Then::Retry)
        };
        let mut pauses = verdicts.iter();
        if let Some(((scope, kind), diagnosis)) =
            pauses.find_map(|verdict| Some((verdict.then.pauses()?, &verdict.diagnosis)))
        {
            let pause = self.pause(scope, kind, phase, diagnosis.clone());
            return (Next::Hold, MailboxVerdict::Paused(pause));
        }
        if why(Reason::ConcurrencyLimited) {
            return (self.soon(), MailboxVerdict::Crowded);
        }
        if why(Reason::RateLimited) {
            return (self.soon(), MailboxVerdict::TooFast);
        }
        let mailbox = match verdicts.first() {
            _ if any(Then::Accept) => MailboxVerdict::Works,
            Some(verdict) => self.unless_heard(phase, &verdict.diagnosis),
            None => MailboxVerdict::Silent,
        };
        // Too many recipients is no failure, where the others are done with.
        let split = any(Then::Split) && (any(Then::Accept) || any(Then::Refuse));
        let waits = any(Then::Retry) || any(Then::RetryLater);
        let time = match split && !waits {
            true => self.core.env.now(),
            false => self.retry_time(patience(verdicts)),
        };
        let spends = !split;
        (Next::At { time, spends }, mailbox)
    }

    fn paused(&self, phase: Phase, diagnosis: Diagnosis, kind: PauseKind) -> Finished {
        let pause = self.pause(PauseScope::Mailbox, kind, phase, diagnosis.clone());
        Finished {
            mailbox: MailboxVerdict::Paused(pause),
            ..self.unfinished(phase, diagnosis, Next::Hold)
        }
    }

    fn pause(
        &self,
        scope: PauseScope,
        kind: PauseKind,
        phase: Phase,
        diagnosis: Diagnosis,
    ) -> Pause {
        let now = self.core.env.now();
        let wait = match kind {
            PauseKind::Configuration => token::CONFIGURATION_PROBE,
            PauseKind::Block | PauseKind::Daily => probe_interval(0),
        };
        Pause {
            scope,
            diagnosis,
            phase,
            since: now,
            probe_time: now + wait,
            probes: 0,
            end_time: None,
        }
    }

    /// What a dialogue that ended so tells of the mailbox: before MAIL FROM no server has heard of
    /// the message, so it is not at fault.
    fn unless_heard(&self, phase: Phase, diagnosis: &Diagnosis) -> MailboxVerdict {
        if phase >= Phase::MailFrom {
            return MailboxVerdict::Silent;
        }
        let (scope, kind) = (PauseScope::Mailbox, PauseKind::Block);
        MailboxVerdict::Unreachable(self.pause(scope, kind, phase, diagnosis.clone()))
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

    /// The mailbox had too much at once, and slows down: it is tried again before long, but not
    /// without end.
    fn soon(&self) -> Next {
        let deferrals = self.claimed.message.message.deferrals.min(SOON_MAX);
        let wait = backoff(deferrals, Duration::ZERO, self.core.env.fraction());
        Next::At {
            time: self.core.env.now() + wait,
            spends: true,
        }
    }

    fn retry(&self, floor: Duration) -> Next {
        Next::At {
            time: self.retry_time(floor),
            spends: true,
        }
    }

    fn retry_time(&self, floor: Duration) -> Timestamp {
        let deferrals = self.claimed.message.message.deferrals;
        self.core.env.now() + backoff(deferrals, floor, self.core.env.fraction())
    }
}

/// A recipient of the claim, and the reply that decides about it.
struct Judged {
    index: u32,
    verdict: Verdict,
    reply: Reply,
}

impl Judged {
    fn result(&self) -> RecipientResult {
        let outcome = match self.verdict.then {
            Then::Accept => Outcome::Accepted,
            Then::Refuse => Outcome::Refused,
            Then::Retry
            | Then::RetryLater
            | Then::Split
            | Then::Reauthenticate
            | Then::Pause(..) => Outcome::Pending,
        };
        let explained = outcome != Outcome::Accepted;
        RecipientResult {
            index: self.index,
            outcome,
            reply: Some(self.reply.clone()),
            diagnosis: explained.then(|| self.verdict.diagnosis.clone()),
        }
    }
}

fn patience(verdicts: &[&Verdict]) -> Duration {
    let long = verdicts
        .iter()
        .any(|verdict| verdict.then == Then::RetryLater);
    if long { LONG_WAIT } else { Duration::ZERO }
}
