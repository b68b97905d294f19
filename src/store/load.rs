//! What waits, and the most that may. It doesn't know who counts it.

use serde::{Deserialize, Serialize};

use crate::model::MailboxKey;

/// What has been accepted and has not ended: QUEUED, HELD or SENDING.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    pub messages: u64,
    /// The messages' sizes, in octets as sent.
    pub bytes: u64,
}

/// The most that may wait, the message to keep included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxBounds {
    /// In one mailbox, whichever of its services it is of.
    pub mailbox: Load,
    /// Of all services.
    pub all: Load,
}

/// Which part of the outbox is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// None: the whole.
    pub mailbox: Option<MailboxKey>,
    /// What waits there.
    pub load: Load,
    /// The most that may.
    pub most: Load,
}
