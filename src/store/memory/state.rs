//! All tables, and what every transaction reads and appends.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::table::Table;
use crate::model::event::{Change, Event};
use crate::model::message::{Attempt, FullMessage, Message, Priority, Recipient};
use crate::model::service::{Pause, Service};
use crate::model::{MailboxKey, MessageId, RequestId, ServiceId, Timestamp};
use crate::store::{PendingAuthorization, Result, Sealed, StoreError, TokenRow};

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $key:ty => $value:ty),* $(,)?) => {
        /// Everything that is kept. A transaction is a method; whoever calls it commits or rolls
        /// back.
        #[derive(Default)]
        pub(super) struct State { $($(#[$doc])* pub $name: Table<$key, $value>),* }

        impl State {
            /// Keeps what the transaction wrote; whether it wrote anything.
            pub fn commit(&mut self) -> bool {
                [$(self.$name.commit()),*].contains(&true)
            }

            /// Takes back what the transaction wrote.
            pub fn roll_back(&mut self) {
                $(self.$name.roll_back();)*
            }
        }
    };
}

tables! {
    services: ServiceId => Service,
    /// Which services send through a mailbox.
    mailboxes: MailboxKey => BTreeSet<ServiceId>,
    pauses: MailboxKey => Pause,
    secrets: ServiceId => Sealed,
    tokens: ServiceId => TokenRow,
    /// The newest generation of each id. It outlives token and service, and forgetting takes a
    /// number too, so that a refresh that began before never passes for the newest.
    generations: ServiceId => u64,
    /// Tokens to refresh that nobody has claimed.
    refreshes: (Timestamp, ServiceId) => (),
    authorizations: [u8; 32] => PendingAuthorization,
    messages: MessageId => Message,
    recipients: (MessageId, u32) => Recipient,
    attempts: (MessageId, u32) => Attempt,
    bodies: MessageId => Sealed,
    requests: (ServiceId, RequestId) => RequestRow,
    /// The newest event of each message.
    sequences: MessageId => u64,
    by_service: (ServiceId, MessageId) => (),
    /// How many messages of a service have not ended.
    pending: ServiceId => u64,
    /// What is QUEUED, in the order in which it is due.
    due: (ServiceId, Priority, Timestamp, MessageId) => (),
    /// What is HELD, by the time from which it could have been sent.
    held: (ServiceId, Timestamp, MessageId) => (),
    /// What is QUEUED or HELD, by expire time.
    expiring: (Timestamp, MessageId) => (),
    ended: (Timestamp, MessageId) => (),
    /// What is SENDING.
    claims: MessageId => ClaimRow,
    events: u64 => Event,
    log: () => LogRow,
}

/// A claim that has not ended.
#[derive(Serialize, Deserialize)]
pub(super) struct ClaimRow {
    /// The mailbox when it began; the service may have moved since.
    pub mailbox: MailboxKey,
    pub probe: bool,
}

/// What a request id stands for.
#[derive(Serialize, Deserialize)]
pub(super) struct RequestRow {
    pub message_id: MessageId,
    pub accept_time: Timestamp,
}

/// The ends of the log, which outlive its events.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct LogRow {
    pub oldest: u64,
    pub newest: u64,
}

impl State {
    /// The ends of the log.
    pub fn log(&self) -> Result<LogRow> {
        Ok(self.log.get(&())?.unwrap_or_default())
    }

    /// Appends to the log; returns the event's place.
    pub fn emit(&mut self, time: Timestamp, change: Change) -> Result<u64> {
        let mut log = self.log()?;
        log.newest += 1;
        let event = Event {
            sequence: log.newest,
            time,
            change,
        };
        self.events.put(log.newest, &event);
        self.log.put((), &log);
        Ok(log.newest)
    }

    /// A message that must be there.
    pub fn require_message(&self, id: &MessageId) -> Result<Message> {
        self.messages
            .get(id)?
            .ok_or_else(|| corrupt(format!("message {id:?} is missing")))
    }

    /// The recipients of a message, in order.
    pub fn recipients_of(&self, id: &MessageId) -> Result<Vec<Recipient>> {
        self.recipients
            .range((id.clone(), 0)..=(id.clone(), u32::MAX))
            .map(|row| Ok(row?.1))
            .collect()
    }

    /// The attempts of a message, in order.
    pub fn attempts_of(&self, id: &MessageId) -> Result<Vec<Attempt>> {
        self.attempts
            .range((id.clone(), 0)..=(id.clone(), u32::MAX))
            .map(|row| Ok(row?.1))
            .collect()
    }

    /// A message with recipients and attempts.
    pub fn full(&self, message: Message) -> Result<FullMessage> {
        Ok(FullMessage {
            recipients: self.recipients_of(&message.id)?,
            attempts: self.attempts_of(&message.id)?,
            message,
        })
    }

    /// The place of a message's newest event.
    pub fn sequence_of(&self, id: &MessageId) -> Result<u64> {
        self.sequences
            .get(id)?
            .ok_or_else(|| corrupt(format!("message {id:?} has no event")))
    }
}

/// The id before all others, for the start of a range.
pub(super) fn first_id() -> MessageId {
    MessageId::generate(Timestamp::default(), [0; 10])
}

/// What only a bug or a damaged store can bring about.
pub(super) fn corrupt(what: String) -> StoreError {
    StoreError::Corrupt(what)
}
