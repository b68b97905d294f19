//! What a caller wants to be sent.

use bytes::Bytes;

use super::{EmailAddress, Mailbox};

/// The content of a message: fields to build one from, or a finished one.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Email(Box<Email>),
    Mime(Mime),
}

/// The fields of an email; checked, not yet rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    pub to: Vec<Mailbox>,
    pub cc: Vec<Mailbox>,
    /// Recipients that no header names.
    pub bcc: Vec<Mailbox>,
    /// None means the service's sender.
    pub from: Option<EmailAddress>,
    /// The name shown in From; none means the sender's, empty means none at all.
    pub from_name: Option<String>,
    /// None means the service's, if it has one.
    pub reply_to: Option<Mailbox>,
    pub subject: String,
    /// Empty means none.
    pub text_body: String,
    /// Empty means none.
    pub html_body: String,
    pub attachments: Vec<Attachment>,
    /// Further headers: name and unfolded value, without CR and LF.
    pub headers: Vec<(String, String)>,
}

/// A file that goes with an email.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    pub filename: String,
    /// A media type, `image/png`.
    pub content_type: String,
    pub content: Bytes,
    /// Not empty: shown inside the HTML body as `cid:…`.
    pub content_id: String,
}

/// A finished RFC 5322 message and its envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Mime {
    pub content: Bytes,
    /// The envelope's sender; none means the service's.
    pub from: Option<EmailAddress>,
    pub to: Vec<EmailAddress>,
}

impl Content {
    /// The path, in a request to send, of what makes up most of the message's size.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Mime(_) => "mime.content",
        }
    }

    /// The recipients of the envelope in the order given, each once.
    pub fn recipients(&self) -> Vec<EmailAddress> {
        let all: Vec<&EmailAddress> = match self {
            Self::Email(email) => email
                .to
                .iter()
                .chain(&email.cc)
                .chain(&email.bcc)
                .map(|mailbox| &mailbox.address)
                .collect(),
            Self::Mime(mime) => mime.to.iter().collect(),
        };
        let mut seen = std::collections::BTreeSet::new();
        all.into_iter()
            .filter(|address| seen.insert(address.as_str().to_owned()))
            .cloned()
            .collect()
    }
}
