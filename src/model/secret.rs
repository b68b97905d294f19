//! Text that must not be seen.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A password, client secret or token: overwritten when dropped, never printed.
///
/// It serializes as its text, because it travels sealed in records; whoever serializes it answers
/// for where it goes.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// Takes ownership of the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that hands it to the provider.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last three characters, by which an admin tells one secret from another; empty when the
    /// secret is so short that three characters would give it away.
    pub fn hint(&self) -> String {
        let count = self.0.chars().count();
        if count < 12 {
            return String::new();
        }
        self.0.chars().skip(count - 3).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Bytes that only the vault can read. What one of its keys sealed begins with that key's id; a
/// message's body, which has a key of its own, doesn't.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed(#[serde(with = "whole")] pub Vec<u8>);

/// Names a key of the vault, and tells nothing of it: some bytes of a hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyId(pub [u8; KEY_ID_BYTES]);

/// The length of a [`KeyId`].
pub const KEY_ID_BYTES: usize = 4;

impl Sealed {
    /// The key that sealed it; none when it is too short to be sealed by any.
    pub fn key_id(&self) -> Option<KeyId> {
        self.0.first_chunk().copied().map(KeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Bytes as one piece: left to itself, serde writes and reads them one by one, which for a message's
/// body costs more than all the rest of keeping it.
mod whole {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_byte_buf(Bytes)
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} sealed bytes]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_are_written_as_a_list_of_bytes_is() {
        for length in [0, 1, 127, 128, 40_000] {
            let list: Vec<u8> = (0..length).map(|n| (n % 256) as u8).collect();
            let written = postcard::to_stdvec(&list).unwrap();
            let sealed = Sealed(list);
            assert_eq!(postcard::to_stdvec(&sealed).unwrap(), written);
            assert_eq!(postcard::from_bytes(&written), Ok(sealed));
        }
        assert!(postcard::from_bytes::<Sealed>(&[2, 7]).is_err());
    }

    #[test]
    fn a_secret_is_not_printed_and_hints_at_three_characters() {
        let secret = Secret::new("abcdefghijklmnop");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.hint(), "nop");
        assert_eq!(Secret::new("short").hint(), "");
    }
}
