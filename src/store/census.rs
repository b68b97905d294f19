//! What a store tells of itself as a whole, for whoever watches it.

use super::Load;
use crate::model::service::ServiceState;
use crate::model::{ServiceId, Timestamp};

/// What waits in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// What has been accepted and has not ended.
    pub waiting: Load,
    /// UNCERTAIN messages, which wait for a person.
    pub uncertain: u64,
}

/// A service, as a scrape tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub id: ServiceId,
    pub state: ServiceState,
    /// What has been accepted and has not ended.
    pub waiting: Load,
    /// The earliest send time of these; it may be to come.
    pub waiting_since: Option<Timestamp>,
    /// When its client secret expires, where that is known.
    pub secret_expire_time: Option<Timestamp>,
}

/// What a store takes of its disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The log of rows.
    pub log: u64,
    /// Segments of bodies and large rows.
    pub segments: u64,
    /// What may still be written to the disk.
    pub free: u64,
}
