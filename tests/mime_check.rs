//! The promises of `smtp::mime::check`: no finished message passes for somebody else's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use mailwright::model::content::Mime;
use mailwright::model::{EmailAddress, Timestamp};
use mailwright::smtp::mime::{Checked, Stamp, check};

const GOOD: &str = "From: Good <good@example.com>\r\nDate: Tue, 15 Nov 1994 08:12:31 +0000\r\n\
                    Message-ID: <1@example.com>\r\nSubject: x\r\n\r\nHello\r\n";

fn stamp() -> Stamp {
    Stamp {
        message_id: "<new@example.com>".into(),
        date: Timestamp::from_unix_seconds(784_887_151),
        boundary: String::new(),
    }
}

fn is_ours(address: &EmailAddress) -> bool {
    address.same_mailbox("good@example.com") || address.same_mailbox("alias@example.com")
}

fn checked_from(content: &[u8], from: &str) -> Result<Checked, Vec<(String, String)>> {
    let mime = Mime {
        content: Bytes::copy_from_slice(content),
        from: Some(from.parse().unwrap()),
        to: vec!["ann@example.org".parse().unwrap()],
    };
    check(&mime, is_ours, &stamp()).map_err(|all| {
        all.into_iter()
            .map(|violation| (violation.field, violation.description))
            .collect()
    })
}

fn checked(content: &[u8]) -> Result<Checked, Vec<(String, String)>> {
    checked_from(content, "good@example.com")
}

/// A message with these headers before a body.
fn with(headers: &str) -> Vec<u8> {
    format!("{headers}\r\nSubject: x\r\n\r\nHello\r\n").into_bytes()
}

#[test]
fn a_complete_message_passes_unchanged() {
    let passed = checked(GOOD.as_bytes()).unwrap();
    assert_eq!(passed.content, GOOD.as_bytes());
    assert_eq!(passed.message_id_header, "<1@example.com>");
}

#[test]
fn what_is_missing_is_put_before_it() {
    let passed = checked(b"From: good@example.com\r\n\r\nHello").unwrap();
    assert_eq!(passed.message_id_header, "<new@example.com>");
    let expected = "Message-ID: <new@example.com>\r\nDate: Tue, 15 Nov 1994 08:12:31 +0000\r\n\
                    From: good@example.com\r\n\r\nHello\r\n";
    assert_eq!(passed.content, expected.as_bytes());
}

#[test]
fn honest_authors_pass() {
    for from in [
        "From: good@example.com",
        "from: GOOD@EXAMPLE.COM",
        "From: <good@example.com>",
        "From:\r\n Good\r\n\t<good@example.com> ",
        "From: John Q. Public <alias@example.com>",
        "From: \"Public, John (Sales)\" <good@example.com>",
        "From: \"\\\"Q\\\" x\\\\\" <good@example.com>",
        "From: \"good@example.com\" <good@example.com>",
        "From: \"Team @ Acme\" <good@example.com>",
        "From: =?utf-8?q?M=C3=BCller=2C_J=C3=BCrgen?= <good@example.com>",
        "From: good@example.com\r\nSender: Desk <alias@example.com>",
        "From: good@example.com\r\nReceived: from a by b\r\nReceived: from c by d\r\nBcc-Like: fine",
    ] {
        assert!(
            checked(&with(from)).is_ok(),
            "{from}: {:?}",
            checked(&with(from))
        );
    }
}

#[test]
fn no_trick_makes_a_foreign_author_pass() {
    for from in [
        "From: evil@example.net",
        "From: Good <evil@example.net>",
        "From: good@example.com <evil@example.net>",
        "From: evil@example.net <good@example.com>",
        "From: \"good@example.com\" <evil@example.net>",
        "From: \"evil@example.net\" <good@example.com>",
        "From: \"evil@example.net (Evil)\" <good@example.com>",
        "From: =?utf-8?q?evil=40example.net?= <good@example.com>",
        "From: =?utf-8?b?ZXZpbEBleGFtcGxlLm5ldD4=?= <good@example.com>",
        "From: =?utf-8?q?evil=40example.net=0A=00?= <good@example.com>",
        "From: =?unknown?q?evil=40example.net?= <good@example.com>",
        "From: =?utf-8?q?=3Cevil=40example.net=3E?=@example.com",
        "From: <evil@example.net> <good@example.com>",
        "From: <good@example.com> <evil@example.net>",
        "From: <<evil@example.net>good@example.com>",
        "From: <good@example.com>, <evil@example.net>",
        "From: good@example.com, evil@example.net",
        "From: good@example.com, good@example.com",
        "From: good@example.com\r\n ,evil@example.net",
        "From: evil@example.net (<good@example.com>)",
        "From: good@example.com (evil@example.net)",
        "From: (comment) good@example.com",
        "From: go(x)od@example.com",
        "From: Group: good@example.com;",
        "From: Group: evil@example.net;, good@example.com",
        "From: undisclosed:;",
        "From: <@example.net:good@example.com>",
        "From: <@example.net,@example.org:good@example.com>",
        "From: \"evil@example.net\\\" <good@example.com>",
        "From: \"a\\\\\" <evil@example.net> \"<good@example.com>",
        "From: \"good@example.com\"@example.net",
        "From: <\"evil@example.net\"@example.com>",
        "From: good @example.com",
        "From: good@ example.com",
        "From: good.\r\n @example.com",
        "From: good@example.com evil@example.net",
        "From: good@example.com\tevil",
        "From: good@[127.0.0.1]",
        "From: <>",
        "From: ",
        "From: good",
        "From: g\u{f6}od@example.com",
        "From: Gööd <good@example.com>",
        "From: good@example.com\r\nFrom: evil@example.net",
        "From: good@example.com\r\nfrom: good@example.com",
        "From: good@example.com\r\nFrom : evil@example.net",
        "From : good@example.com",
        " From: good@example.com",
        "From\t: good@example.com",
        "X: y\r\n From: good@example.com",
        "Fr om: good@example.com",
        "From good@example.com Tue Nov 15 08:12:31 1994\r\nFrom: good@example.com",
        "From: good@example.com\r\n: evil",
        "From: good@example.com\r\n \t\r\n evil@example.net",
        "From: good@example.com\r\nSender: evil@example.net",
        "From: good@example.com\r\nSender: good@example.com\r\nSENDER: evil@example.net",
        "From: good@example.com\r\nSender: good@example.com, evil@example.net",
        "From: good@example.com\r\nResent-From: evil@example.net",
        "From: good@example.com\r\nResent-Sender: evil@example.net",
        "From: good@example.com\r\nBcc: ann@example.org",
        "From: good@example.com\r\nbCC:",
        "From: good@example.com\r\nResent-Bcc: ann@example.org",
        "From: good@example.com\r\nReturn-Path: <evil@example.net>",
        "From: good@example.com\nFrom: evil@example.net",
        "From: good@example.com\rFrom: evil@example.net",
        "From: good@example.com\0evil",
        "From: good@example.com\u{b}",
        "X: no author",
    ] {
        let refused = checked(&with(from)).expect_err(from);
        assert!(
            refused.iter().all(|(field, _)| field == "mime.content"),
            "{from}: {refused:?}"
        );
    }
}

#[test]
fn line_ends_lengths_and_octets_are_those_of_smtp() {
    let body = |body: &str| format!("From: good@example.com\r\n\r\n{body}").into_bytes();
    assert!(checked(&body(&"x".repeat(998))).is_ok());
    assert!(checked(&body(&format!("{}\r\n", "x".repeat(998)))).is_ok());
    assert!(
        checked(&body("Grüße\r\n")).is_ok(),
        "8-bit bodies are the server's question"
    );
    for bad in [
        "\n", "a\nb", "\r", "a\rb\r\n", "\r\r\n", "\n\r\n", "a\0b", "\r\n.\n",
    ] {
        assert!(checked(&body(bad)).is_err(), "{bad:?}");
    }
    assert!(checked(&body(&"x".repeat(999))).is_err());
    assert!(
        checked(&with(&format!(
            "From: good@example.com\r\nX-A: {}",
            "x".repeat(994)
        )))
        .is_err()
    );
}

#[test]
fn headers_end_with_an_empty_line() {
    for bad in [
        "",
        "\r\n",
        "Hello",
        "From: good@example.com",
        "From: good@example.com\r\n",
        "From: good@example.com\r\n \r\nx",
    ] {
        assert!(checked(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(checked(b"From: good@example.com\r\n\r\n").is_ok());
}

#[test]
fn identifier_and_date_are_real_if_present() {
    for bad in [
        "Message-ID: 1@example.com",
        "Message-ID:",
        "Message-ID: <>",
        "Message-ID: <a@b> <c@d>",
        "Message-ID: <a b@c>",
        "Message-ID: <a@b>\r\nMessage-Id: <c@d>",
        "Date: yesterday",
        "Date:",
    ] {
        assert!(
            checked(&with(&format!("From: good@example.com\r\n{bad}"))).is_err(),
            "{bad}"
        );
    }
    let folded = checked(&with("From: good@example.com\r\nMessage-ID:\r\n <a@b>")).unwrap();
    assert_eq!(folded.message_id_header, "<a@b>");
}

#[test]
fn all_violations_come_at_once() {
    let content =
        b"From: evil@example.net\r\nBcc: a@b.c\r\nno header\r\nSender: x\r\n\r\na\nb\rc\0";
    let all = checked_from(content, "evil@example.net").unwrap_err();
    assert_eq!(all.len(), 8, "{all:#?}");
    assert_eq!(all[7].0, "mime.envelope.from");
    let endless = "no header\r\n".repeat(10_000);
    assert_eq!(checked(endless.as_bytes()).unwrap_err().len(), 20);
}
