//! The state machine of a message: one function from (state, event) to state.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::message::{Outcome, Recipient};

/// Where a message is. `QUEUED`, `SENDING` and `HELD` are under way, the others have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MessageState {
    /// Due at its next attempt time.
    Queued,
    /// A transaction is under way.
    Sending,
    /// Its service can't send now; due at once when it can.
    Held,
    /// Every recipient was accepted by the provider.
    Sent,
    /// Some recipients were accepted, the others were not.
    Partial,
    /// No recipient was accepted.
    Failed,
    /// Not all were accepted before its expire time.
    Expired,
    /// The caller cancelled what was still pending.
    Cancelled,
    /// A server's reply was lost after the final dot, and the message waits for a person. It has
    /// ended, but what it waits for keeps it from being forgotten.
    Uncertain,
}

impl fmt::Display for MessageState {
    /// As the API writes it: `QUEUED`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_uppercase())
    }
}

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A delivery took it up.
    Claim,
    /// Its service can't send.
    Hold,
    /// Its service can send again.
    Release,
    /// The transaction ended and recipients remain to be tried.
    Defer,
    /// No recipient is pending any more; the outcomes decide.
    Settle(MessageState),
    /// Its expire time came, and nothing about it is uncertain.
    Expire,
    /// The caller asked, and nothing about it is uncertain.
    Cancel,
    /// The caller asked to try those again that were not accepted.
    Retry,
    /// A person found out what became of it: taken or not.
    Resolve(MessageState),
}

impl MessageState {
    /// All states, in the order of the API.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Sending,
        Self::Held,
        Self::Sent,
        Self::Partial,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
        Self::Uncertain,
    ];

    /// Whether nothing more happens by itself.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending | Self::Held)
    }

    /// Whether a message may be forgotten some time after it ended: not while a person has to say
    /// what became of it.
    pub fn may_be_forgotten(self) -> bool {
        self.has_ended() && self != Self::Uncertain
    }

    /// The state after `event`; none where the event can't happen in this state.
    pub fn after(self, event: Event) -> Option<Self> {
        use MessageState::{
            Cancelled, Expired, Failed, Held, Partial, Queued, Sending, Sent, Uncertain,
        };
        match (self, event) {
            (Queued, Event::Claim) => Some(Sending),
            (Queued | Sending, Event::Hold) => Some(Held),
            (Held, Event::Release) | (Sending, Event::Defer) => Some(Queued),
            (Sending, Event::Settle(to @ (Sent | Partial | Failed | Uncertain))) => Some(to),
            (Queued | Held, Event::Settle(Uncertain)) => Some(Uncertain),
            (Queued | Sending | Held, Event::Expire) => Some(Expired),
            (Queued | Held, Event::Cancel) => Some(Cancelled),
            (Failed | Expired | Partial | Uncertain, Event::Retry) => Some(Queued),
            (Uncertain, Event::Resolve(to @ (Sent | Partial | Failed))) => Some(to),
            _ => None,
        }
    }
}

/// The state in which the outcomes of its recipients leave a message, where neither its expire time
/// nor a caller ended it; none while one is pending.
pub fn settled(recipients: &[Recipient]) -> Option<MessageState> {
    let any = |outcome| {
        recipients
            .iter()
            .any(|recipient| recipient.outcome == outcome)
    };
    let all_accepted = recipients
        .iter()
        .all(|recipient| recipient.outcome == Outcome::Accepted);
    if any(Outcome::Pending) {
        return None;
    }
    Some(if any(Outcome::Uncertain) {
        MessageState::Uncertain
    } else if all_accepted {
        MessageState::Sent
    } else if any(Outcome::Accepted) {
        MessageState::Partial
    } else {
        MessageState::Failed
    })
}

/// How a message ends that `event` ends ([`Event::Expire`] or [`Event::Cancel`]): as UNCERTAIN all
/// the same where a recipient is, for that is still to be found out.
pub fn ended_by(event: Event, recipients: &[Recipient]) -> Event {
    match settled(recipients) {
        Some(MessageState::Uncertain) => Event::Settle(MessageState::Uncertain),
        _ => event,
    }
}

#[cfg(test)]
mod tests {
    use super::MessageState::{
        Cancelled, Expired, Failed, Held, Partial, Queued, Sending, Sent, Uncertain,
    };
    use super::*;

    #[test]
    fn every_pair_of_state_and_event_goes_where_the_diagram_says() {
        let settles = [Sent, Partial, Failed, Uncertain].map(|to| (Event::Settle(to), to));
        let resolves = [Sent, Partial, Failed].map(|to| (Event::Resolve(to), to));
        let allowed: Vec<(MessageState, Event, MessageState)> = [
            (Queued, Event::Claim, Sending),
            (Queued, Event::Hold, Held),
            (Queued, Event::Expire, Expired),
            (Queued, Event::Cancel, Cancelled),
            (Queued, Event::Settle(Uncertain), Uncertain),
            (Held, Event::Settle(Uncertain), Uncertain),
            (Held, Event::Release, Queued),
            (Held, Event::Expire, Expired),
            (Held, Event::Cancel, Cancelled),
            (Sending, Event::Defer, Queued),
            (Sending, Event::Hold, Held),
            (Sending, Event::Expire, Expired),
            (Failed, Event::Retry, Queued),
            (Expired, Event::Retry, Queued),
            (Partial, Event::Retry, Queued),
            (Uncertain, Event::Retry, Queued),
        ]
        .into_iter()
        .chain(settles.map(|(event, to)| (Sending, event, to)))
        .chain(resolves.map(|(event, to)| (Uncertain, event, to)))
        .collect();

        let plain = [
            Event::Claim,
            Event::Hold,
            Event::Release,
            Event::Defer,
            Event::Expire,
            Event::Cancel,
            Event::Retry,
        ];
        let aimed = MessageState::ALL
            .into_iter()
            .flat_map(|to| [Event::Settle(to), Event::Resolve(to)]);
        for event in plain.into_iter().chain(aimed) {
            for state in MessageState::ALL {
                let expected = allowed
                    .iter()
                    .find(|(from, by, _)| (*from, *by) == (state, event))
                    .map(|row| row.2);
                assert_eq!(state.after(event), expected, "{state:?} on {event:?}");
            }
        }
    }
}
