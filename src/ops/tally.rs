//! What is counted of a delivery.

use crate::metrics::Metrics;
use crate::model::Timestamp;
use crate::model::message::{Finished, MailboxVerdict, Message, Outcome};
use crate::model::state::MessageState;

/// What a transaction came to, in one word.
pub(super) fn verdict(finished: &Finished) -> &'static str {
    let outcomes = || finished.recipients.iter().map(|result| result.outcome);
    let any = |outcome| outcomes().any(|found| found == outcome);
    if finished.uncertain {
        "uncertain"
    } else if any(Outcome::Accepted) {
        match outcomes().all(|outcome| outcome == Outcome::Accepted) {
            true => "accepted",
            false => "partial",
        }
    } else if matches!(finished.mailbox, MailboxVerdict::Paused(_)) {
        "paused"
    } else if any(Outcome::Refused) {
        "refused"
    } else {
        "deferred"
    }
}

/// Why, as the API writes it; empty where nothing failed.
pub(super) fn reason(finished: &Finished) -> &'static str {
    let diagnosis = finished.diagnosis.as_ref();
    diagnosis.map_or("", |diagnosis| diagnosis.reason.as_str())
}

/// Counts a transaction that ended, and left its message in `state`.
pub(super) fn count(
    metrics: &Metrics,
    now: Timestamp,
    message: &Message,
    finished: &Finished,
    state: MessageState,
) {
    metrics.attempt(verdict(finished), reason(finished));
    for result in &finished.recipients {
        if let Some(outcome) = decided(result.outcome) {
            metrics.recipient(outcome);
        }
    }
    if let Some(state) = ended(state) {
        metrics.ended(state, 1);
    }
    if state == MessageState::Sent {
        metrics.sent(now.since(message.send_time));
    }
}

fn decided(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Pending => None,
        Outcome::Accepted => Some("accepted"),
        Outcome::Refused => Some("refused"),
        Outcome::Uncertain => Some("uncertain"),
        Outcome::Expired => Some("expired"),
        Outcome::Cancelled => Some("cancelled"),
    }
}

fn ended(state: MessageState) -> Option<&'static str> {
    match state {
        MessageState::Queued | MessageState::Sending | MessageState::Held => None,
        MessageState::Sent => Some("SENT"),
        MessageState::Partial => Some("PARTIAL"),
        MessageState::Failed => Some("FAILED"),
        MessageState::Expired => Some("EXPIRED"),
        MessageState::Cancelled => Some("CANCELLED"),
        MessageState::Uncertain => Some("UNCERTAIN"),
    }
}
