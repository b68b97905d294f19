//! A request to send: every bound, and every path of a violation.

use bytes::Bytes;

use super::*;
use crate::model::content::Content;
use crate::model::message::Priority;
use crate::model::service::OnUncertain;
use crate::rpc::convert::send::send;

fn address(text: &str) -> v1::Address {
    v1::Address {
        address: text.into(),
        name: String::new(),
    }
}

fn request() -> v1::SendRequest {
    v1::SendRequest {
        service_id: "crm".into(),
        content: Some(v1::send_request::Content::Email(Box::new(v1::Email {
            to: vec![address("ada@example.com")],
            text_body: "Hello".into(),
            ..v1::Email::default()
        }))),
        ..v1::SendRequest::default()
    }
}

fn mime_request() -> v1::SendRequest {
    v1::SendRequest {
        content: Some(v1::send_request::Content::Mime(v1::Mime {
            content: Bytes::from_static(b"Subject: x\r\n\r\nHello"),
            envelope: Some(v1::Envelope {
                from: String::new(),
                to: vec!["ada@example.com".into()],
            }),
        })),
        ..request()
    }
}

fn email(request: &mut v1::SendRequest) -> &mut v1::Email {
    match &mut request.content {
        Some(v1::send_request::Content::Email(email)) => email,
        _ => panic!("no email"),
    }
}

fn mime(request: &mut v1::SendRequest) -> &mut v1::Mime {
    match &mut request.content {
        Some(v1::send_request::Content::Mime(mime)) => mime,
        _ => panic!("no mime"),
    }
}

fn attachment() -> v1::Attachment {
    v1::Attachment {
        filename: "a.pdf".into(),
        ..v1::Attachment::default()
    }
}

fn header(name: &str, value: &str) -> v1::Header {
    v1::Header {
        name: name.into(),
        value: value.into(),
    }
}

type Case = (&'static str, fn(&mut v1::SendRequest));

fn assert_each_is_refused(base: fn() -> v1::SendRequest, cases: &[Case]) {
    assert_eq!(paths(send(base())), Vec::<String>::new());
    for (i, (path, spoil)) in cases.iter().enumerate() {
        let mut request = base();
        spoil(&mut request);
        assert_eq!(paths(send(request)), [*path], "case {i}");
    }
}

#[test]
fn options_have_bounds() {
    assert_each_is_refused(
        request,
        &[
            ("service_id", |r| r.service_id.clear()),
            ("service_id", |r| r.service_id = "CRM".into()),
            ("request_id", |r| r.request_id = "a b".into()),
            ("request_id", |r| r.request_id = "a".repeat(201)),
            ("content", |r| r.content = None),
            ("priority", |r| r.priority = 4),
            ("on_uncertain", |r| r.on_uncertain = -1),
            ("send_time", |r| {
                r.send_time = Some(prost_types::Timestamp {
                    seconds: 0,
                    nanos: 1_000_000_000,
                });
            }),
            ("expire_time", |r| {
                r.expire_time = Some(prost_types::Timestamp {
                    seconds: i64::MAX,
                    nanos: 0,
                });
            }),
            ("labels", |r| {
                r.labels = [("Ä".into(), String::new())].into()
            }),
            ("labels", |r| {
                r.labels = [("a".into(), "b".repeat(201))].into()
            }),
        ],
    );
}

#[test]
fn emails_have_bounds() {
    assert_each_is_refused(
        request,
        &[
            ("email.to", |r| email(r).to.clear()),
            ("email.to", |r| {
                email(r).to = (0..501).map(|i| address(&format!("a{i}@b.de"))).collect();
                email(r).bcc = (501..1_001)
                    .map(|i| address(&format!("a{i}@b.de")))
                    .collect();
            }),
            ("email.to[1].address", |r| email(r).to.push(address("x"))),
            ("email.to[0].name", |r| email(r).to[0].name = "a\nb".into()),
            ("email.to[0].name", |r| {
                email(r).to[0].name = "a".repeat(201)
            }),
            ("email.cc[0].address", |r| email(r).cc.push(address(""))),
            ("email.bcc[0].address", |r| {
                email(r).bcc.push(address("a@b.de\r\nx"))
            }),
            ("email.from.address", |r| email(r).from = Some(address("x"))),
            ("email.from.name", |r| {
                email(r).from = Some(v1::Address {
                    name: "\r".into(),
                    ..address("")
                });
            }),
            ("email.reply_to.address", |r| {
                email(r).reply_to = Some(address(""))
            }),
            ("email.subject", |r| email(r).subject = "a\nb".into()),
            ("email.subject", |r| email(r).subject = "ä".repeat(999)),
            ("email.text_body", |r| email(r).text_body.clear()),
            ("email.attachments", |r| {
                email(r).attachments = vec![attachment(); 101]
            }),
            ("email.headers", |r| {
                email(r).headers = vec![header("X-A", ""); 51]
            }),
            ("email.headers[0].value", |r| {
                email(r).headers = vec![header("X-A", &"a ".repeat(500))]
            }),
            ("email.headers[0]", |r| {
                email(r).headers = vec![header("X-A", "a\r\nBcc: b@c.de")]
            }),
            ("email.headers[1]", |r| {
                email(r).headers = vec![header("X-A", ""), header("bcc", "")]
            }),
        ],
    );
}

#[test]
fn attachments_have_bounds() {
    fn with(attachment: v1::Attachment) -> v1::SendRequest {
        let mut request = request();
        email(&mut request).attachments = vec![attachment];
        request
    }
    for (path, filename, content_type, content_id) in [
        ("filename", "", "", ""),
        ("filename", "a/b", "", ""),
        ("filename", "a\\b", "", ""),
        ("filename", "a\nb", "", ""),
        ("filename", &"a".repeat(256), "", ""),
        ("content_type", "a", "pdf", ""),
        ("content_type", "a", "text/plain\r\nX: y", ""),
        ("content_type", "a", "multipart/mixed; boundary=x", ""),
        ("content_type", "a", "message/rfc822", ""),
        ("content_type", "a", &format!("a/{}", "b".repeat(199)), ""),
        ("content_id", "a", "", "a b"),
        ("content_id", "a", "", "<a>"),
        ("content_id", "a", "", "ä"),
        ("content_id", "a", "", &"a".repeat(201)),
    ] {
        let request = with(v1::Attachment {
            filename: filename.into(),
            content_type: content_type.into(),
            content: Bytes::new(),
            content_id: content_id.into(),
        });
        let expected = format!("email.attachments[0].{path}");
        assert_eq!(
            paths(send(request)),
            [expected],
            "{filename} {content_type} {content_id}"
        );
    }
    let inline = v1::Attachment {
        content_id: "logo".into(),
        ..attachment()
    };
    let mut request = with(inline.clone());
    assert!(send(request.clone()).is_ok());
    email(&mut request).attachments.push(inline);
    assert_eq!(paths(send(request)), ["email.attachments[1].content_id"]);

    let Content::Email(email) = send(with(attachment())).unwrap().content else {
        panic!("no email");
    };
    assert_eq!(
        email.attachments[0].content_type,
        "application/octet-stream"
    );
}

#[test]
fn finished_messages_have_bounds() {
    assert_each_is_refused(
        mime_request,
        &[
            ("mime.content", |r| mime(r).content = Bytes::new()),
            ("mime.envelope", |r| mime(r).envelope = None),
            ("mime.envelope.from", |r| {
                mime(r).envelope.as_mut().unwrap().from = "x".into()
            }),
            ("mime.envelope.to", |r| {
                mime(r).envelope.as_mut().unwrap().to.clear()
            }),
            ("mime.envelope.to[0]", |r| {
                mime(r).envelope.as_mut().unwrap().to[0] = "x".into()
            }),
            ("mime.envelope.to", |r| {
                mime(r).envelope.as_mut().unwrap().to =
                    (0..1_001).map(|i| format!("a{i}@b.de")).collect();
            }),
        ],
    );
    let Content::Mime(mime) = send(mime_request()).unwrap().content else {
        panic!("no mime");
    };
    assert_eq!(mime.from, None);
}

#[test]
fn a_repeated_recipient_counts_once() {
    let mut many = request();
    email(&mut many).to = (0..1_000).map(|i| address(&format!("a{i}@b.de"))).collect();
    email(&mut many).cc = vec![address("a1@b.de"); 500];
    let input = send(many).unwrap();
    assert_eq!(input.content.recipients().len(), 1_000);
}

#[test]
fn from_is_the_services_unless_the_caller_says_otherwise() {
    for (from, expected) in [
        (None, (None, None)),
        (Some(("", "")), (None, None)),
        (Some(("", "Ada")), (None, Some("Ada"))),
        (
            Some(("ada@example.com", "")),
            (Some("ada@example.com"), Some("")),
        ),
        (
            Some(("ada@example.com", "Ada")),
            (Some("ada@example.com"), Some("Ada")),
        ),
    ] {
        let mut request = request();
        email(&mut request).from = from.map(|(text, name)| v1::Address {
            address: text.into(),
            name: name.into(),
        });
        let Content::Email(email) = send(request).unwrap().content else {
            panic!("no email");
        };
        let parsed = (
            email.from.as_ref().map(|address| address.as_str()),
            email.from_name.as_deref(),
        );
        assert_eq!(parsed, expected);
    }
}

#[test]
fn unset_options_have_their_defaults() {
    let input = send(request()).unwrap();
    assert_eq!(input.priority, Priority::Normal);
    assert_eq!((input.on_uncertain, input.request_id), (None, None));
    assert_eq!((input.send_time, input.expire_time), (None, None));

    let mut given = request();
    given.on_uncertain = v1::OnUncertain::Hold.into();
    given.request_id = "order-1".into();
    let time = prost_types::Timestamp {
        seconds: 5,
        nanos: 7_999,
    };
    given.send_time = Some(time);
    let input = send(given).unwrap();
    assert_eq!(input.on_uncertain, Some(OnUncertain::Hold));
    assert_eq!(input.request_id.unwrap().as_str(), "order-1");
    assert_eq!(input.send_time.unwrap().unix_micros(), 5_000_007);
}

#[test]
fn all_violations_are_told_but_no_more_than_a_hundred() {
    let mut request = request();
    request.service_id.clear();
    email(&mut request).to = vec![address("x"); 99];
    email(&mut request).subject = "a\nb".into();
    request.priority = 9;
    let found = paths(send(request));
    assert_eq!(found.len(), 100);
    assert_eq!(found[0], "service_id");
    assert_eq!(found[99], "email.to[98].address");
}

#[test]
fn a_repeat_has_the_same_digest_and_anything_else_another() {
    let digest = |request| send(request).unwrap().digest();
    let first = digest(request());
    let mut named = request();
    named.request_id = "again".into();
    assert_eq!(digest(named), first);

    let changes: &[fn(&mut v1::SendRequest)] = &[
        |r| email(r).to.push(address("b@example.com")),
        |r| email(r).cc.push(address("b@example.com")),
        |r| email(r).bcc.push(address("b@example.com")),
        |r| email(r).to[0].name = "Ada".into(),
        |r| email(r).from = Some(address("a@example.com")),
        |r| {
            email(r).from = Some(v1::Address {
                name: "Ada".into(),
                ..address("")
            });
        },
        |r| email(r).reply_to = Some(address("a@example.com")),
        |r| email(r).subject = "Hello".into(),
        |r| email(r).text_body = "hello".into(),
        |r| email(r).html_body = "Hello".into(),
        |r| email(r).attachments = vec![attachment()],
        |r| {
            email(r).attachments = vec![v1::Attachment {
                content: Bytes::from_static(b"x"),
                ..attachment()
            }];
        },
        |r| email(r).headers = vec![header("X-A", "b")],
        |r| email(r).headers = vec![header("X-Ab", "")],
        |r| r.priority = 1,
        |r| r.on_uncertain = 1,
        |r| r.on_uncertain = 2,
        |r| {
            r.send_time = Some(prost_types::Timestamp {
                seconds: 1,
                nanos: 0,
            });
        },
        |r| {
            r.expire_time = Some(prost_types::Timestamp {
                seconds: 1,
                nanos: 0,
            });
        },
        |r| r.labels = [("a".into(), "b".into())].into(),
        |r| *r = mime_request(),
    ];
    let mut seen = vec![first];
    for (i, change) in changes.iter().enumerate() {
        let mut changed = request();
        change(&mut changed);
        let digest = digest(changed);
        assert!(!seen.contains(&digest), "change {i}");
        seen.push(digest);
    }
}
