//! What a mail server's reply means for the message, its recipients and its mailbox.
//!
//! The table (`catalogue/smtp.toml`) overrides the class in both directions, because providers
//! answer 5xx to what passes and 4xx to what never does. It doesn't know how often it was asked:
//! backoff, probes and the single refresh are the caller's.

use serde::{Deserialize, Serialize};

use super::catalogue::{self, Subject, redact, smtp};
use super::diagnosis::{Diagnosis, Reason, Scope};
use super::{Phase, Reply};

/// A judged reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What follows.
    pub then: Then,
    /// Why. With [`Then::Accept`] it has nothing to explain and must not be shown.
    pub diagnosis: Diagnosis,
}

/// What follows from a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Then {
    /// Go on.
    Accept,
    /// It passes: again with backoff.
    Retry,
    /// It passes slowly: again in no less than 15 minutes.
    RetryLater,
    /// Permanent for this recipient (phase RCPT) or this message.
    Refuse,
    /// Too many recipients: the rest in another transaction.
    Split,
    /// Refresh the token once; the same reply to a fresh one is configuration.
    Reauthenticate,
    /// The mailbox or tenant can't send; the message waits and spends no attempt.
    Pause(PauseScope, PauseKind),
}

/// What is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PauseScope {
    /// One login at one host.
    Mailbox,
    /// All mailboxes of the tenant, see [`super::TenantKey`].
    Tenant,
}

/// How a pause is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum PauseKind {
    /// After a change, ResumeService or an hour.
    Configuration,
    /// At growing intervals from a minute to an hour.
    Block,
    /// A quota of the day: it lasts up to 24 hours.
    Daily,
}

impl Then {
    /// What is paused and how, if anything is.
    pub fn pauses(self) -> Option<(PauseScope, PauseKind)> {
        match self {
            Self::Pause(scope, kind) => Some((scope, kind)),
            Self::Accept
            | Self::Retry
            | Self::RetryLater
            | Self::Refuse
            | Self::Split
            | Self::Reauthenticate => None,
        }
    }

    /// Whether the same again, unchanged, can succeed.
    fn passes(self) -> bool {
        match self {
            Self::Accept | Self::Retry | Self::RetryLater | Self::Split => true,
            Self::Refuse | Self::Reauthenticate => false,
            Self::Pause(_, kind) => kind != PauseKind::Configuration,
        }
    }
}

/// Judges a reply to the command of `phase`; the reply to the final dot is judged in
/// [`Phase::DotSent`]. An intermediate reply (354, 334) is no verdict and must not come here.
pub fn judge(reply: &Reply, phase: Phase, subject: &Subject) -> Verdict {
    let row = smtp::find(reply, phase, subject.app_only).filter(|_| !reply.is_positive());
    let (then, mut diagnosis) = match row {
        Some(row) => (row.then, row.diagnosis(subject)),
        None => by_class(reply, phase, subject),
    };
    let then = before_envelope(then, phase);
    diagnosis.scope = row
        .and_then(smtp::Row::scope)
        .unwrap_or_else(|| scope(then, reply, phase));
    diagnosis.retryable = then.passes();
    diagnosis.provider_code = reply.provider_code();
    diagnosis.provider_text = redact(&reply.text);
    Verdict { then, diagnosis }
}

/// What an unknown reply means by its first digit, or that of its enhanced code: Exchange's need not
/// agree (`554 4.3.2`), and what either calls temporary is tried again.
fn by_class(reply: &Reply, phase: Phase, subject: &Subject) -> (Then, Diagnosis) {
    let class = match (reply.code / 100, reply.enhanced) {
        (5, Some((4, ..))) => 4,
        (class, _) => class,
    };
    let (then, reason) = match (class, phase) {
        // No reason says "all is well"; INTERNAL makes one that is shown by mistake be noticed.
        (2, _) => (Then::Accept, Reason::Internal),
        (4, _) => (Then::Retry, Reason::SmtpTransient),
        (5, Phase::Authenticate) => (
            Then::Pause(PauseScope::Mailbox, PauseKind::Configuration),
            Reason::SmtpAuthRefused,
        ),
        (5, Phase::RcptTo) => (Then::Refuse, Reason::RecipientRefused),
        (5, _) => (Then::Refuse, Reason::SmtpPermanent),
        _ => (Then::Retry, Reason::SmtpProtocol),
    };
    (then, catalogue::local(reason, subject, ""))
}

/// Before MAIL FROM a server can't refuse a message that it has not heard of.
fn before_envelope(then: Then, phase: Phase) -> Then {
    match then {
        Then::Refuse | Then::Split if phase < Phase::MailFrom => {
            Then::Pause(PauseScope::Mailbox, PauseKind::Block)
        }
        _ => then,
    }
}

fn scope(then: Then, reply: &Reply, phase: Phase) -> Scope {
    match then {
        Then::Pause(PauseScope::Tenant, _) => Scope::Tenant,
        Then::Pause(PauseScope::Mailbox, _) | Then::Reauthenticate => match phase {
            Phase::Resolve | Phase::Connect | Phase::Tls | Phase::Ehlo => Scope::Server,
            _ => Scope::Mailbox,
        },
        // 421: the server is closing, whatever it was asked (RFC 5321 §3.8).
        _ if reply.code == 421 || phase < Phase::MailFrom => Scope::Server,
        _ if phase == Phase::RcptTo => Scope::Recipient,
        _ => Scope::Message,
    }
}
