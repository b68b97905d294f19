//! A message to send.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::enums;
use super::fields::{self, list};
use super::violations::Violations;
use crate::model::content::{Attachment, Content, Email, Mime};
use crate::model::message::Priority;
use crate::model::send::SendInput;
use crate::model::service::OnUncertain;
use crate::model::{EmailAddress, Error, Mailbox};
use crate::rpc::proto::v1;
use crate::smtp::mime::header_rule;

/// The most recipients of one message, each counted once.
pub const RECIPIENTS_MAX: usize = 1_000;

/// A request to send.
///
/// # Errors
/// [`Error::Invalid`] with every violation of the bounds in `mail.proto`.
pub fn send(request: v1::SendRequest) -> Result<SendInput, Error> {
    let mut found = Violations::default();
    let service_id = found.take("service_id", request.service_id.parse());
    let request_id = match request.request_id.as_str() {
        "" => Some(None),
        text => found.take("request_id", text.parse()).map(Some),
    };
    let content = match request.content {
        Some(v1::send_request::Content::Email(from)) => {
            email(*from, &mut found).map(|email| Content::Email(Box::new(email)))
        }
        Some(v1::send_request::Content::Mime(from)) => mime(from, &mut found).map(Content::Mime),
        None => {
            found.add("content", "is required: email or mime");
            None
        }
    };
    let priority = found.take(
        "priority",
        enums::known(
            request.priority,
            enums::priority_from,
            Some(Priority::Normal),
        ),
    );
    let send_time = found.take("send_time", fields::optional_instant(request.send_time));
    let expire_time = found.take("expire_time", fields::optional_instant(request.expire_time));
    let on_uncertain = found.take("on_uncertain", on_uncertain(request.on_uncertain));
    let labels = found.take("labels", fields::labels(request.labels));
    let input = (|| {
        Some(SendInput {
            service_id: service_id?,
            request_id: request_id?,
            content: content?,
            priority: priority?,
            send_time: send_time?,
            expire_time: expire_time?,
            on_uncertain: on_uncertain?,
            labels: labels?,
            trace: None,
        })
    })();
    found.finish(input)
}

fn on_uncertain(number: i32) -> Result<Option<OnUncertain>, String> {
    let from = |value| Some(enums::on_uncertain_from(value));
    enums::known(number, from, None)
}

fn email(from: v1::Email, found: &mut Violations) -> Option<Email> {
    let all = [&from.to, &from.cc, &from.bcc];
    let addresses = all
        .into_iter()
        .flatten()
        .map(|entry| entry.address.as_str());
    recipient_count(addresses, "email.to", found);
    let to = recipients(from.to, "email.to", found);
    let cc = recipients(from.cc, "email.cc", found);
    let bcc = recipients(from.bcc, "email.bcc", found);
    let sender = self::from(from.from, found);
    let reply_to = match from.reply_to {
        Some(address) => mailbox(address, "email.reply_to", found).map(Some),
        None => Some(None),
    };
    let subject = found.take("email.subject", fields::line(from.subject, 998));
    if from.text_body.is_empty() && from.html_body.is_empty() {
        found.add("email.text_body", "is required where html_body is empty");
    }
    let attachments = attachments(from.attachments, found);
    let headers = headers(from.headers, found);
    let (from_address, from_name) = sender?;
    Some(Email {
        to,
        cc,
        bcc,
        from: from_address,
        from_name,
        reply_to: reply_to?,
        subject: subject?,
        text_body: from.text_body,
        html_body: from.html_body,
        attachments,
        headers,
    })
}

/// 1 to 1,000, a repeated one counting once. Stops counting where there are too many.
fn recipient_count<'a>(addresses: impl Iterator<Item = &'a str>, at: &str, found: &mut Violations) {
    let mut seen = BTreeSet::new();
    for address in addresses {
        seen.insert(address);
        if seen.len() > RECIPIENTS_MAX {
            found.add(
                at,
                format!("must be at most {RECIPIENTS_MAX} recipients in all"),
            );
            return;
        }
    }
    if seen.is_empty() {
        found.add(at, "must be at least one recipient");
    }
}

fn recipients(entries: Vec<v1::Address>, at: &str, found: &mut Violations) -> Vec<Mailbox> {
    entries
        .into_iter()
        .enumerate()
        .filter_map(|(i, entry)| mailbox(entry, format_args!("{at}[{i}]"), found))
        .collect()
}

fn mailbox(entry: v1::Address, at: impl Display, found: &mut Violations) -> Option<Mailbox> {
    let address = found.take(format_args!("{at}.address"), fields::email(&entry.address));
    let name = found.take(format_args!("{at}.name"), fields::line(entry.name, 200));
    Some(Mailbox {
        address: address?,
        name: name?,
    })
}

/// The address, none for the service's; the name, none for the service's. With an address of its
/// own an empty name is an empty name.
fn from(
    entry: Option<v1::Address>,
    found: &mut Violations,
) -> Option<(Option<EmailAddress>, Option<String>)> {
    let entry = entry.unwrap_or_default();
    let address = found.take("email.from.address", fields::optional_email(&entry.address));
    let name = found.take("email.from.name", fields::line(entry.name, 200));
    let (address, name) = (address?, name?);
    let is_default = address.is_none() && name.is_empty();
    Some((address, (!is_default).then_some(name)))
}

fn attachments(entries: Vec<v1::Attachment>, found: &mut Violations) -> Vec<Attachment> {
    if entries.len() > 100 {
        found.add("email.attachments", "must have at most 100 entries");
        return Vec::new();
    }
    let mut content_ids = BTreeSet::new();
    let mut attachments = Vec::new();
    for (i, entry) in entries.into_iter().enumerate() {
        let at = format!("email.attachments[{i}]");
        let filename = found.take(format_args!("{at}.filename"), filename(entry.filename));
        let content_type = found.take(
            format_args!("{at}.content_type"),
            content_type(entry.content_type),
        );
        let content_id = found.take(
            format_args!("{at}.content_id"),
            content_id(entry.content_id),
        );
        let (Some(filename), Some(content_type), Some(content_id)) =
            (filename, content_type, content_id)
        else {
            continue;
        };
        if !content_id.is_empty() && !content_ids.insert(content_id.clone()) {
            found.add(
                format_args!("{at}.content_id"),
                "must be unique in the message",
            );
        }
        attachments.push(Attachment {
            filename,
            content_type,
            content: entry.content,
            content_id,
        });
    }
    attachments
}

fn filename(text: String) -> Result<String, String> {
    if text.contains(['/', '\\']) {
        return Err("must be a name without a path".into());
    }
    fields::required_line(text, 255)
}

/// A media type of one part (RFC 2045 §5.1); multipart and message types hold parts of their own.
fn content_type(text: String) -> Result<String, String> {
    const RULE: &str = "must be a media type such as \"application/pdf\", of at most 200 bytes \
                        and neither multipart nor message";
    if text.is_empty() {
        return Ok("application/octet-stream".into());
    }
    let lower = text.to_ascii_lowercase();
    let is_leaf = !lower.starts_with("multipart/") && !lower.starts_with("message/");
    let is_printable = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    let is_media_type = lettre::message::header::ContentType::parse(&text).is_ok();
    if text.len() <= 200 && is_leaf && is_printable && is_media_type {
        Ok(text)
    } else {
        Err(RULE.into())
    }
}

fn content_id(text: String) -> Result<String, String> {
    let is_valid = text.len() <= 200
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>');
    if is_valid {
        Ok(text)
    } else {
        Err(
            "must be at most 200 printable ASCII characters without space and angle brackets"
                .into(),
        )
    }
}

fn headers(entries: Vec<v1::Header>, found: &mut Violations) -> Vec<(String, String)> {
    if entries.len() > 50 {
        found.add("email.headers", "must have at most 50 entries");
        return Vec::new();
    }
    for (i, header) in entries.iter().enumerate() {
        if header.value.chars().count() > 998 {
            found.add(
                format_args!("email.headers[{i}].value"),
                "must be at most 998 characters",
            );
        } else if let Err(rule) = header_rule(&header.name, &header.value) {
            found.add(format_args!("email.headers[{i}]"), rule);
        }
    }
    entries
        .into_iter()
        .map(|header| (header.name, header.value))
        .collect()
}

/// What is in a finished message is checked where it is read.
fn mime(from: v1::Mime, found: &mut Violations) -> Option<Mime> {
    if from.content.is_empty() {
        found.add("mime.content", "is required");
    }
    let Some(envelope) = from.envelope else {
        found.add("mime.envelope", "is required");
        return None;
    };
    let sender = found.take("mime.envelope.from", fields::optional_email(&envelope.from));
    recipient_count(
        envelope.to.iter().map(String::as_str),
        "mime.envelope.to",
        found,
    );
    let to = list(
        found,
        "mime.envelope.to",
        usize::MAX,
        envelope.to,
        |address| fields::email(&address),
    );
    Some(Mime {
        content: from.content,
        from: sender?,
        to,
    })
}
