//! Bad input at MailAPI: no header is injected, no recipient slips in, every violation is named.

use mailwright::rpc::proto::v1;
use prost_types::Timestamp;
use tonic::Code;

use super::fault::{invalid, refused};
use super::harness::{House, run};
use super::requests::{ALEX, addresses, request, text_email, text_to};

#[test]
fn an_empty_request_names_all_that_is_missing() {
    run(async {
        let house = House::start().await;
        let empty = house.try_send(v1::SendRequest::default()).await;
        invalid(empty, &["service_id", "content"]);
        let hollow = request(v1::Email::default());
        invalid(
            house.try_send(hollow).await,
            &["email.to", "email.text_body"],
        );
        let hollow = v1::SendRequest {
            content: Some(v1::send_request::Content::Mime(v1::Mime::default())),
            ..text_to(&[ALEX])
        };
        invalid(
            house.try_send(hollow).await,
            &["mime.content", "mime.envelope"],
        );
        let unknown = house.try_send(text_to(&[ALEX])).await;
        refused(unknown, Code::NotFound, "SERVICE_NOT_FOUND");
    });
}

#[test]
fn each_bad_field_of_an_email_is_named_by_its_path() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        type Change = (&'static str, fn(&mut v1::Email));
        let changes: [Change; 18] = [
            ("email.to[0].address", |e| {
                e.to[0].address = "a@b.de\r\nRCPT TO:<c@d.de>".into()
            }),
            ("email.to[0].address", |e| e.to[0].address = "no at".into()),
            ("email.to[0].address", |e| {
                e.to[0].address = format!("{}@b.de", "x".repeat(250))
            }),
            ("email.to[0].name", |e| {
                e.to[0].name = "A\r\nBcc: c@d.de".into()
            }),
            ("email.to[0].name", |e| e.to[0].name = "x".repeat(201)),
            ("email.bcc[0].address", |e| e.bcc = addresses(&[""])),
            ("email.reply_to.address", |e| {
                e.reply_to = Some(v1::Address::default())
            }),
            ("email.from.name", |e| {
                e.from = Some(v1::Address {
                    address: String::new(),
                    name: "a\nb".into(),
                });
            }),
            ("email.subject", |e| {
                e.subject = "Hello\r\nBcc: c@d.de".into()
            }),
            ("email.subject", |e| e.subject = "x".repeat(999)),
            ("email.attachments[0].filename", |e| {
                e.attachments = vec![v1::Attachment::default()]
            }),
            ("email.attachments[0].filename", |e| {
                e.attachments = vec![v1::Attachment {
                    filename: "../x\r\n".into(),
                    ..v1::Attachment::default()
                }];
            }),
            ("email.attachments[0].content_type", |e| {
                e.attachments = vec![v1::Attachment {
                    filename: "x".into(),
                    content_type: "text/plain\r\nX: y".into(),
                    ..v1::Attachment::default()
                }];
            }),
            ("email.attachments[0].content_id", |e| {
                e.attachments = vec![v1::Attachment {
                    filename: "x".into(),
                    content_id: "a>\r\n".into(),
                    ..v1::Attachment::default()
                }];
            }),
            ("email.headers[0]", |e| {
                e.headers = vec![header("X-Y", "a\r\nBcc: c@d.de")]
            }),
            ("email.headers[0]", |e| e.headers = vec![header("X Y", "a")]),
            ("email.headers[0]", |e| e.headers = vec![header("", "a")]),
            ("email.headers[0].value", |e| {
                e.headers = vec![header("X-Y", &"x".repeat(999))]
            }),
        ];
        for (field, change) in changes {
            let mut email = text_email(&[ALEX]);
            change(&mut email);
            println!("{field}");
            invalid(house.try_send(request(email)).await, &[field]);
        }
        assert_eq!(house.sandbox.mail().len(), 1, "the test alone");
    });
}

fn header(name: &str, value: &str) -> v1::Header {
    v1::Header {
        name: name.into(),
        value: value.into(),
    }
}

#[test]
fn headers_that_are_the_servers_are_refused_all_at_once() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let names = [
            "From",
            "SENDER",
            "to",
            "Cc",
            "bcc",
            "Date",
            "Message-ID",
            "Return-Path",
            "Received",
            "DKIM-Signature",
            "MIME-Version",
            "Content-Type",
            "Subject",
            "Reply-To",
        ];
        let email = v1::Email {
            headers: names.iter().map(|name| header(name, "x")).collect(),
            ..text_email(&[ALEX])
        };
        let fields: Vec<_> = (0..names.len())
            .map(|n| format!("email.headers[{n}]"))
            .collect();
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        invalid(house.try_send(request(email)).await, &fields);
    });
}

#[test]
fn violations_of_all_parts_are_named_together() {
    run(async {
        let house = House::start().await;
        let request = v1::SendRequest {
            service_id: "!".into(),
            request_id: "has space".into(),
            priority: 42,
            on_uncertain: -1,
            send_time: Some(Timestamp {
                seconds: 0,
                nanos: -5,
            }),
            labels: [("Bad Key".to_owned(), String::new())].into(),
            ..request(v1::Email {
                to: addresses(&["a", "b"]),
                ..v1::Email::default()
            })
        };
        let fields = [
            "service_id",
            "request_id",
            "email.to[0].address",
            "email.to[1].address",
            "email.text_body",
            "priority",
            "send_time",
            "on_uncertain",
            "labels",
        ];
        invalid(house.try_send(request).await, &fields);
    });
}

#[test]
fn too_many_of_anything_is_one_violation() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let many: Vec<_> = (0..1_001).map(|n| format!("user{n}@contoso.com")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let answer = house.try_send(text_to(&many)).await;
        invalid(answer, &["email.to"]);
        let email = v1::Email {
            headers: vec![header("X-Y", "z"); 51],
            attachments: vec![
                v1::Attachment {
                    filename: "x".into(),
                    ..v1::Attachment::default()
                };
                101
            ],
            ..text_email(&[ALEX])
        };
        invalid(
            house.try_send(request(email)).await,
            &["email.attachments", "email.headers"],
        );
        let flood = text_email(&vec!["bad"; 1_000]);
        let fault = refused(
            house.try_send(request(flood)).await,
            Code::InvalidArgument,
            "INVALID_FIELD",
        );
        assert!(fault.fields.len() > 20, "{}", fault.fields.len());
    });
}

#[test]
fn a_finished_message_is_checked_for_what_would_smuggle() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        for content in [
            "From: adele@contoso.com\r\nBcc: c@d.de\r\n\r\nText",
            "From: alex@contoso.com\r\n\r\nforeign",
            "Subject: nobody\r\n\r\nText",
            "From: adele@contoso.com\r\n\r\nbare\nline",
            "From: adele@contoso.com\r\n\r\nbare\rreturn",
            "From: adele@contoso.com\r\n\r\n.\nRCPT TO:<c@d.de>\r\n",
        ] {
            let request = v1::SendRequest {
                content: Some(v1::send_request::Content::Mime(v1::Mime {
                    content: content.as_bytes().to_vec().into(),
                    envelope: Some(v1::Envelope {
                        from: String::new(),
                        to: vec![ALEX.into()],
                    }),
                })),
                ..text_to(&[ALEX])
            };
            let fault = refused(
                house.try_send(request).await,
                Code::InvalidArgument,
                "INVALID_FIELD",
            );
            assert!(
                fault
                    .fields
                    .iter()
                    .all(|field| field.starts_with("mime.content")),
                "{fault:?}"
            );
        }
    });
}

#[test]
fn messages_that_are_none_or_unknown_are_told_apart() {
    run(async {
        let house = House::start().await;
        let mut mail = house.mail();
        for (id, code, reason) in [
            ("", Code::InvalidArgument, "INVALID_FIELD"),
            ("x", Code::InvalidArgument, "INVALID_FIELD"),
            (&"0".repeat(10_000), Code::InvalidArgument, "INVALID_FIELD"),
            (
                "01K1TCPC2G77SCGC9KC4KPCMVG\r\n",
                Code::InvalidArgument,
                "INVALID_FIELD",
            ),
            (
                "01k1tcpc2g77scgc9kc4kpcmvg",
                Code::NotFound,
                "MESSAGE_NOT_FOUND",
            ),
        ] {
            let get = v1::GetMessageRequest {
                message_id: id.into(),
            };
            refused(mail.get_message(get).await, code, reason);
            let cancel = v1::CancelMessageRequest {
                message_id: id.into(),
            };
            refused(mail.cancel_message(cancel).await, code, reason);
            let retry = v1::RetryMessageRequest {
                message_id: id.into(),
                ..v1::RetryMessageRequest::default()
            };
            refused(mail.retry_message(retry).await, code, reason);
            let resolve = v1::ResolveMessageRequest {
                message_id: id.into(),
                resolution: v1::Resolution::Sent.into(),
            };
            refused(mail.resolve_message(resolve).await, code, reason);
        }
        let list = v1::ListMessagesRequest {
            service_ids: vec!["!".into()],
            states: vec![0],
            request_id: "two words".into(),
            created_after_time: Some(Timestamp {
                seconds: i64::MIN,
                nanos: 0,
            }),
            page_size: -1,
            page_token: "?".into(),
            ..v1::ListMessagesRequest::default()
        };
        let fields = [
            "service_ids[0]",
            "states[0]",
            "request_id",
            "created_after_time",
            "page_size",
            "page_token",
        ];
        invalid(mail.list_messages(list).await, &fields);
    });
}
