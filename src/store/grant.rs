//! What the store keeps of a grant, and what it is told of one: tokens, the client secrets that buy
//! them, and authorizations under way. All that is secret in them is sealed by whoever brings it.

use serde::{Deserialize, Serialize};

use super::Sealed;
use crate::model::service::Authorization;
use crate::model::{Diagnosis, ServiceId, Timestamp};

/// A token at rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Counts the tokens of a service, from 1, also across authorizations: a session opened with
    /// an older one is not used again.
    pub generation: u64,
    pub sealed: Sealed,
    /// When to refresh it; none when nothing can refresh it.
    pub refresh_time: Option<Timestamp>,
    /// A refresh of it is under way in this process.
    pub claimed: bool,
    /// Refreshes in a row that failed for a passing reason.
    pub failures: u32,
    /// Why the last one did; none while there was none.
    pub last_failure: Option<Diagnosis>,
    /// See [`NewToken::frequency`].
    pub frequency: u64,
}

/// A token to keep, and what the service shows of it.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub service_id: ServiceId,
    /// The generation it follows; 0 when there never was one. It becomes this plus one.
    pub expected_generation: u64,
    pub sealed: Sealed,
    pub refresh_time: Option<Timestamp>,
    /// How often it is refreshed, as [`refresh_frequency`] has it.
    ///
    /// [`refresh_frequency`]: crate::model::schedule::refresh_frequency
    pub frequency: u64,
    /// Somebody authorized anew: end the mailbox's pause, so that it is tried at once.
    pub end_pause: bool,
    pub authorization: Authorization,
    /// The provider takes the next client secret only: it becomes the client secret.
    pub promotion: Option<Promotion>,
}

/// A next client secret that takes the place of the client secret.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The secrets as they were when it was tried. Where others are stored now, nothing is promoted.
    pub seen: Sealed,
    /// The secrets as they become.
    pub secrets: Sealed,
    /// What the service shows of the client secret then.
    pub client_secret_hint: String,
}

/// An authorization that somebody was sent away to give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingAuthorization {
    /// SHA-256 of the state: the state itself is not kept.
    pub state_hash: [u8; 32],
    pub service_id: ServiceId,
    /// The PKCE verifier.
    pub sealed_verifier: Sealed,
    pub redirect_uri: String,
    /// Where the page links to afterwards; empty for nowhere.
    pub return_url: String,
    pub expire_time: Timestamp,
}
