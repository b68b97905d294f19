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

/// Bytes that only the vault can read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} sealed bytes]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed_and_hints_at_three_characters() {
        let secret = Secret::new("abcdefghijklmnop");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.hint(), "nop");
        assert_eq!(Secret::new("short").hint(), "");
    }
}
