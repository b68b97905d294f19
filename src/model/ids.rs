//! Names of things, each parsed once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Timestamp;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $valid:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(String);

        impl $name {
            /// What a valid one looks like, to follow "must be".
            pub const RULE: &'static str = $rule;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(format!("must be {}", Self::RULE))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The id of a service, chosen by the admin or generated.
    ServiceId,
    |text| (3..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
    "3 to 63 characters of a-z, 0-9 and -, beginning with a letter"
);

text_id!(
    /// The id of a message: 26 characters of Crockford's base 32; ids sort by time of acceptance.
    MessageId,
    |text| text.len() == 26 && text.bytes().all(|b| ALPHABET.contains(&b)),
    "a message id as Send returned it"
);

text_id!(
    /// The caller's name for a request, by which a repeated one is known.
    RequestId,
    |text| (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
    "1 to 200 printable ASCII characters without spaces"
);

text_id!(
    /// The public part of an access key: 26 characters as in a [`MessageId`]; sorts by creation.
    AccessKeyId,
    |text| text.len() == 26 && text.bytes().all(|b| ALPHABET.contains(&b)),
    "an access key's id as CreateAccessKey returned it"
);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl ServiceId {
    /// A fresh id for an admin who chose none.
    pub fn generate(random: [u8; 10]) -> Self {
        Self(format!("svc-{}", base32(&random)))
    }
}

impl MessageId {
    /// An id made of the time in milliseconds (48 bits) and 80 random bits, as a ULID is.
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(sortable(now, random))
    }
}

impl AccessKeyId {
    /// An id made as [`MessageId::generate`] makes one.
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(sortable(now, random))
    }
}

fn sortable(now: Timestamp, random: [u8; 10]) -> String {
    let millis = u64::try_from(now.unix_micros().max(0) / 1_000).unwrap_or(0);
    let time = u128::from(millis & ((1 << 48) - 1)) << 80;
    let noise = random
        .iter()
        .fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    let bits = time | noise;
    let digit = |place: u32| char::from(ALPHABET[(bits >> (place * 5) & 31) as usize]);
    (0..26).rev().map(digit).collect()
}

/// Random bytes as Crockford's base 32 in lower case, five bits a character, the rest dropped.
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5);
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
    }
    text
}

/// A mailbox whose limits count, whoever sends through it: lower-cased host and login.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailboxKey(String);

impl MailboxKey {
    /// The mailbox that `login` is at `host`; a login of `""` stands for whoever connects.
    pub fn new(host: &str, login: &str) -> Self {
        Self(host.to_ascii_lowercase() + "/" + &login.to_lowercase())
    }

    /// The text `host/login`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The organization that the mailbox belongs to; none for a login without a domain.
    pub fn tenant(&self) -> Option<TenantKey> {
        let (host, login) = self.0.split_once('/')?;
        let (_, domain) = login.rsplit_once('@')?;
        Some(TenantKey::new(host, domain))
    }
}

/// All mailboxes of an organization: those at one host whose logins have one domain.
///
/// An organization of several domains is several tenants here: nothing but its own replies tells
/// that they are one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenantKey(String);

impl TenantKey {
    /// The tenant of a domain at a host.
    pub fn new(host: &str, domain: &str) -> Self {
        Self(host.to_ascii_lowercase() + "/" + &domain.to_lowercase())
    }

    /// The text `host/domain`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MailboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Free key–value pairs that callers attach and filter by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels(pub BTreeMap<String, String>);

impl Labels {
    /// At most this many pairs.
    pub const MAX_PAIRS: usize = 32;

    /// Checks number, keys (`[a-z0-9._/-]{1,63}`) and values (at most 200 bytes, no controls).
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn parse(pairs: BTreeMap<String, String>) -> Result<Self, String> {
        if pairs.len() > Self::MAX_PAIRS {
            return Err(format!(
                "has {} pairs; at most {} are kept",
                pairs.len(),
                Self::MAX_PAIRS
            ));
        }
        for (key, value) in &pairs {
            let key_is_valid = (1..=63).contains(&key.len())
                && key
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._/-".contains(&b));
            if !key_is_valid {
                return Err(format!(
                    "key {key:?} must be 1 to 63 characters of a-z, 0-9, '.', '_', '/' and '-'"
                ));
            }
            if value.len() > 200 || value.chars().any(char::is_control) {
                return Err(format!(
                    "value of {key:?} must be at most 200 bytes without control characters"
                ));
            }
        }
        Ok(Self(pairs))
    }

    /// Whether all of `wanted` are among these.
    pub fn include(&self, wanted: &Labels) -> bool {
        wanted
            .0
            .iter()
            .all(|(key, value)| self.0.get(key) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parses and shows it again; an id that is taken can stand in a header, a log line and a path.
    fn holds<Id>(text: &str) -> Result<(), TestCaseError>
    where
        Id: FromStr<Err = String> + fmt::Display + fmt::Debug + PartialEq,
    {
        if let Ok(id) = text.parse::<Id>() {
            prop_assert_eq!(id.to_string(), text);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert!(!text.is_empty() && text.len() <= 200);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn ids_are_as_written_and_have_nothing_that_could_be_anything_else(
            text in prop_oneof![
                "[a-z][a-z0-9-]{2,62}", "[0-9a-z]{26}", "[!-~]{1,200}", "[a-z \\r\\n-]{0,30}", ".{0,220}",
            ],
        ) {
            holds::<ServiceId>(&text)?;
            holds::<MessageId>(&text)?;
            holds::<RequestId>(&text)?;
            holds::<AccessKeyId>(&text)?;
        }

        #[test]
        fn what_the_rules_say_is_taken(
            service in "[a-z][a-z0-9-]{2,62}", message in "[0-9a-hjkmnp-tv-z]{26}",
            request in "[!-~]{1,200}", random in any::<[u8; 10]>(), at in 0..4_000_000_000i64,
        ) {
            prop_assert!(service.parse::<ServiceId>().is_ok());
            prop_assert!(message.parse::<MessageId>().is_ok());
            prop_assert!(message.parse::<AccessKeyId>().is_ok());
            prop_assert!(request.parse::<RequestId>().is_ok());
            let now = Timestamp::from_unix_seconds(at);
            holds_made(&MessageId::generate(now, random))?;
            holds_made(&AccessKeyId::generate(now, random))?;
            holds_made(&ServiceId::generate(random))?;
        }
    }

    /// One that we made parses as itself.
    fn holds_made<Id>(id: &Id) -> Result<(), TestCaseError>
    where
        Id: FromStr<Err = String> + fmt::Display + fmt::Debug + PartialEq + Clone,
    {
        prop_assert_eq!(id.to_string().parse(), Ok(id.clone()));
        Ok(())
    }

    #[test]
    fn message_ids_sort_by_time_and_parse_back() {
        let early = MessageId::generate(Timestamp::from_unix_seconds(1), [255; 10]);
        let late = MessageId::generate(Timestamp::from_unix_seconds(2), [0; 10]);
        assert!(early < late);
        assert_eq!(late.as_str().parse::<MessageId>().unwrap(), late);
    }

    #[test]
    fn generated_service_ids_are_valid() {
        let id = ServiceId::generate([0x5a; 10]);
        assert_eq!(id.as_str().parse::<ServiceId>().unwrap(), id);
        assert_eq!(id.as_str().len(), 20);
    }

    #[test]
    fn service_ids_follow_their_rule() {
        for bad in [
            "",
            "ab",
            "1abc",
            "Abc",
            "a_b",
            "a b",
            "-ab",
            &"a".repeat(64),
            "abc\n",
        ] {
            assert!(bad.parse::<ServiceId>().is_err(), "{bad:?}");
        }
        assert!("a-0".parse::<ServiceId>().is_ok());
    }
}
