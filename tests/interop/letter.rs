//! One message with everything that is hard to carry, and what must have become of it.

use mailwright::rpc::proto::v1::{self, MessageState, RecipientOutcome};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::arrived::Arrived;

pub const ADELE: &str = "adele@contoso.com";
pub const ALEX: &str = "alex@contoso.com";
const OPS: &str = "ops+alerts@contoso.com";
const ZOE: &str = "zoe@contoso.com";
const HIDDEN: &str = "hidden@contoso.com";

/// All the letter's recipients, in the order in which a server is told of them.
pub const RECIPIENTS: [&str; 4] = [ALEX, OPS, ZOE, HIDDEN];

const SENDER_NAME: &str = "Groß & Söhne, \"Contoso\"";
const SUBJECT: &str = "Prüfung ✓ 東京: a subject that is long enough to be folded into several lines, with 100 % of (odd) signs = ? _ 🎉";
const CAMPAIGN: &str = "Sömmer 2025";
const LOGO: &str = "logo@contoso.com";
const HTML: &str =
    "<p>Grüße 東京 <img src=\"cid:logo@contoso.com\" alt=\"=3D\"></p>\r\n<p>.</p>\r\n";

/// A service that sends as Adele by a server on this machine.
pub fn service(host: &str, port: u16, tls: v1::TlsMode, auth: v1::service::Auth) -> v1::Service {
    v1::Service {
        display_name: "Interop".into(),
        smtp: Some(v1::Smtp {
            host: host.into(),
            port: port.into(),
            tls: tls.into(),
        }),
        sender: Some(v1::Sender {
            address: ADELE.into(),
            name: SENDER_NAME.into(),
            ..v1::Sender::default()
        }),
        auth: Some(auth),
        ..v1::Service::default()
    }
}

pub fn letter() -> v1::Email {
    v1::Email {
        to: vec![address(ALEX, "Łukasz \"Alex\", Jr."), address(OPS, "")],
        cc: vec![address(ZOE, "Zoë O'Neil (Tōkyō)")],
        bcc: vec![address(HIDDEN, "Nobody Sees This")],
        reply_to: Some(address(OPS, "Betrieb für alle")),
        subject: SUBJECT.into(),
        text_body: text(),
        html_body: HTML.into(),
        attachments: files().map(attachment).into(),
        headers: vec![v1::Header {
            name: "X-Campaign".into(),
            value: CAMPAIGN.into(),
        }],
        ..v1::Email::default()
    }
}

/// A message of a few words to these recipients.
pub fn note(to: &[&str]) -> v1::Email {
    v1::Email {
        to: to.iter().map(|to| address(to, "")).collect(),
        subject: "Note".into(),
        text_body: "A few words.\r\n".into(),
        ..v1::Email::default()
    }
}

/// The letter was sent, and this is it, field by field.
pub fn assert_is_the_letter(arrived: &Arrived, message: &v1::Message) {
    assert_eq!(message.state(), MessageState::Sent, "{message:#?}");
    for (recipient, address) in message.recipients.iter().zip(RECIPIENTS) {
        assert_eq!(recipient.outcome(), RecipientOutcome::Accepted);
        assert_eq!(recipient.address, address);
    }
    let expected = json!({
        "subject": SUBJECT,
        "from": [[SENDER_NAME, ADELE]],
        "to": [["Łukasz \"Alex\", Jr.", ALEX], ["", OPS]],
        "cc": [["Zoë O'Neil (Tōkyō)", ZOE]],
        "bcc": [],
        "reply_to": [["Betrieb für alle", OPS]],
        "message_ids": [message.message_id_header],
        "date": "2025-08-04T11:15:30+00:00",
        "campaign": CAMPAIGN,
        "text": text(),
        "html": HTML,
        "attachments": files().map(|file| expected_of(&file)),
        "beside_html": [format!("<{LOGO}>")],
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&arrived.0[field], value, "{field}");
    }
    let whole = arrived.0.to_string();
    assert!(
        !whole.contains(HIDDEN) && !whole.contains("Nobody"),
        "{whole}"
    );
}

struct File {
    name: &'static str,
    content_type: &'static str,
    content: Vec<u8>,
    content_id: &'static str,
}

fn files() -> [File; 4] {
    let file = |name, content_type, content, content_id| File {
        name,
        content_type,
        content,
        content_id,
    };
    let bytes = (0..=255).cycle();
    [
        file(
            "logo.png",
            "image/png",
            bytes.clone().take(5_003).collect(),
            LOGO,
        ),
        file(
            "Übersicht – 東京 \"Entwurf\"; 2025, with a name that one line of a header can't hold.pdf",
            "application/pdf",
            bytes.take(70_001).collect(),
            "",
        ),
        // Neither its line ends nor its signs may be touched.
        file("notes.txt", "text/plain", "a\nb\rc\r\n.\r\nä".into(), ""),
        file("empty.bin", "", Vec::new(), ""),
    ]
}

fn attachment(file: File) -> v1::Attachment {
    v1::Attachment {
        filename: file.name.into(),
        content_type: file.content_type.into(),
        content: file.content.into(),
        content_id: file.content_id.into(),
    }
}

fn expected_of(file: &File) -> Value {
    let inline = !file.content_id.is_empty();
    let digest = Sha256::digest(&file.content);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "filename": file.name,
        "type": match file.content_type {
            "" => "application/octet-stream",
            given => given,
        },
        "disposition": if inline { "inline" } else { "attachment" },
        "content_id": inline.then(|| format!("<{}>", file.content_id)),
        "sha256": hex,
    })
}

/// Dots where SMTP doubles them, what looks like a header or mbox, and a line longer than SMTP's.
fn text() -> String {
    let long = "Donaudampfschiffahrt ".repeat(80);
    format!("Grüße 東京\r\n.\r\n..\r\nFrom: me\r\nFrom here\r\n{long}\r\n\r\ntrailing blank \r\n")
}

fn address(address: &str, name: &str) -> v1::Address {
    v1::Address {
        address: address.into(),
        name: name.into(),
    }
}
