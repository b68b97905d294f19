//! The three messages that the demo sends, and the check of what arrived.

use bytes::Bytes;
use mail_parser::{Message, MessageParser, MimeHeaders};

use super::show::{Paper, cut};
use crate::cli::Failed;
use crate::rpc::proto::v1;
use crate::sandbox::Delivered;

pub(super) const SERVICE: &str = "billing";
pub(super) const MAILBOX: &str = "adele@contoso.com";
pub(super) const REFUSED: &str = "refused@contoso.com";

const LOGO: &[u8] = include_bytes!("logo.png");
const REPORT_BYTES: usize = 5 * 1024 * 1024;

/// The requests, in the order in which they are sent.
pub(super) fn all() -> [v1::SendRequest; 3] {
    [
        request(
            "welcome-1",
            v1::Email {
                to: vec![address("alex@contoso.com", "Alex Wilber")],
                subject: "Willkommen – schön, dass Sie da sind".into(),
                text_body: "Welcome to Contoso.".into(),
                html_body: "<p><img src=\"cid:logo\" alt=\"\"> Welcome to <b>Contoso</b>.</p>"
                    .into(),
                attachments: vec![v1::Attachment {
                    filename: "logo.png".into(),
                    content_type: "image/png".into(),
                    content: Bytes::from_static(LOGO),
                    content_id: "logo".into(),
                }],
                ..v1::Email::default()
            },
        ),
        request(
            "report-1",
            v1::Email {
                to: vec![address("alex@contoso.com", "")],
                subject: "The yearly report".into(),
                text_body: "It is attached.".into(),
                attachments: vec![v1::Attachment {
                    filename: "report.bin".into(),
                    content_type: "application/octet-stream".into(),
                    content: report(),
                    content_id: String::new(),
                }],
                ..v1::Email::default()
            },
        ),
        request(
            "invoice-1",
            v1::Email {
                to: vec![
                    address("alex@contoso.com", ""),
                    address(REFUSED, ""),
                    address("megan@fabrikam.com", ""),
                ],
                subject: "Your invoice".into(),
                text_body: "Thank you for your order.".into(),
                ..v1::Email::default()
            },
        ),
    ]
}

fn request(request_id: &str, email: v1::Email) -> v1::SendRequest {
    v1::SendRequest {
        service_id: SERVICE.into(),
        request_id: request_id.into(),
        content: Some(v1::send_request::Content::Email(Box::new(email))),
        ..v1::SendRequest::default()
    }
}

fn address(address: &str, name: &str) -> v1::Address {
    v1::Address {
        address: address.into(),
        name: name.into(),
    }
}

/// Five megabytes that no compression and no line ending leaves as they are by chance.
fn report() -> Bytes {
    let mut word = 1u32;
    let bytes = std::iter::repeat_with(|| {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        word.to_be_bytes()[0]
    });
    bytes.take(REPORT_BYTES).collect()
}

/// Prints what the sandbox received, and holds it against what was sent.
///
/// # Errors
/// What differs.
pub(super) fn check(paper: Paper, mail: &[Delivered]) -> Result<(), Failed> {
    for delivered in mail {
        let message = MessageParser::default().parse(&delivered.content);
        let message = message.ok_or_else(|| Failed::new(1, "what arrived is no message"))?;
        show(paper, delivered, &message);
        ensure(
            delivered.tls && delivered.mailbox == MAILBOX,
            "it came over TLS, from the mailbox",
        )?;
        verify(delivered, &message)?;
    }
    Ok(())
}

fn verify(delivered: &Delivered, message: &Message<'_>) -> Result<(), Failed> {
    let part = |index| message.attachment(index).map(|part| part.contents());
    match message.subject().unwrap_or_default() {
        "Willkommen – schön, dass Sie da sind" => {
            ensure(part(0) == Some(LOGO), "the inline image arrived as it was")?;
            let html = message.body_html(0).unwrap_or_default();
            ensure(html.contains("cid:logo"), "the HTML refers to the image")
        }
        "The yearly report" => ensure(
            part(0) == Some(&report()[..]),
            "all 5 MiB arrived as they were",
        ),
        "Your invoice" => {
            let refused = delivered
                .rcpt_to
                .iter()
                .any(|recipient| recipient == REFUSED);
            ensure(
                delivered.rcpt_to.len() == 2 && !refused,
                "it went to the two others alone",
            )
        }
        other => Err(Failed::new(1, format!("nobody sent {other:?}"))),
    }
}

fn show(paper: Paper, delivered: &Delivered, message: &Message<'_>) {
    paper.line(format!("\"{}\"", message.subject().unwrap_or_default()));
    paper.fact("  to", cut(&delivered.rcpt_to.join(", "), 60));
    paper.fact(
        "  message-id",
        cut(message.message_id().unwrap_or_default(), 60),
    );
    for part in message.attachments() {
        let name = part.attachment_name().unwrap_or("a part");
        let inline = part
            .content_id()
            .map_or(String::new(), |id| format!(", inline as cid:{id}"));
        paper.fact(
            "  attachment",
            format!("{name}, {} bytes{inline}", part.contents().len()),
        );
    }
}

/// What must be so, or the demo has failed.
///
/// # Errors
/// When it is not.
pub(super) fn ensure(holds: bool, what: &str) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(Failed::new(1, format!("this did not happen: {what}")))
    }
}
