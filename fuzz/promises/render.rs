//! Whatever a caller gives as the fields of an email: a message with exactly the headers that it should
//! have, or violations.

use mailwright::model::Mailbox;
use mailwright::model::content::{Attachment, Email};
use mailwright::smtp::mime::render;

#[path = "mime.rs"]
pub mod mime;

pub fn hold(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // Fields are told apart by a character that none of them may hold.
    let mut fields = text.split('\u{1}').map(str::to_owned);
    let mut next = || fields.next().unwrap_or_default();
    let sender = Mailbox {
        name: next(),
        address: "a@example.com".parse().expect("it is an address"),
    };
    let (name, value) = (next(), next());
    let email = Email {
        to: vec![Mailbox {
            name: next(),
            address: sender.address.clone(),
        }],
        cc: Vec::new(),
        bcc: vec![Mailbox {
            name: String::new(),
            address: "hidden@example.net".parse().expect("it is an address"),
        }],
        from: None,
        from_name: None,
        reply_to: None,
        subject: next(),
        text_body: next(),
        html_body: next(),
        attachments: vec![Attachment {
            filename: next(),
            content_type: next(),
            content_id: next(),
            content: next().into_bytes().into(),
        }],
        headers: match name.is_empty() {
            true => Vec::new(),
            false => vec![(name, value)],
        },
    };
    let Ok(rendered) = render(&email, &sender, None, &mime::stamp()) else {
        return;
    };
    mime::clean(&rendered);
    let end = rendered.windows(4).position(|end| end == b"\r\n\r\n");
    let head = &rendered[..end.expect("headers end somewhere")];
    let names = head
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b" ") && !line.starts_with(b"\t"));
    let is = |line: &[u8], name: &str| {
        line.len() > name.len()
            && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
            && line[name.len()] == b':'
    };
    let (mut froms, mut bccs) = (0, 0);
    for line in names {
        froms += usize::from(is(line, "From"));
        bccs += usize::from(is(line, "Bcc"));
    }
    assert_eq!((froms, bccs), (1, 0));
}
