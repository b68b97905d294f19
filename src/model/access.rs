//! Who may call what: access keys as they are kept, and the rights that a key or a client
//! certificate gives. Whether a caller is who it says, `keys` decides.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AccessKeyId, ServiceId, Timestamp};

/// What a caller may do; `admin.proto` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Everything, for all services.
    Admin,
    /// Sends, and watches what it sent.
    Sender,
    /// Watches.
    Watcher,
}

/// What a caller may do, and for which services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// One or more.
    pub roles: BTreeSet<Role>,
    /// Empty: all, future ones included. Always empty with [`Role::Admin`].
    pub service_ids: BTreeSet<ServiceId>,
}

impl Role {
    /// `ADMIN`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Sender => "SENDER",
            Self::Watcher => "WATCHER",
        }
    }
}

impl Rights {
    /// The most services that rights may list.
    pub const SERVICES_MAX: usize = 100;

    /// Everything.
    pub fn admin() -> Self {
        Self {
            roles: BTreeSet::from([Role::Admin]),
            service_ids: BTreeSet::new(),
        }
    }

    /// Whether a service and its messages exist for this caller.
    pub fn see(&self, service: &ServiceId) -> bool {
        self.service_ids.is_empty() || self.service_ids.contains(service)
    }
}

/// The hash of a key's secret. It opens nothing, but has no business in a log either.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash(pub [u8; 32]);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hash]")
    }
}

/// An access key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    pub id: AccessKeyId,
    /// What it is for.
    pub display_name: String,
    pub rights: Rights,
    pub secret_hash: SecretHash,
    pub create_time: Timestamp,
    /// None: it doesn't end by itself.
    pub expire_time: Option<Timestamp>,
    pub revoke_time: Option<Timestamp>,
    /// Late by up to a minute.
    pub last_use_time: Option<Timestamp>,
}

impl AccessKey {
    /// Whether it opens anything at this time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoke_time.is_none() && self.expire_time.is_none_or(|end| now < end)
    }

    /// Whether it may administer.
    pub fn is_admin(&self) -> bool {
        self.rights.roles.contains(&Role::Admin)
    }
}
