//! Seals what must not be read at rest: XChaCha20-Poly1305 with the record's identity as
//! associated data, so that a sealed value can't be moved to another record.
//!
//! A sealed value begins with the id of the key that sealed it. Several keys may be known: the first
//! one seals, and all of them open. Message bodies are sealed by a key of their own, which is kept,
//! sealed, in the message's record: dropping that key erases the body wherever its bytes linger.

mod ring;
mod source;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::env::Env;
use crate::model::MessageId;
use crate::model::secret::{KEY_ID_BYTES, KeyId, Sealed};

use ring::KEY_BYTES;
pub use ring::{Key, KeyRing, NoRing};
pub use source::{Source, SourceError};

const NONCE_BYTES: usize = 24;

/// What a key seals to prove itself.
const PROOF: &str = "vault/proof";

/// Holds the keys, seals and opens. Cheap to clone; all clones see new keys.
#[derive(Clone)]
pub struct Vault {
    ring: Arc<RwLock<Arc<KeyRing>>>,
    env: Env,
}

/// A sealed value that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannotOpen {
    /// A key sealed it that is not known here.
    UnknownKey(KeyId),
    /// The key is known; the value was changed, or belongs to another record.
    Damaged,
}

impl fmt::Display for CannotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(id) => {
                write!(
                    f,
                    "a record was sealed by vault key {id}, which is not known here"
                )
            }
            Self::Damaged => f.write_str("a sealed record is damaged, or not where it belongs"),
        }
    }
}

impl Vault {
    /// A vault with these keys.
    pub fn new(ring: KeyRing, env: Env) -> Self {
        Self {
            ring: Arc::new(RwLock::new(Arc::new(ring))),
            env,
        }
    }

    /// The keys as they are now.
    pub fn ring(&self) -> Arc<KeyRing> {
        self.ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts other keys in the place of those that were known.
    pub fn replace(&self, ring: KeyRing) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// Seals `plain` for the record that `identity` names.
    pub fn seal(&self, identity: &str, plain: &[u8]) -> Sealed {
        let ring = self.ring();
        seal_by(ring.first(), &self.env, identity, plain)
    }

    /// Opens what was sealed for `identity`.
    ///
    /// # Errors
    /// [`CannotOpen`] with another key, for another identity, or when the bytes were changed.
    pub fn open(&self, identity: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        open_by(&self.ring(), identity, sealed)
    }

    /// Seals a body by a fresh key; returns that key, sealed, and the body.
    pub fn seal_body(&self, id: &MessageId, body: &[u8]) -> (Sealed, Sealed) {
        let body_key = Zeroizing::new(self.env.random::<KEY_BYTES>());
        let sealed_key = self.seal(&key_identity(id), body_key.as_slice());
        let identity = body_identity(id);
        let body = encrypt(&body_key, &self.env, &identity, body, &[]);
        (sealed_key, Sealed(body))
    }

    /// Opens a body by its sealed key.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn open_body(
        &self,
        id: &MessageId,
        key: &Sealed,
        body: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let key = self.open(&key_identity(id), key)?;
        let key = <[u8; KEY_BYTES]>::try_from(key.as_slice()).map_err(|_| CannotOpen::Damaged)?;
        decrypt(&Zeroizing::new(key), &body_identity(id), &body.0)
    }

    /// Opens a body's key and seals it by the key that seals now.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn reseal_body_key(&self, id: &MessageId, key: &Sealed) -> Result<Sealed, CannotOpen> {
        self.reseal(&key_identity(id), key)
    }

    /// Opens what was sealed for `identity` and seals it by the key that seals now.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn reseal(&self, identity: &str, sealed: &Sealed) -> Result<Sealed, CannotOpen> {
        let plain = self.open(identity, sealed)?;
        Ok(self.seal(identity, &plain))
    }
}

/// What only this key can have made, to tell it later from every other.
pub fn proof(key: &Key, env: &Env) -> Sealed {
    seal_by(key, env, PROOF, &[])
}

/// Whether a key of the ring made this proof.
///
/// # Errors
/// [`CannotOpen`] when none did.
pub fn check_proof(ring: &KeyRing, proof: &Sealed) -> Result<(), CannotOpen> {
    open_by(ring, PROOF, proof).map(|_| ())
}

fn key_identity(id: &MessageId) -> String {
    format!("message/{id}/key")
}

fn body_identity(id: &MessageId) -> String {
    format!("message/{id}/body")
}

fn seal_by(key: &Key, env: &Env, identity: &str, plain: &[u8]) -> Sealed {
    Sealed(encrypt(key.bytes(), env, identity, plain, &key.id().0))
}

fn open_by(
    ring: &KeyRing,
    identity: &str,
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
    let id = sealed.key_id().ok_or(CannotOpen::Damaged)?;
    let key = ring.get(id).ok_or(CannotOpen::UnknownKey(id))?;
    decrypt(key.bytes(), identity, &sealed.0[KEY_ID_BYTES..])
}

/// `head`, the nonce, and the sealed bytes.
fn encrypt(key: &[u8; KEY_BYTES], env: &Env, identity: &str, plain: &[u8], head: &[u8]) -> Vec<u8> {
    let nonce = env.random::<NONCE_BYTES>();
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: plain,
                aad: identity.as_bytes(),
            },
        )
        .expect("the cipher takes up to 256 GiB, and messages are bounded far below");
    [head, &nonce, &sealed].concat()
}

fn decrypt(
    key: &[u8; KEY_BYTES],
    identity: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
    let (nonce, sealed) = sealed
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(CannotOpen::Damaged)?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: sealed,
                aad: identity.as_bytes(),
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| CannotOpen::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn env(seed: u64) -> Env {
        Env::manual(Timestamp::from_unix_seconds(0), seed)
    }

    fn key(n: u8) -> Key {
        Key::new([n; KEY_BYTES])
    }

    fn vault(n: u8) -> Vault {
        Vault::new(KeyRing::of(key(n)), env(n.into()))
    }

    #[test]
    fn only_the_same_key_and_identity_open() {
        let vault = vault(1);
        let sealed = vault.seal("service/a/secrets", b"secret");
        assert!(!sealed.0.windows(6).any(|bytes| bytes == b"secret"));
        let opened = vault.open("service/a/secrets", &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"secret");
        let damaged = Err(CannotOpen::Damaged);
        assert_eq!(vault.open("service/b/secrets", &sealed), damaged);
        assert_eq!(
            super::tests::vault(9).open("service/a/secrets", &sealed),
            Err(CannotOpen::UnknownKey(key(1).id()))
        );
        let mut changed = sealed.clone();
        changed.0[30] ^= 1;
        assert_eq!(vault.open("service/a/secrets", &changed), damaged);
        assert_eq!(
            vault.open("service/a/secrets", &Sealed(vec![1, 2])),
            damaged
        );
    }

    #[test]
    fn a_body_opens_by_its_own_key_alone() {
        let vault = vault(1);
        let ids = [1, 2].map(|n| MessageId::generate(Timestamp::from_unix_seconds(n), [0; 10]));
        let (key, body) = vault.seal_body(&ids[0], b"hello");
        let (other_key, _) = vault.seal_body(&ids[0], b"hello");
        let opened = vault.open_body(&ids[0], &key, &body).unwrap();
        assert_eq!(opened.as_slice(), b"hello");
        let damaged = Err(CannotOpen::Damaged);
        assert_eq!(vault.open_body(&ids[0], &other_key, &body), damaged);
        assert_eq!(vault.open_body(&ids[1], &key, &body), damaged);
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let vault = vault(1);
        let old = vault.seal("x", b"old");
        let text = format!("{}{}", *key(2).to_text(), *key(1).to_text());
        vault.replace(KeyRing::parse(&text).unwrap());
        let new = vault.reseal("x", &old).unwrap();
        assert_eq!(old.key_id(), Some(key(1).id()));
        assert_eq!(new.key_id(), Some(key(2).id()));
        for sealed in [&old, &new] {
            assert_eq!(vault.open("x", sealed).unwrap().as_slice(), b"old");
        }
        vault.replace(KeyRing::of(key(2)));
        assert!(vault.open("x", &old).is_err() && vault.open("x", &new).is_ok());
    }

    #[test]
    fn a_proof_tells_its_key_from_all_others() {
        let made = proof(&key(1), &env(1));
        assert_eq!(check_proof(&KeyRing::of(key(1)), &made), Ok(()));
        assert!(check_proof(&KeyRing::of(key(2)), &made).is_err());
        // Two keys of one id would be told apart, too.
        let mut same_id = proof(&key(2), &env(1));
        same_id.0[..KEY_ID_BYTES].copy_from_slice(&key(1).id().0);
        assert!(check_proof(&KeyRing::of(key(1)), &same_id).is_err());
    }
}
