//! The event log: what changed, in the order in which it became durable.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::message::{Attempt, Message, Recipient};
use super::service::{Pause, Service, ServiceState};
use super::state::MessageState;
use super::{EmailAddress, Timestamp};

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the log, from 1, without gaps.
    pub sequence: u64,
    pub time: Timestamp,
    pub change: Change,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    Message(Box<MessageChange>),
    Service(Box<ServiceChange>),
}

/// A message after a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageChange {
    pub message: Message,
    /// None when it was just accepted.
    pub previous_state: Option<MessageState>,
    /// Only those that changed.
    pub recipients: Vec<Recipient>,
    /// The attempt that caused it.
    pub attempt: Option<Attempt>,
    /// The addresses that `attempt` was for, in its order: here its indexes point at nothing.
    pub attempt_recipients: Vec<EmailAddress>,
}

/// A service after a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceChange {
    pub service: Service,
    pub pause: Option<Pause>,
    /// None when it was just created.
    pub previous_state: Option<ServiceState>,
    pub deleted: bool,
}

/// A place in the log of one store: everything up to and with `sequence` has been seen.
///
/// Its text is opaque to callers: base64url of the epoch and the sequence, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which log; drawn at random when a store is created.
    pub epoch: u64,
    pub sequence: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[8..].copy_from_slice(&self.sequence.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "must be a cursor as this API returned it".to_owned();
        let bytes: [u8; 16] = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| invalid())?
            .try_into()
            .map_err(|_| invalid())?;
        let (epoch, sequence) = bytes.split_at(8);
        let number = |half: &[u8]| half.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        Ok(Self {
            epoch: number(epoch),
            sequence: number(sequence),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(epoch: u64, sequence: u64) {
            let cursor = Cursor { epoch, sequence };
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,64}") {
            let _ = text.parse::<Cursor>();
        }
    }
}
