//! Reads who a From or Sender header says it is, strictly: in doubt it refuses.
//!
//! Two parsers must agree: a scanner of our own that knows only the plain form of one mailbox
//! (RFC 5322 §3.4 without comments, groups, routes and other obsolete syntax), and mail-parser, as
//! generous as the programs of recipients are.

use mail_parser::{Address, MessageParser};

use crate::model::EmailAddress;

/// The one mailbox of an originator header.
#[derive(Debug)]
pub(super) struct Originator {
    pub address: EmailAddress,
    /// The display name, decoded; empty for none.
    pub name: String,
}

/// Parses an unfolded header value; the error tells in a few words what it does wrong.
pub(super) fn parse(value: &str) -> Result<Originator, String> {
    let address: EmailAddress = sole_address(value)?
        .parse()
        .map_err(|why| format!("holds an address that {why}"))?;
    let message = format!("From: {value}\r\n\r\n");
    let parsed = MessageParser::new()
        .parse(message.as_bytes())
        .ok_or("can't be read")?;
    match parsed.from().and_then(Address::as_list) {
        Some([only]) if only.address() == Some(address.as_str()) => Ok(Originator {
            address,
            name: only.name().unwrap_or_default().to_owned(),
        }),
        _ => Err("can be read in more than one way".into()),
    }
}

/// Refuses a display name that poses as something else: an address that isn't permitted, or what a
/// careless reader would take for one.
pub(super) fn check_name(
    name: &str,
    may_send_from: impl Fn(&EmailAddress) -> bool,
) -> Result<(), String> {
    if name.chars().any(char::is_control) {
        return Err("has a name with control characters".into());
    }
    if name.contains(['<', '>']) || name.contains("=?") {
        return Err("has a name with angle brackets or text that can't be decoded".into());
    }
    let quotes = |c: char| matches!(c, '\'' | '"' | '(' | ')' | '[' | ']' | ',' | ';' | ':');
    let poses = |word: &str| {
        word.split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
    };
    let foreign = name
        .split_whitespace()
        .map(|word| word.trim_matches(quotes))
        .filter(|word| poses(word))
        .any(|word| {
            !word
                .parse::<EmailAddress>()
                .is_ok_and(|address| may_send_from(&address))
        });
    if foreign {
        Err("has an address for a name that this service may not send from".into())
    } else {
        Ok(())
    }
}

/// The text of the only address: the whole value, or what stands in angle brackets at its end.
fn sole_address(value: &str) -> Result<&str, String> {
    let value = value.trim_matches([' ', '\t']);
    let bare = without_quoted(value)?;
    for (bad, why) in [
        ("()", "a comment"),
        (",", "more than one mailbox"),
        (":;", "a group"),
        ("[]\\", "a special character"),
    ] {
        if bare.contains(|c| bad.contains(c)) {
            return Err(format!("has {why} outside of quotes"));
        }
    }
    let address = match bare.find('<') {
        Some(at) if bare[..at].contains('@') => {
            return Err("has a second address before the one in angle brackets".into());
        }
        Some(at) => value[at + 1..]
            .strip_suffix('>')
            .ok_or("has text after the angle brackets")?,
        None => value,
    };
    if address.contains('"') {
        Err("has a quoted address".into())
    } else {
        Ok(address)
    }
}

/// The ASCII value with every octet of its quoted strings replaced by `"`, of the same length.
fn without_quoted(value: &str) -> Result<String, String> {
    if !value.is_ascii() {
        return Err("has non-ASCII characters".into());
    }
    let mut bare = String::with_capacity(value.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in value.chars() {
        let inside = quoted;
        (quoted, escaped) = match c {
            _ if escaped => (quoted, false),
            '\\' if quoted => (quoted, true),
            '"' => (!quoted, false),
            _ => (quoted, false),
        };
        bare.push(if inside || quoted { '"' } else { c });
    }
    if quoted {
        Err("has a quote that doesn't end".into())
    } else {
        Ok(bare)
    }
}
