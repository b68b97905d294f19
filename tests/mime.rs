//! The promises of `smtp::mime` on rendering, read back by a parser that isn't the one that wrote.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use mail_parser::{HeaderForm, Message, MessageParser, MimeHeaders};
use mailwright::model::content::{Attachment, Email};
use mailwright::model::{EmailAddress, Error, Mailbox, Timestamp};
use mailwright::smtp::mime::{Stamp, render};
use proptest::prelude::*;

const ID: &str = "<0123456789@mail.example.com>";

fn stamp() -> Stamp {
    Stamp {
        message_id: ID.into(),
        date: Timestamp::from_unix_seconds(1_772_366_400),
        boundary: "kJ3x9QmZ7sT1vW5yB8nC2dF4".into(),
    }
}

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

fn mailbox(name: &str, text: &str) -> Mailbox {
    Mailbox {
        address: address(text),
        name: name.into(),
    }
}

fn sender() -> Mailbox {
    mailbox("Jürgen Müller, Vertrieb", "sales@example.com")
}

fn email() -> Email {
    Email {
        to: vec![mailbox("", "ann@example.org")],
        cc: vec![],
        bcc: vec![],
        from: None,
        from_name: None,
        reply_to: None,
        subject: "Hello".into(),
        text_body: String::new(),
        html_body: String::new(),
        attachments: vec![],
        headers: vec![],
    }
}

fn file(filename: &str, content_type: &str, content: Vec<u8>, content_id: &str) -> Attachment {
    Attachment {
        filename: filename.into(),
        content_type: content_type.into(),
        content: Bytes::from(content),
        content_id: content_id.into(),
    }
}

fn rendered(email: &Email) -> Vec<u8> {
    let bytes = render(email, &sender(), None, &stamp()).unwrap();
    assert_sendable(&bytes);
    bytes
}

/// Only CRLF, one at the end, no line over 998 octets, no NUL, nothing but ASCII.
fn assert_sendable(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_ascii());
    assert!(text.ends_with("\r\n"));
    let lines = text.split("\r\n");
    for line in lines {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        assert!(line.len() <= 998, "{} octets", line.len());
    }
}

fn parse(bytes: &[u8]) -> Message<'_> {
    MessageParser::new().parse(bytes).unwrap()
}

fn violated(email: &Email) -> Vec<String> {
    match render(email, &sender(), None, &stamp()) {
        Err(Error::Invalid(violations)) => violations
            .into_iter()
            .map(|violation| violation.field)
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// The media types of all parts, in the order of the message.
fn types(message: &Message<'_>) -> Vec<String> {
    let name = |part: &mail_parser::MessagePart<'_>| {
        let it = part.content_type().unwrap();
        format!("{}/{}", it.c_type, it.c_subtype.as_deref().unwrap_or(""))
    };
    message.parts.iter().map(name).collect()
}

#[test]
fn every_field_comes_back_as_it_was_given() {
    let bytes_of_file: Vec<u8> = (0..100 * 1024u32).map(|n| (n * 31 % 251) as u8).collect();
    let image = b"\x89PNG\r\n\x1a\n\0\0".to_vec();
    let mut email = email();
    email.cc = vec![
        mailbox("Zoë \"Z\" O'Hara", "zoe@example.org"),
        mailbox("Plain Name", "plain@example.org"),
    ];
    email.bcc = vec![mailbox("Hidden Person", "secret@example.org")];
    email.reply_to = Some(mailbox("Antworten", "reply@example.com"));
    email.subject =
        "Grüße aus Köln 📬 – Rechnung Nr. 4711 für die Bestellung vom letzten Donnerstag".into();
    email.text_body = "Liebe Ann,\n\nschöne Grüße\n".into();
    email.html_body = "<p>Liebe Ann <img src=\"cid:logo@x\"></p>\n".into();
    email.attachments = vec![
        file(
            "Übersicht März \"neu\".bin",
            "application/octet-stream",
            bytes_of_file.clone(),
            "",
        ),
        file("logo.png", "image/png", image.clone(), "logo@x"),
    ];
    email.headers = vec![
        ("X-Tag".into(), "one".into()),
        ("X-Tag".into(), "two".into()),
    ];

    let bytes = rendered(&email);
    let message = parse(&bytes);
    let from = message.from().unwrap().first().unwrap();
    assert_eq!(
        (from.name(), from.address()),
        (Some("Jürgen Müller, Vertrieb"), Some("sales@example.com"))
    );
    let cc: Vec<_> = message
        .cc()
        .unwrap()
        .iter()
        .map(|one| (one.name().unwrap(), one.address().unwrap()))
        .collect();
    assert_eq!(
        cc,
        [
            ("Zoë \"Z\" O'Hara", "zoe@example.org"),
            ("Plain Name", "plain@example.org")
        ]
    );
    assert_eq!(
        message.to().unwrap().first().unwrap().address(),
        Some("ann@example.org")
    );
    assert_eq!(
        message.reply_to().unwrap().first().unwrap().name(),
        Some("Antworten")
    );
    assert_eq!(message.subject(), Some(email.subject.as_str()));
    assert_eq!(message.message_id(), Some(&ID[1..ID.len() - 1]));
    assert_eq!(message.date().unwrap().to_timestamp(), 1_772_366_400);
    assert_eq!(
        message.body_text(0).unwrap(),
        "Liebe Ann,\r\n\r\nschöne Grüße\r\n"
    );
    assert_eq!(
        message.body_html(0).unwrap(),
        "<p>Liebe Ann <img src=\"cid:logo@x\"></p>\r\n"
    );
    let tags: Vec<_> = message
        .headers_raw()
        .filter(|(name, _)| *name == "X-Tag")
        .map(|(_, value)| value.trim())
        .collect();
    assert_eq!(tags, ["one", "two"]);

    let parts: Vec<_> = message.attachments().collect();
    let named = |name: &str| {
        *parts
            .iter()
            .find(|part| part.attachment_name() == Some(name))
            .unwrap()
    };
    assert_eq!(
        named("Übersicht März \"neu\".bin").contents(),
        bytes_of_file
    );
    assert_eq!(named("logo.png").contents(), image);
    assert_eq!(named("logo.png").content_id(), Some("logo@x"));

    let text = String::from_utf8(bytes.clone()).unwrap().to_lowercase();
    for secret in ["bcc", "secret@example.org", "hidden"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn parts_are_nested_as_their_content_asks() {
    let (text, html) = ("text".to_owned(), "<p>html</p>".to_owned());
    let inline = file("a.png", "image/png", vec![1], "a");
    let attached = file("b.pdf", "application/pdf", vec![2], "");
    let (plain, rich, png, pdf) = ("text/plain", "text/html", "image/png", "application/pdf");
    let (mixed, related, alternative) = (
        "multipart/mixed",
        "multipart/related",
        "multipart/alternative",
    );
    let table: [(&str, &str, Vec<Attachment>, &[&str]); 9] = [
        ("", "", vec![], &[plain]),
        (&text, "", vec![], &[plain]),
        ("", &html, vec![], &[rich]),
        (&text, &html, vec![], &[alternative, plain, rich]),
        ("", &html, vec![inline.clone()], &[related, rich, png]),
        (
            &text,
            &html,
            vec![inline.clone()],
            &[alternative, plain, related, rich, png],
        ),
        ("", "", vec![attached.clone()], &[mixed, plain, pdf]),
        (
            &text,
            "",
            vec![inline.clone(), attached.clone()],
            &[mixed, plain, png, pdf],
        ),
        (
            &text,
            &html,
            vec![attached, inline],
            &[mixed, alternative, plain, related, rich, png, pdf],
        ),
    ];
    for (text, html, attachments, expected) in table {
        let email = Email {
            text_body: text.into(),
            html_body: html.into(),
            attachments,
            ..email()
        };
        assert_eq!(types(&parse(&rendered(&email))), expected);
    }
}

#[test]
fn the_same_input_and_stamp_give_the_same_bytes() {
    let mut email = email();
    email.text_body = "a".into();
    email.html_body = "<img src=cid:a>".into();
    email.attachments = vec![
        file("a", "image/png", vec![1], "a"),
        file("b", "image/png", vec![2], ""),
    ];
    assert_eq!(rendered(&email), rendered(&email));

    let text = String::from_utf8(rendered(&email)).unwrap();
    let boundaries: std::collections::BTreeSet<_> = text
        .match_indices("boundary=\"")
        .map(|(at, found)| text[at + found.len()..].split('"').next())
        .collect();
    assert_eq!(boundaries.len(), 3, "{boundaries:?}");
    let other = Stamp {
        boundary: "other".into(),
        ..stamp()
    };
    assert_ne!(
        render(&email, &sender(), None, &other).unwrap(),
        text.into_bytes()
    );
}

#[test]
fn reply_to_is_the_emails_or_else_the_default() {
    let default = address("desk@example.com");
    let reply_to = |email: &Email, default: Option<&EmailAddress>| {
        let bytes = render(email, &sender(), default, &stamp()).unwrap();
        parse(&bytes)
            .reply_to()
            .map(|list| list.first().unwrap().address().unwrap().to_owned())
    };
    assert_eq!(reply_to(&email(), None), None);
    assert_eq!(
        reply_to(&email(), Some(&default)).as_deref(),
        Some("desk@example.com")
    );
    let own = Email {
        reply_to: Some(mailbox("", "me@example.com")),
        ..email()
    };
    assert_eq!(
        reply_to(&own, Some(&default)).as_deref(),
        Some("me@example.com")
    );
}

#[test]
fn long_lines_and_long_lists_are_broken() {
    let mut email = email();
    email.to = (0..1_000)
        .map(|n| mailbox("", &format!("recipient-number-{n}@example.org")))
        .collect();
    email.cc = vec![
        mailbox(&"x".repeat(3_000), "x@example.org"),
        mailbox(&"a b  ".repeat(500), "y@example.org"),
    ];
    email.subject = "s".repeat(2_500);
    email.text_body = format!(
        "{}\n{}\r{}\r\n",
        "x".repeat(5_000),
        "ä".repeat(5_000),
        " ".repeat(2_000)
    );
    email.html_body = format!("<p>{}</p>\0\u{b}\u{7f}", "y ".repeat(50_000));
    email.attachments = vec![file(
        &"n".repeat(2_500),
        "text/plain; name=\"a b c\"",
        b"a\nb\rc".to_vec(),
        "",
    )];
    email.headers = vec![
        (
            "References".into(),
            "<1234567890@mail.example.com> ".repeat(60),
        ),
        ("X-Wide".into(), "w".repeat(900)),
        ("X-Spaces".into(), format!("a{}b", " ".repeat(1_900))),
        ("X-Unicode".into(), "ö".repeat(1_000)),
    ];
    let bytes = rendered(&email);
    let message = parse(&bytes);
    assert_eq!(message.to().unwrap().iter().count(), 1_000);
    assert_eq!(
        message.cc().unwrap().iter().next().unwrap().name(),
        Some(email.cc[0].name.as_str())
    );
    assert_eq!(message.subject(), Some(email.subject.as_str()));
    assert_eq!(
        message.attachments().next().unwrap().attachment_name(),
        Some(email.attachments[0].filename.as_str())
    );
    assert_eq!(message.attachments().next().unwrap().contents(), b"a\nb\rc");
    let text = format!(
        "{}\r\n{}\r\n{}\r\n",
        "x".repeat(5_000),
        "ä".repeat(5_000),
        " ".repeat(2_000)
    );
    assert_eq!(message.body_text(0).unwrap(), text);
    assert_eq!(message.body_html(0).unwrap(), email.html_body);
    let unicode = message.header_as("X-Unicode", HeaderForm::Text);
    assert_eq!(unicode[0].as_text(), Some("ö".repeat(1_000).as_str()));
    assert_eq!(message.references().as_text_list().unwrap().len(), 60);
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let mut email = email();
    email.subject = "a\r\nBcc: x@y.z".into();
    email.to = vec![
        mailbox("", "ann@example.org"),
        mailbox("a\nb", "ben@example.org"),
    ];
    email.reply_to = Some(mailbox("\0", "r@example.org"));
    email.headers = vec![
        ("X-Ok".into(), "fine".into()),
        ("Bcc".into(), "x@y.z".into()),
    ];
    email.attachments = vec![
        file("ok.png", "image/png", vec![], "ok"),
        file("a\rb", "png", vec![], "a b"),
        file("=?c", "multipart/mixed; boundary=x", vec![], "<c>"),
    ];
    assert_eq!(
        violated(&email),
        [
            "email.subject",
            "email.reply_to.name",
            "email.to[1].name",
            "email.attachments[1].filename",
            "email.attachments[1].content_type",
            "email.attachments[1].content_id",
            "email.attachments[2].filename",
            "email.attachments[2].content_type",
            "email.attachments[2].content_id",
            "email.headers[1]",
        ]
    );
}

#[test]
fn a_content_type_is_a_media_type_and_nothing_more() {
    for bad in [
        "",
        "png",
        "image/",
        "/png",
        "image/png\r\nBcc: a@b.c",
        "image/*",
        "*/*",
        "image/pn g",
        "image/png; x",
        "ïmage/png",
        "message/rfc822",
        "MULTIPART/mixed",
    ] {
        let email = Email {
            attachments: vec![file("a", bad, vec![], "")],
            ..email()
        };
        assert_eq!(
            violated(&email),
            ["email.attachments[0].content_type"],
            "{bad:?}"
        );
    }
    for good in [
        "image/png",
        "IMAGE/PNG",
        "text/plain; charset=utf-8",
        "application/vnd.a+json",
        "text/calendar; method=\"REQUEST\"",
    ] {
        rendered(&Email {
            attachments: vec![file("a", good, vec![], "")],
            ..email()
        });
    }
}

#[test]
fn a_date_before_1970_is_1970() {
    let stamp = Stamp {
        date: Timestamp::MIN,
        ..stamp()
    };
    let bytes = render(&email(), &sender(), None, &stamp).unwrap();
    assert_eq!(parse(&bytes).date().unwrap().to_timestamp(), 0);
}

fn printable() -> impl Strategy<Value = String> {
    let any = proptest::collection::vec(any::<char>(), 0..120).prop_map(String::from_iter);
    let ascii = "[ -~]{0,200}";
    let syntax = "(=\\?utf-8\\?q\\?a=0D=0A\\?=|[ <>@\",;:()\\\\ä]){0,40}";
    prop_oneof![any, ascii, syntax]
        .prop_map(|text: String| text.chars().filter(|c| !c.is_control()).collect())
}

fn filename() -> impl Strategy<Value = String> {
    printable().prop_map(|text| text.replace("=?", ""))
}

fn body() -> impl Strategy<Value = String> {
    let any = proptest::collection::vec(any::<char>(), 0..2_000).prop_map(String::from_iter);
    prop_oneof![
        any,
        "[ -~\r\n\t]{0,3000}",
        "[a ]{0,3000}",
        "(\\.\r\n|\n\\.\n|From |\r|\n|=|ä){0,200}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_out_of_its_place(
        subject in printable(), name in printable(), filename in filename(), header in printable(),
        text_body in body(), html_body in body(), inline in any::<bool>(),
    ) {
        let content_id = if inline { "cid" } else { "" };
        let attachments = vec![file(&filename, "application/pdf", text_body.clone().into_bytes(), content_id)];
        let mut email = Email { subject: subject.clone(), text_body, html_body, attachments, ..email() };
        email.to.push(mailbox(&name, "ben@example.org"));
        email.cc.push(mailbox(&name, "cid@example.org"));
        email.headers.push(("X-Any".into(), header));
        let bytes = render(&email, &mailbox(&name, "sales@example.com"), None, &stamp()).unwrap();
        assert_sendable(&bytes);

        let message = parse(&bytes);
        let headers = message.headers_raw().count();
        // Date, From, To, Cc, Message-ID, X-Any, MIME-Version, Content-Type of the outermost part
        prop_assert_eq!(headers, 8 + usize::from(!subject.is_empty()));
        prop_assert_eq!(message.subject().unwrap_or_default(), subject);
        prop_assert_eq!(message.to().unwrap().iter().count(), 2);
        prop_assert_eq!(message.from().unwrap().iter().count(), 1);
        prop_assert_eq!(message.from().unwrap().first().unwrap().name().unwrap_or_default(), name);
        let file = message.attachments().next().unwrap();
        prop_assert_eq!(file.attachment_name().unwrap_or_default(), filename);
        prop_assert_eq!(file.contents(), &email.attachments[0].content[..]);
    }
}
