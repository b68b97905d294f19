//! Email addresses (RFC 5321 §4.1.2, §4.5.3.1), parsed once.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A bare address, `local@domain`: ASCII, the local part at most 64 octets, the domain at most 255.
///
/// Equality is exact: the local part's case belongs to the receiving server (RFC 5321 §2.4). Use
/// [`EmailAddress::same_mailbox`] to compare as providers do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the last `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The part after the last `@`, as written.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Whether both name the same mailbox at a provider that ignores case.
    pub fn same_mailbox(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl FromStr for EmailAddress {
    type Err = String;

    /// Parses an address; the error tells what is wrong with it in a few words.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty".into());
        }
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return Err("contains a control character".into());
        }
        if !text.is_ascii() {
            return Err(
                "contains non-ASCII characters; write the domain in its A-label form (xn--…)"
                    .into(),
            );
        }
        let (local, domain) = text.rsplit_once('@').ok_or("has no @")?;
        if local.len() > 64 {
            return Err("has a local part of more than 64 octets (RFC 5321)".into());
        }
        if domain.len() > 255 {
            return Err("has a domain of more than 255 octets (RFC 5321)".into());
        }
        lettre::Address::from_str(text).map_err(|_| "is not an email address".to_owned())?;
        if domain.starts_with('[') && !is_address_literal(domain) {
            return Err("has a domain in brackets that is no IP address (RFC 5321 §4.1.3)".into());
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether this is `[192.0.2.1]` or `[IPv6:2001:db8::1]`. Anything else between brackets, a `>` for
/// one, could end a command's argument early.
fn is_address_literal(domain: &str) -> bool {
    let Some(literal) = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    else {
        return false;
    };
    match literal.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => {
            address.parse::<Ipv6Addr>().is_ok()
        }
        _ => literal.parse::<Ipv4Addr>().is_ok(),
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address with the name shown beside it (RFC 5322 §3.4: `mailbox`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// The address.
    pub address: EmailAddress,
    /// The display name; empty for none.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_what_smtp_can_carry_and_nothing_else() {
        for good in [
            "a@example.com",
            "first.last+tag@sub.example.org",
            "O'Hara@x.de",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
        ] {
            assert_eq!(good.parse::<EmailAddress>().unwrap().as_str(), good);
        }
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "a",
            "a@",
            "@b.de",
            "a b@c.de",
            "a@b.de\r\nRCPT TO:<x@y.z>",
            "ä@b.de",
            "a@bücher.de",
            &long,
            "<a@b.de>",
            "a@[b>c]",
            "a@[x400:b]",
            "a@[2001:db8::1]",
            "a@[192.0.2.1",
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?}");
        }
    }

    /// What stands outside of a quoted local part, quoted pairs heeded.
    fn unquoted(address: &str) -> String {
        let (mut is_quoted, mut is_pair) = (false, false);
        let outside = address.chars().filter(|&c| {
            let was_pair = is_pair;
            is_pair = is_quoted && !was_pair && c == '\\';
            if c == '"' && !was_pair {
                is_quoted = !is_quoted;
                return false;
            }
            !is_quoted
        });
        outside.collect()
    }

    proptest! {
        #[test]
        fn what_is_taken_is_as_written_and_ends_no_command_early(
            text in prop_oneof![
                "[a-z.+]{1,9}@[a-z]{1,9}\\.[a-z]{2,4}",
                "[ -~]{0,12}@[ -~]{0,12}",
                "\"([ -!#-\\[\\]-~]|\\\\[ -~]){0,9}\"@[a-z]{1,5}\\.de",
                "[a-z]{1,5}@\\[[ -~]{0,16}\\]",
                "[a-z\\x00-\\x20<>@\"\\\\]{0,20}",
                ".{0,20}",
            ],
        ) {
            if let Ok(address) = text.parse::<EmailAddress>() {
                prop_assert_eq!(address.to_string(), &*text);
                prop_assert_eq!(address.to_string().parse(), Ok(address.clone()));
                prop_assert_eq!(format!("{}@{}", address.local_part(), address.domain()), &*text);
                prop_assert!(!text.chars().any(char::is_control), "{text:?}");
                prop_assert!(!unquoted(&text).contains([' ', '<', '>']), "{text:?}");
            }
        }

        #[test]
        fn plain_addresses_are_taken(text in "[a-z0-9+_-]{1,9}@[a-z]{1,9}\\.[a-z]{2,4}") {
            prop_assert!(text.parse::<EmailAddress>().is_ok());
        }
    }

    #[test]
    fn splits_at_the_last_at() {
        let address: EmailAddress = "\"a@b\"@example.com".parse().unwrap();
        assert_eq!(
            (address.local_part(), address.domain()),
            ("\"a@b\"", "example.com")
        );
    }
}
