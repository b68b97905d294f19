//! A request to send one message, checked as far as it can be without its service and the clock.

use sha2::{Digest, Sha256};

use super::content::{Attachment, Content, Email, Mime};
use super::message::Priority;
use super::service::OnUncertain;
use super::trace::TraceContext;
use super::{EmailAddress, Labels, Mailbox, RequestId, ServiceId, Timestamp};

/// What `ops::send` takes. Times are instants but not yet compared with now, and the From
/// address not yet with what the service may use.
#[derive(Clone, Debug, PartialEq)]
pub struct SendInput {
    pub service_id: ServiceId,
    /// None: the call is not safe to repeat.
    pub request_id: Option<RequestId>,
    pub content: Content,
    pub priority: Priority,
    /// None means now.
    pub send_time: Option<Timestamp>,
    /// None means 24 hours after `send_time`.
    pub expire_time: Option<Timestamp>,
    /// None means the service's.
    pub on_uncertain: Option<OnUncertain>,
    pub labels: Labels,
    /// The trace it is part of, as its caller says. It is no content: a repeat has another.
    pub trace: Option<TraceContext>,
}

impl SendInput {
    /// SHA-256 of everything that a repeated request must have in common with the first: content,
    /// times and options, in the order below. Stored digests are compared with it after an
    /// upgrade, so the order and the numbers stay.
    pub fn digest(&self) -> [u8; 32] {
        let mut fold = Fold(Sha256::new());
        match &self.content {
            Content::Email(email) => fold.tag(1).email(email),
            Content::Mime(mime) => fold.tag(2).mime(mime),
        };
        fold.tag(match self.priority {
            Priority::High => 1,
            Priority::Normal => 2,
            Priority::Bulk => 3,
        });
        fold.time(self.send_time).time(self.expire_time);
        fold.tag(match self.on_uncertain {
            None => 0,
            Some(OnUncertain::Resend) => 1,
            Some(OnUncertain::Hold) => 2,
        });
        fold.count(self.labels.0.len());
        for (key, value) in &self.labels.0 {
            fold.text(key).text(value);
        }
        fold.0.finalize().into()
    }
}

/// Feeds a hash so that different values never look alike: each has its length before it, each
/// option its tag.
struct Fold(Sha256);

impl Fold {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.update([tag]);
        self
    }

    fn count(&mut self, count: usize) -> &mut Self {
        self.0.update((count as u64).to_be_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len());
        self.0.update(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn option<T>(&mut self, value: Option<T>, add: impl FnOnce(&mut Self, T)) -> &mut Self {
        match value {
            None => {
                self.tag(0);
            }
            Some(value) => add(self.tag(1), value),
        }
        self
    }

    fn time(&mut self, time: Option<Timestamp>) -> &mut Self {
        self.option(time, |fold, time| {
            fold.0.update(time.unix_micros().to_be_bytes());
        })
    }

    fn address(&mut self, address: Option<&EmailAddress>) -> &mut Self {
        self.option(address, |fold, address| {
            fold.text(address.as_str());
        })
    }

    fn mailbox(&mut self, mailbox: &Mailbox) -> &mut Self {
        self.text(mailbox.address.as_str()).text(&mailbox.name)
    }

    fn email(&mut self, email: &Email) -> &mut Self {
        for list in [&email.to, &email.cc, &email.bcc] {
            self.count(list.len());
            for mailbox in list {
                self.mailbox(mailbox);
            }
        }
        self.address(email.from.as_ref());
        self.option(email.from_name.as_ref(), |fold, name| {
            fold.text(name);
        });
        self.option(email.reply_to.as_ref(), |fold, mailbox| {
            fold.mailbox(mailbox);
        });
        self.text(&email.subject)
            .text(&email.text_body)
            .text(&email.html_body);
        self.count(email.attachments.len());
        for attachment in &email.attachments {
            self.attachment(attachment);
        }
        self.count(email.headers.len());
        for (name, value) in &email.headers {
            self.text(name).text(value);
        }
        self
    }

    fn attachment(&mut self, attachment: &Attachment) -> &mut Self {
        self.text(&attachment.filename)
            .text(&attachment.content_type)
            .bytes(&attachment.content)
            .text(&attachment.content_id)
    }

    fn mime(&mut self, mime: &Mime) -> &mut Self {
        self.bytes(&mime.content).address(mime.from.as_ref());
        self.count(mime.to.len());
        for address in &mime.to {
            self.text(address.as_str());
        }
        self
    }
}
