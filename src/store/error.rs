//! Why a transaction did not happen.

use std::time::Duration;

use super::Full;
use crate::model::state::MessageState;
use crate::model::{Error, Reason, ServiceId};

/// The outcome of a transaction.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why a transaction did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// There is no such row.
    NotFound,
    /// There is no service of this id.
    NoService(ServiceId),
    /// The id is taken, or was and its messages are still kept.
    Exists,
    /// The claim, revision or generation is not the newest.
    Stale,
    /// The state machine forbids it; the state it found.
    WrongState(MessageState),
    /// The service has unfinished mail: so many messages.
    PendingMail(u64),
    /// It has ended so that it could be sent again, but can't be, for this reason.
    CannotRetry(&'static str),
    /// No test of the service has passed.
    NotTested,
    /// The outbox has no room for the message.
    Full(Full),
    /// Revoking it would leave no ADMIN key that opens anything.
    LastAdmin,
    /// There are as many access keys as are kept, and all of them live.
    TooManyKeys,
    /// What it should keep was sealed by a key that the store takes nothing of any more: seal it anew.
    KeyRetired,
    /// The place in the log is from another store, in the future, or trimmed.
    OutOfRange,
    /// The store can't commit now; nothing happened.
    Unavailable(String),
    /// What is stored can't be read: a bug, or a damaged store.
    Corrupt(String),
}

impl From<StoreError> for Error {
    /// For where no row, claim or state can be missing: callers map those before.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(description) => Self::Unavailable {
                reason: Reason::StoreUnavailable,
                description,
                retry_after: Duration::from_secs(1),
            },
            // A rotation of keys went on for as long as this call did: the next one takes the new.
            StoreError::KeyRetired => Self::Unavailable {
                reason: Reason::StoreUnavailable,
                description: "the vault's keys are being rotated".into(),
                retry_after: Duration::from_secs(1),
            },
            other => Self::Internal(format!("the store answered {other:?}")),
        }
    }
}
