//! The keys that are known: the first one seals, all of them open.
//!
//! A ring is text with one key a line, 32 bytes in base64; blank lines and what follows a `#` are
//! for people. Errors name lines, never what is in them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::model::secret::{KEY_ID_BYTES, KeyId};

pub(super) const KEY_BYTES: usize = 32;

/// More keys than this are a mistake.
const KEYS_MAX: usize = 64;

/// What a key is hashed behind, so that its id is good for nothing else.
const ID_DOMAIN: &[u8] = b"mailwright vault key id v1\0";

/// A key of the vault: overwritten when dropped, never printed.
#[derive(Clone)]
pub struct Key {
    id: KeyId,
    /// Boxed, so that moving it leaves no copy behind.
    bytes: Box<Zeroizing<[u8; KEY_BYTES]>>,
}

/// At least one key.
#[derive(Clone)]
pub struct KeyRing {
    keys: Vec<Key>,
}

/// Text that is no ring; which line is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRing(String);

impl fmt::Display for NoRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Key {
    /// A key of these bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let bytes = Box::new(Zeroizing::new(bytes));
        let mut hash = Sha256::new();
        hash.update(ID_DOMAIN);
        hash.update(bytes.as_slice());
        let hash: [u8; 32] = hash.finalize().into();
        let mut id = KeyId(Default::default());
        id.0.copy_from_slice(&hash[..KEY_ID_BYTES]);
        Self { id, bytes }
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// The line of a ring that is this key, with one that names it above.
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(STANDARD.encode(self.bytes.as_slice()));
        Zeroizing::new(format!("# key {}\n{}\n", self.id, *secret))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl KeyRing {
    /// A ring of one key.
    pub fn of(key: Key) -> Self {
        Self { keys: vec![key] }
    }

    /// Reads a ring.
    ///
    /// # Errors
    /// [`NoRing`] for a line that is no key, a key that comes twice, none or more than 64.
    pub fn parse(text: &str) -> Result<Self, NoRing> {
        let mut keys: Vec<Key> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let wrong = |what: &str| NoRing(format!("line {number} {what}"));
            let key = parse_key(line)
                .ok_or_else(|| wrong("is not a key: 32 bytes in base64 (44 characters)"))?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(wrong("holds a key that was there already"));
            }
            keys.push(key);
        }
        match keys.len() {
            0 => Err(NoRing("it holds no key".into())),
            count if count > KEYS_MAX => Err(NoRing(format!("it holds more than {KEYS_MAX} keys"))),
            _ => Ok(Self { keys }),
        }
    }

    /// The key that seals.
    pub fn first(&self) -> &Key {
        &self.keys[0]
    }

    /// The key of this id.
    pub fn get(&self, id: KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The ids of all keys, the one that seals first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys.iter().map(Key::id).collect()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

fn parse_key(line: &str) -> Option<Key> {
    let bytes = Zeroizing::new(STANDARD.decode(line).ok()?);
    Some(Key::new(
        <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

    #[test]
    fn a_ring_is_keys_and_words_for_people() {
        let ring = KeyRing::parse(&format!("# new\n{TWO} # since may\n\n  {ONE}\n")).unwrap();
        assert_eq!(ring.first().id(), Key::new([2; 32]).id());
        assert_eq!(ring.ids().len(), 2);
        assert!(ring.get(Key::new([1; 32]).id()).is_some());
        assert!(ring.get(Key::new([3; 32]).id()).is_none());
        let written = Key::new([1; 32]).to_text();
        assert_eq!(
            KeyRing::parse(&written).unwrap().ids(),
            [Key::new([1; 32]).id()]
        );
    }

    #[test]
    fn what_is_no_ring_says_where_and_never_what() {
        for (text, told) in [
            ("", "no key"),
            ("# nothing", "no key"),
            ("c2VjcmV0", "line 1"),
            (&format!("{ONE}\nsecret!"), "line 2"),
            (&format!("{ONE}\n{ONE}"), "already"),
        ] {
            let error = KeyRing::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
            assert!(
                !error.contains("secret") && !error.contains("c2Vj"),
                "{error}"
            );
        }
    }

    #[test]
    fn neither_key_nor_ring_is_printed() {
        let ring = KeyRing::parse(ONE).unwrap();
        let shown = format!("{ring:?} {:?}", ring.first());
        assert!(
            !shown.contains("AQEB") && !shown.contains("1, 1"),
            "{shown}"
        );
        assert!(shown.contains(&ring.first().id().to_string()));
    }
}
