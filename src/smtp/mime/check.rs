//! Whether a finished message may be sent as it is.

use bytes::{Bytes, BytesMut};
use mail_parser::DateTime;

use super::{LINE_MAX_OCTETS, Stamp, date_line, is_ftext, originator};
use crate::model::content::Mime;
use crate::model::{EmailAddress, Violation};

/// What is told about one message at most.
const FAULTS_MAX: usize = 20;

/// Headers that a message has once at most (RFC 5322 §3.6, RFC 2045 §3), lower case.
const AT_MOST_ONCE: [&str; 14] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
];

/// Headers that a message must not bring along, lower case.
const FORBIDDEN: [&str; 3] = ["bcc", "resent-bcc", "return-path"];

/// Headers that say who sends, lower case.
const ORIGINATORS: [&str; 4] = ["from", "sender", "resent-from", "resent-sender"];

/// A message that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The bytes given, with a Message-ID, a Date and a last CRLF where one was missing
    /// (RFC 6409 §8 lets a submission server do that).
    pub content: Bytes,
    /// Its Message-ID, `<id@domain>`.
    pub message_id_header: String,
}

/// Checks a finished message against everything that would be refused, misread or abused later.
///
/// A body may hold octets over 127, which needs a server with 8BITMIME; the headers may not.
///
/// # Errors
/// All violations at once (20 at most on the content): field `mime.content` for the message,
/// `mime.envelope.from` for an envelope sender that is not permitted.
pub fn check(
    mime: &Mime,
    may_send_from: impl Fn(&EmailAddress) -> bool,
    stamp: &Stamp,
) -> Result<Checked, Vec<Violation>> {
    let mut faults = Faults(Vec::new());
    check_octets(&mime.content, &mut faults);
    let fields = scan(&mime.content, &mut faults);
    check_names(&fields, &mut faults);
    check_originators(&fields, &may_send_from, &mut faults);
    check_stamp(&fields, &mut faults);

    let mut violations: Vec<_> = faults
        .0
        .into_iter()
        .map(|fault| Violation::new("mime.content", fault))
        .collect();
    if let Some(from) = mime.from.as_ref().filter(|from| !may_send_from(from)) {
        let why = format!("is {from}, which this service may not send from");
        violations.push(Violation::new("mime.envelope.from", why));
    }
    if violations.is_empty() {
        Ok(complete(&mime.content, &fields, stamp))
    } else {
        Err(violations)
    }
}

/// What is wrong with the content, as far as anybody will read.
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, fault: impl Into<String>) {
        if self.0.len() < FAULTS_MAX {
            self.0.push(fault.into());
        }
    }
}

/// One header.
struct Field {
    /// As written.
    name: String,
    /// Unfolded, with the white space that surrounds it.
    value: String,
}

impl Field {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

fn check_octets(content: &[u8], faults: &mut Faults) {
    if content.contains(&0) {
        faults.add("contains a NUL octet");
    }
    let bare_lf = content
        .iter()
        .enumerate()
        .any(|(at, &byte)| byte == b'\n' && (at == 0 || content[at - 1] != b'\r'));
    if bare_lf {
        faults.add("contains an LF without CR; lines end with CRLF (RFC 5321 §2.3.8)");
    }
    let bare_cr = content
        .iter()
        .enumerate()
        .any(|(at, &byte)| byte == b'\r' && content.get(at + 1) != Some(&b'\n'));
    if bare_cr {
        faults.add("contains a CR without LF; lines end with CRLF (RFC 5321 §2.3.8)");
    }
    if let Some(at) = content
        .split(|&byte| byte == b'\n')
        .position(|line| text_of(line).len() > LINE_MAX_OCTETS)
    {
        faults.add(format!(
            "has more than {LINE_MAX_OCTETS} octets in line {} (RFC 5322 §2.1.1)",
            at + 1
        ));
    }
}

/// The headers, as far as they are such. Breaks lines at LF alone, the way careless servers do: a
/// message where this makes a difference is refused already.
fn scan(content: &[u8], faults: &mut Faults) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for (index, line) in content.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let (line, number) = (text_of(line.strip_suffix(b"\n").unwrap_or(line)), index + 1);
        if line.is_empty() {
            return fields;
        }
        if line
            .iter()
            .any(|&byte| byte != b'\t' && !matches!(byte, b' '..=b'~'))
        {
            faults.add(format!("has octets other than printable ASCII in header line {number}; encode them (RFC 2047)"));
        }
        let text = String::from_utf8_lossy(line);
        if text.starts_with([' ', '\t']) {
            match fields.last_mut() {
                _ if text.trim().is_empty() => {
                    faults.add(format!("has a header line {number} of white space alone"))
                }
                Some(field) => field.value.push_str(&text),
                None => faults.add("begins with the continuation of a header"),
            }
            continue;
        }
        match text.split_once(':') {
            Some((name, value)) if !name.is_empty() && name.bytes().all(is_ftext) => {
                fields.push(Field {
                    name: name.to_owned(),
                    value: value.to_owned(),
                });
            }
            _ => faults.add(format!(
                "has a line {number} that is no header (RFC 5322 §2.2)"
            )),
        }
    }
    faults.add("has no empty line between headers and body");
    fields
}

fn check_names(fields: &[Field], faults: &mut Faults) {
    for name in FORBIDDEN {
        if let Some(field) = fields.iter().find(|field| field.is(name)) {
            faults.add(format!("has a {} header", field.name));
        }
    }
    for name in AT_MOST_ONCE {
        if let Some(field) = fields.iter().filter(|field| field.is(name)).nth(1) {
            faults.add(format!("has more than one {} header", field.name));
        }
    }
    if !fields.iter().any(|field| field.is("from")) {
        faults.add("has no From header");
    }
}

fn check_originators(
    fields: &[Field],
    may_send_from: impl Fn(&EmailAddress) -> bool,
    faults: &mut Faults,
) {
    for field in fields
        .iter()
        .filter(|field| ORIGINATORS.iter().any(|name| field.is(name)))
    {
        match originator::parse(&field.value) {
            Err(why) => faults.add(format!("has a {} header that {why}", field.name)),
            Ok(who) if !may_send_from(&who.address) => {
                faults.add(format!(
                    "is {} {}, which this service may not send from",
                    field.name, who.address
                ));
            }
            Ok(who) => {
                if let Err(why) = originator::check_name(&who.name, &may_send_from) {
                    faults.add(format!("has a {} header that {why}", field.name));
                }
            }
        }
    }
}

fn check_stamp(fields: &[Field], faults: &mut Faults) {
    if fields
        .iter()
        .any(|field| field.is("message-id") && !is_message_id(field.value.trim()))
    {
        faults.add("has a Message-ID that is not <id@domain> (RFC 5322 §3.6.4)");
    }
    let is_date =
        |value: &str| DateTime::parse_rfc822(value.trim()).is_some_and(|date| date.is_valid());
    if fields
        .iter()
        .any(|field| field.is("date") && !is_date(&field.value))
    {
        faults.add("has a Date that is none (RFC 5322 §3.3)");
    }
}

fn is_message_id(value: &str) -> bool {
    let inner = value
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    inner
        .and_then(|inner| inner.split_once('@'))
        .is_some_and(|(id, domain)| {
            let plain = |part: &str| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_graphic() && !b"<>@".contains(&byte))
            };
            plain(id) && plain(domain)
        })
}

fn complete(content: &Bytes, fields: &[Field], stamp: &Stamp) -> Checked {
    let value_of = |name| {
        fields
            .iter()
            .find(|field| field.is(name))
            .map(|field| field.value.trim().to_owned())
    };
    let mut head = String::new();
    let message_id_header = value_of("message-id").unwrap_or_else(|| {
        head += &format!("Message-ID: {}\r\n", stamp.message_id);
        stamp.message_id.clone()
    });
    if value_of("date").is_none() {
        head += &date_line(stamp.date);
    }
    let tail: &[u8] = if content.ends_with(b"\r\n") {
        b""
    } else {
        b"\r\n"
    };
    if head.is_empty() && tail.is_empty() {
        return Checked {
            content: content.clone(),
            message_id_header,
        };
    }
    let mut completed = BytesMut::with_capacity(head.len() + content.len() + tail.len());
    completed.extend_from_slice(head.as_bytes());
    completed.extend_from_slice(content);
    completed.extend_from_slice(tail);
    Checked {
        content: completed.freeze(),
        message_id_header,
    }
}

/// A line without the CR that belongs to its end.
fn text_of(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
