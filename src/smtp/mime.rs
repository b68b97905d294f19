//! The bytes of a message: rendered from an email's fields, or checked where a caller brings them.
//!
//! Promises that what comes out has only CRLF line ends, ends with one, has no line over 998
//! octets (RFC 5322 §2.1.1), names no Bcc and claims no author that its caller didn't permit; and
//! that the same input and [`Stamp`] give the same bytes. MIME parts and file names are lettre's
//! work. The top headers are ours, because lettre keeps only the last of two headers of one name,
//! doesn't fold a list of bare addresses, and can't break a long word.
//!
//! Deliberately doesn't know services, limits on size and number, or who the envelope goes to.

mod check;
mod headers;
mod originator;
mod render;

use crate::model::Timestamp;

pub use check::{Checked, check};
pub use render::render;

/// The longest line without its CRLF, in octets (RFC 5322 §2.1.1).
pub const LINE_MAX_OCTETS: usize = 998;

/// The longest name of a caller's own header, in octets.
pub const HEADER_NAME_MAX_OCTETS: usize = 76;

/// The longest value of a caller's own header, in octets.
pub const HEADER_VALUE_MAX_OCTETS: usize = 2_000;

/// The longest word in a header that is written as it is: no line can be broken inside of it.
const WORD_MAX_OCTETS: usize = 900;

/// What a message gets that is neither its author's nor a function of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// `<id@domain>`, with its angle brackets.
    pub message_id: String,
    /// The Date header; written in UTC to the second, 1970 at the earliest.
    pub date: Timestamp,
    /// Random text from which each multipart derives a boundary of its own. Its first 60 ASCII
    /// letters and digits count; it must be beyond guessing for whoever wrote the bodies.
    pub boundary: String,
}

/// Whether a caller may add this header to an email of fields; the error tells why not.
///
/// A name is RFC 5322's `ftext`; those that have fields of their own, that the platform writes, or
/// that change the meaning of the message are refused in any case of letters. A value is unfolded:
/// printable text, without control characters and without an ASCII word too long for a line.
pub fn header_rule(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("has an empty name".into());
    }
    if name.len() > HEADER_NAME_MAX_OCTETS {
        return Err(format!(
            "has a name of more than {HEADER_NAME_MAX_OCTETS} octets"
        ));
    }
    if !name.bytes().all(is_ftext) {
        return Err(
            "has a name with characters other than printable ASCII without colon (RFC 5322 §3.6.8)"
                .into(),
        );
    }
    if is_reserved(name) {
        return Err(format!(
            "is named {name}, which has a field of its own or is written by the platform"
        ));
    }
    if value.len() > HEADER_VALUE_MAX_OCTETS {
        return Err(format!(
            "has a value of more than {HEADER_VALUE_MAX_OCTETS} octets"
        ));
    }
    if value.chars().any(char::is_control) {
        return Err("has a value with control characters; give it unfolded".into());
    }
    if value.is_ascii() && value.split(' ').any(|word| word.len() > WORD_MAX_OCTETS) {
        return Err(format!(
            "has a value with a word of more than {WORD_MAX_OCTETS} octets, which no line can hold"
        ));
    }
    Ok(())
}

/// Names that only the platform writes, lower case.
const RESERVED: [&str; 11] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "return-path",
    "received",
];

/// Beginnings of such names, lower case.
const RESERVED_PREFIXES: [&str; 4] = ["content-", "mime-", "dkim-", "resent-"];

fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RESERVED.contains(&name.as_str())
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// `ftext` of RFC 5322 §3.6.8.
fn is_ftext(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

/// The Date header's line. The crate that writes it panics before 1970.
fn date_line(date: Timestamp) -> String {
    let mut headers = lettre::message::header::Headers::new();
    headers.set(lettre::message::header::Date::new(
        date.max(Timestamp::default()).to_system(),
    ));
    headers.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_may_add_headers_of_its_own() {
        for (name, value) in [
            ("X-Campaign", "spring"),
            ("List-Unsubscribe", "<https://example.com/u?t=1>"),
            ("In-Reply-To", "<1@example.com>"),
            ("X-Empty", ""),
            ("X-Name", "Größe"),
            ("!#$%&'*+", "odd but ftext"),
        ] {
            assert_eq!(header_rule(name, value), Ok(()), "{name}");
        }
    }

    #[test]
    fn no_header_of_the_platform_can_be_named() {
        for name in [
            "From",
            "FROM",
            "sender",
            "To",
            "cC",
            "Bcc",
            "bcc",
            "Date",
            "Message-ID",
            "message-id",
            "Return-Path",
            "Received",
            "DKIM-Signature",
            "dkim-x",
            "MIME-Version",
            "Content-Type",
            "content-transfer-encoding",
            "Subject",
            "Reply-To",
            "Resent-From",
            "resent-bcc",
        ] {
            assert!(header_rule(name, "x").is_err(), "{name}");
        }
    }

    #[test]
    fn no_header_can_break_out_of_its_line() {
        let long_name = "X".repeat(77);
        for name in [
            "",
            " X",
            "X ",
            "X Y",
            "X:",
            "X:\r\nBcc",
            "X\n",
            "X\0",
            "X\u{7f}",
            "Xä",
            &long_name,
        ] {
            assert!(header_rule(name, "x").is_err(), "{name:?}");
        }
        let (long_value, long_word) = ("x ".repeat(1_001), "x".repeat(901));
        for value in [
            "a\r\nBcc: x@y.z",
            "a\n",
            "a\rb",
            "\0",
            "\u{1b}[0m",
            "a\tb",
            "a\u{85}b",
            &long_value,
            &long_word,
        ] {
            assert!(header_rule("X-A", value).is_err(), "{value:?}");
        }
    }
}
