//! Pure types and decisions: what a service, a message, a diagnosis is, and what follows from what.
//!
//! Nothing here waits, reads a clock, or knows how it is stored or transported.

pub mod access;
pub mod address;
pub mod catalogue;
pub mod content;
pub mod diagnosis;
pub mod error;
pub mod event;
pub mod ids;
pub mod message;
pub mod pace;
pub mod phase;
pub mod problem;
pub mod reply;
pub mod schedule;
pub mod secret;
pub mod send;
pub mod service;
pub mod state;
pub mod time;
pub mod trace;
pub mod update;
pub mod verdict;

pub use access::{AccessKey, Rights, Role};
pub use address::{EmailAddress, Mailbox};
pub use diagnosis::{Diagnosis, Reason};
pub use error::{Error, Violation};
pub use ids::{AccessKeyId, Labels, MailboxKey, MessageId, RequestId, ServiceId, TenantKey};
pub use phase::Phase;
pub use reply::Reply;
pub use secret::Secret;
pub use time::Timestamp;
