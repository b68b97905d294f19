//! From an email's fields to its bytes.

use lettre::message::header::{
    ContentDisposition, ContentId, ContentTransferEncoding, ContentType,
};
use lettre::message::{MultiPart, MultiPartBuilder, SinglePart};

use super::{Stamp, date_line, header_rule, headers};
use crate::model::content::{Attachment, Email};
use crate::model::{EmailAddress, Error, Mailbox, Violation};

/// The longest media type and content id, in octets.
const TOKEN_MAX_OCTETS: usize = 200;

/// The octets of boundary that are taken from the stamp; RFC 2046 §5.1.1 allows 70 in all.
const BOUNDARY_OCTETS: usize = 60;

/// Renders an email, with `sender` as its From and `default_reply_to` where it names no Reply-To.
///
/// Bodies get CRLF line ends and the encoding that suits them. The parts are, where there is
/// something to hold: mixed (alternative (text, related (html, files with a content id)), files).
///
/// # Errors
/// [`Error::Invalid`] with every field at once that holds control characters, a header against
/// [`header_rule`], a media type that is none or must not be encoded, or a bad content id.
pub fn render(
    email: &Email,
    sender: &Mailbox,
    default_reply_to: Option<&EmailAddress>,
    stamp: &Stamp,
) -> Result<Vec<u8>, Error> {
    let violations = violations(email, sender);
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let mut out = top_headers(email, sender, default_reply_to, stamp).into_bytes();
    out.extend(match body(email, stamp)? {
        Node::Leaf(part) => part.formatted(),
        Node::Tree(part) => part.formatted(),
    });
    Ok(out)
}

fn top_headers(
    email: &Email,
    sender: &Mailbox,
    default_reply_to: Option<&EmailAddress>,
    stamp: &Stamp,
) -> String {
    let default = default_reply_to.map(|address| Mailbox {
        address: address.clone(),
        name: String::new(),
    });
    let mut out = date_line(stamp.date);
    out += &headers::addresses("From", [sender]);
    out += &headers::addresses("Reply-To", email.reply_to.as_ref().or(default.as_ref()));
    out += &headers::addresses("To", &email.to);
    out += &headers::addresses("Cc", &email.cc);
    if !email.subject.is_empty() {
        out += &headers::text("Subject", &email.subject);
    }
    out += &headers::verbatim("Message-ID", &stamp.message_id);
    for (name, value) in &email.headers {
        out += &headers::verbatim(name, value);
    }
    out += "MIME-Version: 1.0\r\n";
    out
}

/// lettre keeps its own sum of the two kinds of part to itself.
enum Node {
    Leaf(SinglePart),
    Tree(MultiPart),
}

fn body(email: &Email, stamp: &Stamp) -> Result<Node, Error> {
    let has_html = !email.html_body.is_empty();
    let (inline, files): (Vec<_>, Vec<_>) = email
        .attachments
        .iter()
        .enumerate()
        .partition(|(_, file)| has_html && !file.content_id.is_empty());
    let alone = email.attachments.is_empty() && (email.text_body.is_empty() || !has_html);

    let mut content = Node::Leaf(text_part(ContentType::TEXT_PLAIN, &email.text_body, alone));
    if has_html {
        let html = Node::Leaf(text_part(ContentType::TEXT_HTML, &email.html_body, alone));
        let html = with_files(html, &inline, MultiPart::related(), 'r', stamp)?;
        content = if email.text_body.is_empty() {
            html
        } else {
            let alternative = multipart(MultiPart::alternative(), 'a', stamp);
            Node::Tree(add(add(alternative, content), html))
        };
    }
    with_files(content, &files, MultiPart::mixed(), 'm', stamp)
}

/// The node itself without files, else a multipart of the node and the files.
fn with_files(
    node: Node,
    files: &[(usize, &Attachment)],
    kind: MultiPartBuilder,
    tag: char,
    stamp: &Stamp,
) -> Result<Node, Error> {
    if files.is_empty() {
        return Ok(node);
    }
    let mut tree = add(multipart(kind, tag, stamp), node);
    for (index, file) in files {
        let part =
            file_part(file).map_err(|why| Error::invalid(content_type_field(*index), why))?;
        tree = tree.singlepart(part);
    }
    Ok(Node::Tree(tree))
}

/// `=_` can't stand in an encoded body (RFC 2045 §6.7), and no boundary is the beginning of
/// another. Each tag is used at most once in a message.
fn multipart(kind: MultiPartBuilder, tag: char, stamp: &Stamp) -> MultiPart {
    let random: String = stamp
        .boundary
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(BOUNDARY_OCTETS)
        .collect();
    kind.boundary(format!("=_{tag}_{random}")).build()
}

fn add(tree: MultiPart, node: Node) -> MultiPart {
    match node {
        Node::Leaf(part) => tree.singlepart(part),
        Node::Tree(part) => tree.multipart(part),
    }
}

/// A body. One that stands `alone` gives up its last line end, because lettre adds one; inside a
/// multipart that one belongs to the boundary.
fn text_part(content_type: ContentType, text: &str, alone: bool) -> SinglePart {
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
    if alone && text.ends_with('\n') {
        text.pop();
    }
    // lettre would insert the CRs one by one, and would send other controls as they are.
    let text = text.replace('\n', "\r\n");
    let mut builder = SinglePart::builder().header(content_type);
    if text
        .bytes()
        .any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n'))
    {
        builder = builder.header(ContentTransferEncoding::QuotedPrintable);
    }
    builder.body(text)
}

fn file_part(file: &Attachment) -> Result<SinglePart, String> {
    let disposition = match (file.content_id.is_empty(), file.filename.is_empty()) {
        (true, _) => ContentDisposition::attachment(&file.filename),
        (false, true) => ContentDisposition::inline(),
        (false, false) => ContentDisposition::inline_with_name(&file.filename),
    };
    let mut builder = SinglePart::builder()
        .header(media_type(&file.content_type)?)
        .header(disposition);
    if !file.content_id.is_empty() {
        builder = builder.header(ContentId::from(format!("<{}>", file.content_id)));
    }
    Ok(builder
        .header(ContentTransferEncoding::Base64)
        .body(file.content.to_vec()))
}

/// A media type that may be encoded as base64.
fn media_type(text: &str) -> Result<ContentType, String> {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !text.contains(['*', '\\']);
    if !plain || text.len() > TOKEN_MAX_OCTETS {
        return Err(format!(
            "is not a media type of at most {TOKEN_MAX_OCTETS} printable ASCII characters"
        ));
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("multipart/") || lower.starts_with("message/") {
        return Err(
            "must not be multipart or message (RFC 2046 §5 forbids to encode them); \
                    send application/octet-stream"
                .into(),
        );
    }
    // The parser takes a type without a subtype.
    let has_subtype = lower
        .split(';')
        .next()
        .is_some_and(|essence| !essence.ends_with('/'));
    ContentType::parse(text)
        .ok()
        .filter(|_| has_subtype)
        .ok_or_else(|| "is not a media type such as image/png".into())
}

fn violations(email: &Email, sender: &Mailbox) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut plain = |field: String, text: &str| {
        if text.chars().any(char::is_control) {
            found.push(Violation::new(field, "contains a control character"));
        }
    };
    plain("email.from.name".into(), &sender.name);
    plain("email.subject".into(), &email.subject);
    if let Some(mailbox) = &email.reply_to {
        plain("email.reply_to.name".into(), &mailbox.name);
    }
    for (list, mailboxes) in [("to", &email.to), ("cc", &email.cc)] {
        for (index, mailbox) in mailboxes.iter().enumerate() {
            plain(format!("email.{list}[{index}].name"), &mailbox.name);
        }
    }
    for (index, file) in email.attachments.iter().enumerate() {
        plain(
            format!("email.attachments[{index}].filename"),
            &file.filename,
        );
    }
    found.extend(
        email
            .attachments
            .iter()
            .enumerate()
            .flat_map(|(index, file)| file_violations(index, file)),
    );
    for (index, (name, value)) in email.headers.iter().enumerate() {
        if let Err(why) = header_rule(name, value) {
            found.push(Violation::new(format!("email.headers[{index}]"), why));
        }
    }
    found
}

fn file_violations(index: usize, file: &Attachment) -> Vec<Violation> {
    let mut found = Vec::new();
    if file.filename.contains("=?") {
        let why = "contains =?, which mail programs take for the beginning of an encoded word";
        found.push(Violation::new(
            format!("email.attachments[{index}].filename"),
            why,
        ));
    }
    if let Err(why) = media_type(&file.content_type) {
        found.push(Violation::new(content_type_field(index), why));
    }
    let id = &file.content_id;
    if id.len() > TOKEN_MAX_OCTETS
        || !id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"<>()\"\\".contains(&byte))
    {
        let why = "must be at most 200 printable ASCII characters without space, brackets, quotes and backslash";
        found.push(Violation::new(
            format!("email.attachments[{index}].content_id"),
            why,
        ));
    }
    found
}

fn content_type_field(index: usize) -> String {
    format!("email.attachments[{index}].content_type")
}
