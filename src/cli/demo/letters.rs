//! The three messages that the demo sends: a page with an inline image, a large attachment, and
//! one for three recipients of which the sandbox refuses one.

use bytes::Bytes;

use super::SERVICE_ID;
use crate::env::Env;
use crate::rpc::proto::v1::{Address, Attachment, Email, SendRequest, send_request};

pub const ALEX: &str = "alex@contoso.com";
pub const LEE: &str = "lee@fabrikam.com";
/// The sandbox refuses this local part at RCPT TO.
pub const REFUSED: &str = "refused@contoso.com";

/// Of the large attachment.
const LARGE_BYTES: usize = 5_000_000;

/// An envelope, 48 by 32.
const IMAGE: &[u8] = include_bytes!("envelope.png");

/// What one message is.
pub struct Letter {
    /// What is special about it, for the screen.
    pub what: &'static str,
    pub email: Email,
}

/// All three.
pub struct Letters(pub [Letter; 3]);

impl Letters {
    /// Writes them; the large attachment is random, so that nothing can stand in for it.
    pub fn write(env: &Env) -> Self {
        let mut large = vec![0; LARGE_BYTES];
        env.fill(&mut large);
        Self([with_image(), with_attachment(large.into()), for_three()])
    }
}

/// The request that sends an email under this request_id.
pub fn request(request_id: &str, email: &Email) -> SendRequest {
    SendRequest {
        service_id: SERVICE_ID.to_owned(),
        request_id: request_id.to_owned(),
        content: Some(send_request::Content::Email(Box::new(email.clone()))),
        ..SendRequest::default()
    }
}

/// A plain message to one recipient.
pub fn plain(to: &str, subject: &str, text_body: &str) -> Email {
    Email {
        to: vec![address(to, "")],
        subject: subject.to_owned(),
        text_body: text_body.to_owned(),
        ..Email::default()
    }
}

fn with_image() -> Letter {
    let text = "Hello Zoë,\n\nyour order is on its way.\n";
    let html = "<p>Hello Zoë,</p><p>your order is on its way.</p><p><img src=\"cid:envelope\" alt=\"\"></p>\n";
    Letter {
        what: "html and text, inline PNG",
        email: Email {
            to: vec![address("zoe@fabrikam.com", "Zoë Łukasik")],
            html_body: html.to_owned(),
            attachments: vec![Attachment {
                filename: "envelope.png".to_owned(),
                content_type: "image/png".to_owned(),
                content: Bytes::from_static(IMAGE),
                content_id: "envelope".to_owned(),
            }],
            ..plain("", "Your order № 1207 is on its way ✈", text)
        },
    }
}

fn with_attachment(content: Bytes) -> Letter {
    Letter {
        what: "attachment of 5 MB",
        email: Email {
            attachments: vec![Attachment {
                filename: "Übersicht 2026.zip".to_owned(),
                content_type: "application/zip".to_owned(),
                content,
                content_id: String::new(),
            }],
            ..plain(ALEX, "The figures", "Alex,\n\nthe figures are attached.\n")
        },
    }
}

fn for_three() -> Letter {
    let text = "Friday at ten, in the large room.\n";
    Letter {
        what: "three recipients, one refused",
        email: Email {
            to: [ALEX, LEE, REFUSED].map(|to| address(to, "")).to_vec(),
            ..plain("", "Friday's meeting", text)
        },
    }
}

fn address(address: &str, name: &str) -> Address {
    Address {
        address: address.to_owned(),
        name: name.to_owned(),
    }
}
