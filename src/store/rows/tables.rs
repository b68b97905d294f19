//! The tables: what is kept under which key. A tag is part of the format on disk: it stays with
//! its table, and is not used again.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ops::{Bound, Range, RangeBounds};

use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::model::event::Event;
use crate::model::message::{Attempt, Message, Priority, Recipient};
use crate::model::pace::Pace;
use crate::model::service::{Pause, Service};
use crate::model::{
    AccessKey, AccessKeyId, MailboxKey, MessageId, RequestId, ServiceId, TenantKey, Timestamp,
};
use crate::store::{Load, PendingAuthorization, Sealed, TokenRow, VaultKeys};

/// An ordered table, whose keys begin with its tag. Tag 0 belongs to whoever keeps the bytes.
pub struct Table<K, V> {
    tag: u8,
    hot: bool,
    row: PhantomData<fn() -> (K, V)>,
}

pub(super) const SERVICES: Table<ServiceId, Service> = Table::hot(1);
/// Which services send through a mailbox.
pub(super) const MAILBOXES: Table<MailboxKey, BTreeSet<ServiceId>> = Table::hot(2);
pub(super) const PAUSES: Table<MailboxKey, Pause> = Table::hot(3);
pub const SECRETS: Table<ServiceId, Sealed> = Table::new(4);
pub const TOKENS: Table<ServiceId, TokenRow> = Table::new(5);
/// The newest generation of each id. It outlives token and service, and forgetting takes a number
/// too, so that a refresh that began before never passes for the newest.
pub(super) const GENERATIONS: Table<ServiceId, u64> = Table::hot(6);
/// Tokens to refresh that nobody has claimed.
pub(super) const REFRESHES: Table<(Timestamp, ServiceId), ()> = Table::new(7);
pub(super) const AUTHORIZATIONS: Table<[u8; 32], PendingAuthorization> = Table::new(8);
pub(super) const MESSAGES: Table<MessageId, MessageRow> = Table::hot(9);
/// Of messages that have more than one.
pub(super) const RECIPIENTS: Table<(MessageId, u32), Recipient> = Table::new(10);
pub(super) const ATTEMPTS: Table<(MessageId, u32), Attempt> = Table::new(11);
pub const BODIES: Table<MessageId, Sealed> = Table::new(12);
pub(super) const REQUESTS: Table<(ServiceId, RequestId), RequestRow> = Table::new(13);
/// Request ids of messages that have ended, by the time of acceptance.
pub(super) const REQUEST_TIMES: Table<(Timestamp, ServiceId, RequestId), ()> = Table::new(14);
/// How many messages of a service are kept, ended or not. They outlive it.
pub(super) const KEPT: Table<ServiceId, u64> = Table::hot(46);
/// What has not ended of a service.
pub(super) const PENDING: Table<ServiceId, Load> = Table::hot(17);
/// What is QUEUED, by caller, in the order in which it is due.
pub(super) const DUE: Table<(ServiceId, Priority, String, Timestamp, MessageId), ()> =
    Table::new(18);
/// What is QUEUED and was not due at once, in the order in which it is due.
pub(super) const LATER: Table<(ServiceId, Timestamp, MessageId), ()> = Table::new(32);
/// What is HELD, by the time from which it could have been sent.
pub(super) const HELD: Table<(ServiceId, Timestamp, MessageId), ()> = Table::new(19);
/// What is QUEUED or HELD, by expire time.
pub(super) const EXPIRING: Table<(Timestamp, MessageId), ()> = Table::new(20);
pub(super) const ENDED: Table<(Timestamp, MessageId), ()> = Table::new(21);
/// What is SENDING.
pub(super) const CLAIMS: Table<MessageId, ClaimRow> = Table::new(22);
pub(super) const EVENTS: Table<u64, Event> = Table::new(23);
pub(super) const LOG: Table<(), LogRow> = Table::hot(24);
/// What goes out of a mailbox. It outlives the services on it: their limits count by the day.
pub(super) const TRAFFIC: Table<MailboxKey, Traffic> = Table::hot(25);
/// When to look at a mailbox: something may be due in it then.
pub(super) const WAKES: Table<(Timestamp, MailboxKey), ()> = Table::new(26);
/// How much each caller has had of a mailbox, while several want some.
pub(super) const SHARES: Table<(MailboxKey, Priority, String), u64> = Table::new(27);
/// The mailboxes of a tenant.
pub(super) const TENANTS: Table<(TenantKey, MailboxKey), ()> = Table::new(28);
pub(super) const TENANT_PAUSES: Table<TenantKey, Pause> = Table::hot(29);
/// What has not ended, of all services.
pub(super) const OUTBOX: Table<(), Load> = Table::hot(30);
/// When a service gives notice next of what will keep it from sending.
pub(super) const NOTICES: Table<(Timestamp, ServiceId), ()> = Table::new(31);
/// What has not ended of a service, by the time from which it could have been sent.
pub(super) const WAITING: Table<(ServiceId, Timestamp, MessageId), ()> = Table::new(44);
/// How many messages are UNCERTAIN.
pub(super) const UNCERTAIN: Table<(), u64> = Table::new(45);
/// How often all tokens together are refreshed.
pub(super) const REFRESH_FREQUENCY: Table<(), u64> = Table::new(33);

/// The keys that may have sealed what is stored.
pub(super) const VAULT_KEYS: Table<(), VaultKeys> = Table::hot(37);
pub(super) const ACCESS_KEYS: Table<AccessKeyId, AccessKey> = Table::new(40);

/// A message, in one row with what nearly every message has.
#[derive(Clone, Serialize, Deserialize)]
pub struct MessageRow {
    pub message: Message,
    /// The place of its newest event.
    pub sequence: u64,
    /// Its recipient, where it has but one.
    pub sole: Option<Recipient>,
}

/// See [`TRAFFIC`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Traffic {
    pub pace: Pace,
    /// Its row in [`WAKES`].
    pub wake: Option<Timestamp>,
    /// Claims that have not ended.
    pub claims: u32,
    /// Counts claims, for the turns of priorities.
    pub turn: u32,
    /// By priority, the share of the caller that went last, as in [`SHARES`].
    pub shares: [u64; 3],
    /// The caller that went last.
    pub place: String,
    /// Transactions in a row that did not come as far as a message.
    pub failures: u32,
    /// What was due at once when it was queued, by priority.
    pub queued: [Queued; 3],
}

/// Messages, and recipients of them all.
#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Queued {
    pub messages: u64,
    pub recipients: u64,
}

/// A claim that has not ended.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ClaimRow {
    /// The mailbox when it began; the service may have moved since.
    pub mailbox: MailboxKey,
    pub probe: bool,
}

/// What a request id stands for.
#[derive(Clone, Serialize, Deserialize)]
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

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Table<K, V> {}

impl<K, V> Table<K, V> {
    const fn new(tag: u8) -> Self {
        Self {
            tag,
            hot: false,
            row: PhantomData,
        }
    }

    /// A table whose rows are read again and again, each by many transactions.
    const fn hot(tag: u8) -> Self {
        Self {
            hot: true,
            ..Self::new(tag)
        }
    }

    pub(super) fn is_hot(self) -> bool {
        self.hot
    }

    /// The bytes under which rows whose keys begin with `part` are found.
    pub(super) fn prefix(self, part: &impl Key) -> Vec<u8> {
        /// Most keys fit, so that they need not be moved while they grow.
        const COMMON_BYTES: usize = 96;
        let mut bytes = Vec::with_capacity(COMMON_BYTES);
        bytes.push(self.tag);
        part.write(&mut bytes);
        bytes
    }

    /// All keys that begin with `part`.
    pub(super) fn under(self, part: &impl Key) -> Range<Vec<u8>> {
        let start = self.prefix(part);
        let mut end = start.clone();
        // The tag is below 255, so something is left to count up.
        while end.pop_if(|last| *last == u8::MAX).is_some() {}
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        start..end
    }
}

impl<K: Key, V> Table<K, V> {
    /// A key as bytes.
    pub fn key(self, key: &K) -> Vec<u8> {
        self.prefix(key)
    }

    /// Reads a key back; none when the bytes are no key of this table.
    pub(super) fn parse(self, bytes: &[u8]) -> Option<K> {
        let mut rest = bytes.strip_prefix(&[self.tag])?;
        let key = K::read(&mut rest)?;
        rest.is_empty().then_some(key)
    }

    /// A range of keys as bytes.
    pub(super) fn bytes(self, range: impl RangeBounds<K>) -> Range<Vec<u8>> {
        let behind = |key: &K| [self.key(key), vec![0]].concat();
        let start = match range.start_bound() {
            Bound::Included(key) => self.key(key),
            Bound::Excluded(key) => behind(key),
            Bound::Unbounded => vec![self.tag],
        };
        let end = match range.end_bound() {
            Bound::Included(key) => behind(key),
            Bound::Excluded(key) => self.key(key),
            Bound::Unbounded => vec![self.tag + 1],
        };
        start..end
    }
}
