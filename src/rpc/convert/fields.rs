//! Single fields: each function takes what came and returns what it means, or what is wrong with it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;

use super::violations::Violations;
use crate::model::{EmailAddress, Labels, Secret, Timestamp};

const REQUIRED: &str = "is required";

/// The longest secret, in bytes.
const SECRET_MAX_BYTES: usize = 1_024;

/// One line of text for people: at most `max` characters, no control characters (CR and LF among
/// them).
pub fn line(text: String, max: usize) -> Result<String, String> {
    if text.chars().count() > max {
        Err(format!("must be at most {max} characters"))
    } else if text.chars().any(char::is_control) {
        Err("must not contain line breaks or other control characters".into())
    } else {
        Ok(text)
    }
}

/// As [`line`], and not blank.
pub fn required_line(text: String, max: usize) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(REQUIRED.into());
    }
    line(text, max)
}

/// Text for machines: at most `max` bytes without control characters.
pub fn token(text: String, max: usize) -> Result<String, String> {
    if text.len() > max {
        Err(format!("must be at most {max} bytes"))
    } else if text.chars().any(char::is_control) {
        Err("must not contain control characters".into())
    } else {
        Ok(text)
    }
}

/// As [`token`], and not empty.
pub fn required_token(text: String, max: usize) -> Result<String, String> {
    if text.is_empty() {
        return Err(REQUIRED.into());
    }
    token(text, max)
}

/// An address of at most 254 bytes (RFC 5321 §4.5.3.1.3: a path of 256 less its brackets).
pub fn email(text: &str) -> Result<EmailAddress, String> {
    if text.is_empty() {
        Err(REQUIRED.into())
    } else if text.len() > 254 {
        Err("must be at most 254 bytes".into())
    } else {
        text.parse()
    }
}

/// As [`email`]; empty means none.
pub fn optional_email(text: &str) -> Result<Option<EmailAddress>, String> {
    (!text.is_empty()).then(|| email(text)).transpose()
}

/// A secret of at most 1,024 bytes; empty means none.
pub fn secret(text: String) -> Result<Option<Secret>, String> {
    let secret = Secret::new(text);
    let text = secret.expose();
    if text.len() > SECRET_MAX_BYTES {
        Err(format!("must be at most {SECRET_MAX_BYTES} bytes"))
    } else if text.chars().any(char::is_control) {
        Err("must not contain line breaks or other control characters".into())
    } else {
        Ok((!text.is_empty()).then_some(secret))
    }
}

/// A DNS name (RFC 1123 §2.1) or an address literal, in lower case and without brackets.
///
/// A name that ends in a number is refused: resolvers read `127.1` as an address.
pub fn host(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(REQUIRED.into());
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .filter(|inner| inner.contains(':'))
        .unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with(|c: char| c.is_ascii_digit())
        && (last.bytes().all(|b| b.is_ascii_digit())
            || last.to_ascii_lowercase().starts_with("0x"));
    if text.len() > 253 || is_number || !text.split('.').all(is_label) {
        return Err("must be a host name of at most 253 characters or an IP address".into());
    }
    Ok(text.to_ascii_lowercase())
}

/// An endpoint: an https URL of at most 2,048 bytes without user info and fragment; http only where
/// the host is this machine. Whether it may be dialled is decided when it is.
pub fn endpoint(text: String) -> Result<String, String> {
    const RULE: &str = "must be an https URL without user info and fragment, of at most 2,048 \
                        bytes; http only to a loopback address";
    let invalid = || RULE.to_owned();
    if text.len() > 2_048
        || !text.bytes().all(|b| b.is_ascii_graphic())
        || text.contains(['#', '\\', '"', '<', '>'])
    {
        return Err(invalid());
    }
    let uri: http::Uri = text.parse().map_err(|_| invalid())?;
    let authority = uri.authority().ok_or_else(invalid)?;
    let host = host(authority.host()).map_err(|_| invalid())?;
    let is_loopback =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let port_is_valid = authority.as_str().len() == authority.host().len()
        || authority.port_u16().is_some_and(|port| port > 0);
    match uri.scheme_str() {
        _ if authority.as_str().contains('@') || !port_is_valid => Err(invalid()),
        Some("https") => Ok(text),
        Some("http") if is_loopback => Ok(text),
        _ => Err(invalid()),
    }
}

/// A tenant: a GUID or a domain. It becomes a segment of a URL's path, so it can't be `.` or `..`.
pub fn tenant(text: String) -> Result<String, String> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if text.is_empty() || (text.len() <= 255 && text.split('.').all(is_label)) {
        Ok(text)
    } else {
        Err("must be a tenant's GUID or one of its domains".into())
    }
}

/// An instant of the years 1 to 9999, to the microsecond; finer digits are cut.
pub fn instant(time: prost_types::Timestamp) -> Result<Timestamp, String> {
    const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
    if SECONDS.contains(&time.seconds) && (0..1_000_000_000).contains(&time.nanos) {
        let micros = time.seconds * 1_000_000 + i64::from(time.nanos / 1_000);
        Ok(Timestamp::from_unix_micros(micros))
    } else {
        Err("must be a valid timestamp between the years 1 and 9999".into())
    }
}

/// As [`instant`]; unset means none.
pub fn optional_instant(time: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, String> {
    time.map(instant).transpose()
}

/// An optional number within bounds.
pub fn number<From, To>(value: Option<From>, min: From, max: From) -> Result<Option<To>, String>
where
    From: PartialOrd + Display + Copy,
    To: TryFrom<From>,
{
    let Some(value) = value else {
        return Ok(None);
    };
    let within = (min..=max).contains(&value);
    match To::try_from(value) {
        Ok(value) if within => Ok(Some(value)),
        _ => Err(format!("must be {min} to {max}")),
    }
}

/// Labels, or a filter by labels.
pub fn labels(pairs: BTreeMap<String, String>) -> Result<Labels, String> {
    Labels::parse(pairs)
}

/// A list of at most `max` entries, each parsed; a list too long is one violation.
pub fn list<From, To>(
    found: &mut Violations,
    at: &str,
    max: usize,
    entries: Vec<From>,
    parse: impl Fn(From) -> Result<To, String>,
) -> Vec<To> {
    if entries.len() > max {
        found.add(at, format!("must have at most {max} entries"));
        return Vec::new();
    }
    entries
        .into_iter()
        .enumerate()
        .filter_map(|(i, entry)| found.take(format_args!("{at}[{i}]"), parse(entry)))
        .collect()
}
