//! A message and what became of each of its recipients.

use serde::{Deserialize, Serialize};

use super::service::{OnUncertain, Pause};
use super::state::MessageState;
use super::trace::TraceContext;
use super::{
    Diagnosis, EmailAddress, Labels, MailboxKey, MessageId, Phase, Reply, RequestId, ServiceId,
    Timestamp,
};

/// After so many attempts whose reply was lost, a recipient is not mailed again by itself, also with
/// RESEND: a server that takes mail and never answers would deliver a copy with each.
pub const UNCERTAIN_ATTEMPTS_MAX: usize = 3;

/// Everything about a message but its body, recipients and attempts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    pub service_id: ServiceId,
    pub request_id: Option<RequestId>,
    /// SHA-256 of the request's content, by which a repeated request is told from a changed one.
    pub content_digest: [u8; 32],
    /// The envelope's sender.
    pub from: EmailAddress,
    /// The name in the From header as sent; empty for none.
    pub from_name: String,
    pub state: MessageState,
    pub priority: Priority,
    pub on_uncertain: OnUncertain,
    pub labels: Labels,
    /// Not to be sent before.
    pub send_time: Timestamp,
    /// Not to be sent after.
    pub expire_time: Timestamp,
    /// When it is due, while QUEUED.
    pub next_attempt_time: Timestamp,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub end_time: Option<Timestamp>,
    /// `<…@…>`, the same in every attempt.
    pub message_id_header: String,
    /// Octets of the rendered message.
    pub size_bytes: u64,
    pub recipient_count: u32,
    /// Attempts begun, for numbering.
    pub attempts: u32,
    /// Attempts that count towards backoff; a paused mailbox and a shutdown spend none.
    pub deferrals: u32,
    /// Why it failed last, or why it is held.
    pub problem: Option<Diagnosis>,
    /// The key of its body, sealed; dropping it erases the body. Empty once the body is trimmed.
    pub body_key: Vec<u8>,
    /// The trace that its deliveries belong to, and the span above them.
    pub trace: Option<TraceContext>,
}

/// Which message of a mailbox goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    High,
    #[default]
    Normal,
    Bulk,
}

impl Priority {
    /// All priorities, the highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Bulk];
}

impl Message {
    /// The application that sent it, as its label `app` says; empty without one. Callers of a
    /// mailbox share it evenly.
    pub fn caller(&self) -> &str {
        self.labels.0.get("app").map_or("", String::as_str)
    }
}

/// One recipient of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    pub address: EmailAddress,
    pub outcome: Outcome,
    /// The reply that decided, or the newest one while pending.
    pub reply: Option<Reply>,
    /// Why it is not accepted; none where it is, or where nothing failed yet.
    pub diagnosis: Option<Diagnosis>,
    pub update_time: Timestamp,
}

/// What became of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Pending,
    Accepted,
    Refused,
    Uncertain,
    Expired,
    Cancelled,
}

/// One transaction: some of a message's recipients in one SMTP dialogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub start_time: Timestamp,
    /// None while it runs; when the process died in it, the time of the next start.
    pub end_time: Option<Timestamp>,
    pub phase: Phase,
    /// Indexes into the message's recipients.
    pub recipients: Vec<u32>,
    pub reply: Option<Reply>,
    pub diagnosis: Option<Diagnosis>,
    /// The server may have taken it: the final dot went out and no reply came.
    pub uncertain: bool,
}

impl OnUncertain {
    /// Whether a recipient (its index) waits for a person now that one more attempt for it is
    /// uncertain. Attempts name whom they were for, not whom the server then took: whoever was
    /// refused in an uncertain one is counted too, and waits for a person earlier.
    pub fn holds(self, index: u32, earlier: &[Attempt]) -> bool {
        let for_it = |attempt: &&Attempt| attempt.uncertain && attempt.recipients.contains(&index);
        self == Self::Hold || earlier.iter().filter(for_it).count() + 1 >= UNCERTAIN_ATTEMPTS_MAX
    }
}

/// A message with its recipients and attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct FullMessage {
    pub message: Message,
    pub recipients: Vec<Recipient>,
    pub attempts: Vec<Attempt>,
}

/// A delivery's hold on a message. Whoever shows an older number holds nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub message_id: MessageId,
    pub service_id: ServiceId,
    pub mailbox: MailboxKey,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// Indexes of the recipients of this transaction.
    pub recipients: Vec<u32>,
    /// Whether it probes a paused mailbox.
    pub probe: bool,
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    pub phase: Phase,
    pub reply: Option<Reply>,
    pub diagnosis: Option<Diagnosis>,
    pub uncertain: bool,
    /// What became of recipients of the claim; those not named keep outcome and reply.
    pub recipients: Vec<RecipientResult>,
    /// What comes after, for the recipients that are still pending.
    pub next: Next,
    /// What it tells of the mailbox.
    pub mailbox: MailboxVerdict,
}

/// What one transaction meant for one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipientResult {
    /// Index into the message's recipients.
    pub index: u32,
    pub outcome: Outcome,
    pub reply: Option<Reply>,
    pub diagnosis: Option<Diagnosis>,
}

/// What a transaction tells of its mailbox.
#[derive(Clone, Debug, PartialEq)]
pub enum MailboxVerdict {
    /// Nothing: the failure was the message's, or a passing one.
    Silent,
    /// It can send: a pause ends, and held mail is due.
    Works,
    /// It can't send: it, or its tenant, pauses, or goes on pausing.
    Paused(Pause),
    /// No message was heard at all. After a few in a row, it pauses.
    Unreachable(Pause),
    /// It has more connections than the provider allows, ours and those of others together.
    Crowded,
    /// It gets more messages than the provider takes at once.
    TooFast,
}

/// What comes after a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Try again at this time; `spends` says whether the attempt counts towards backoff.
    At { time: Timestamp, spends: bool },
    /// Wait until the service, or the mailbox, can send again.
    Hold,
}
