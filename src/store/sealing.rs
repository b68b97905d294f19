//! What the store knows of the vault's keys, and where what they sealed is kept. It has no key: it
//! tells sealed values apart by the id that each begins with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Sealed;
use crate::model::secret::KeyId;
use crate::model::{MessageId, ServiceId};

/// The keys that may have sealed what is stored. Kept before the first of them seals anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VaultKeys {
    pub keys: BTreeMap<KeyId, VaultKey>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VaultKey {
    /// What it alone can have sealed: tells it from every other.
    pub proof: Sealed,
    /// Nothing that it sealed is taken any more ([`StoreError::KeyRetired`]); what is there stays.
    ///
    /// [`StoreError::KeyRetired`]: super::StoreError::KeyRetired
    pub closed: bool,
}

impl VaultKeys {
    /// Whether a value that is sealed so may be stored.
    pub fn admit(&self, sealed: &Sealed) -> bool {
        let key = sealed.key_id().and_then(|id| self.keys.get(&id));
        key.is_some_and(|key| !key.closed)
    }
}

/// Where a sealed value is kept. They are in order: secrets, tokens, verifiers, body keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A service's secrets.
    Secrets(ServiceId),
    /// A service's token, of this generation.
    Token(ServiceId, u64),
    /// The verifier of a pending authorization, by the hash of its state.
    Verifier([u8; 32]),
    /// The key of a message's body.
    BodyKey(MessageId),
}

/// A sealed value to replace, if it still is what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Reseal {
    pub place: Place,
    pub old: Sealed,
    pub new: Sealed,
}
