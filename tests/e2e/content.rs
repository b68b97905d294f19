//! What is sent arrives as it was given.

use mail_parser::{MessageParser, MimeHeaders};
use mailwright::rpc::proto::v1::{self, MessageState, RecipientOutcome};
use mailwright::sandbox::Delivered;

use super::harness::{House, run};
use super::requests::{ADELE, ALEX, NOREPLY, addresses, request};

/// Sends by "adele" and gives the message and the mail that came.
async fn delivered(house: &House, request: v1::SendRequest) -> (v1::Message, Delivered) {
    let sent = house.send(request).await;
    let message = house.message_in(&sent.message_id, MessageState::Sent).await;
    (message, house.sandbox.mail().pop().unwrap())
}

#[test]
fn html_inline_image_and_attachments_arrive_byte_for_byte() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let image: Vec<u8> = (0..=255).cycle().take(40_000).collect();
        let report: Vec<u8> = (0..=255).rev().cycle().take(5_000_000).collect();
        let attachment = |filename: &str, content: &[u8], id: &str| v1::Attachment {
            filename: filename.into(),
            content_type: if id.is_empty() { "" } else { "image/png" }.into(),
            content: content.to_vec().into(),
            content_id: id.into(),
        };
        let email = v1::Email {
            to: addresses(&[ALEX]),
            subject: "Prüfung ✓ of a long subject, long enough to be folded into two lines".into(),
            text_body: "Grüße\r\n.\r\n..dots\r\n".into(),
            html_body: "<p>Grüße <img src=\"cid:logo@1\"></p>".into(),
            attachments: vec![
                attachment("logo.png", &image, "logo@1"),
                attachment("Übersicht 2025.bin", &report, ""),
                attachment("empty.txt", b"", ""),
            ],
            headers: vec![v1::Header {
                name: "X-Campaign".into(),
                value: "Sömmer".into(),
            }],
            ..v1::Email::default()
        };
        let (message, mail) = delivered(&house, request(email)).await;
        assert_eq!(
            mail.content.len(),
            usize::try_from(message.size_bytes).unwrap()
        );
        let parsed = MessageParser::default().parse(&mail.content).unwrap();
        assert_eq!(
            parsed.subject().unwrap(),
            "Prüfung ✓ of a long subject, long enough to be folded into two lines"
        );
        assert_eq!(parsed.body_text(0).unwrap(), "Grüße\r\n.\r\n..dots\r\n");
        assert_eq!(
            parsed.body_html(0).unwrap().trim_end(),
            "<p>Grüße <img src=\"cid:logo@1\"></p>"
        );
        let text = String::from_utf8_lossy(&mail.content).into_owned();
        assert!(text.contains("\r\nX-Campaign: =?utf-8?b?U8O2bW1lcg==?=\r\n"));
        let named = |name: &str| {
            let mut parts = parsed.attachments();
            parts
                .find(|part| part.attachment_name() == Some(name))
                .unwrap()
        };
        assert!(
            named("logo.png").contents() == image,
            "the image is as it was"
        );
        assert_eq!(named("logo.png").content_id().unwrap(), "logo@1");
        assert!(named("Übersicht 2025.bin").contents() == report);
        assert!(named("empty.txt").contents().is_empty());
        let id = message.message_id_header.trim_matches(['<', '>']);
        assert_eq!(parsed.message_id().unwrap(), id);
    });
}

#[test]
fn bcc_recipients_get_the_mail_and_are_in_no_header() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let email = v1::Email {
            to: vec![v1::Address {
                address: ALEX.into(),
                name: "Älex Müller".into(),
            }],
            cc: addresses(&[NOREPLY]),
            bcc: addresses(&["secret@contoso.com", ALEX]),
            text_body: "Text".into(),
            ..v1::Email::default()
        };
        let (message, mail) = delivered(&house, request(email)).await;
        assert_eq!(mail.rcpt_to, [ALEX, NOREPLY, "secret@contoso.com"]);
        let text = String::from_utf8(mail.content.clone()).unwrap();
        assert!(!text.contains("secret@"), "{text}");
        assert!(!text.to_lowercase().contains("bcc"), "{text}");
        let parsed = MessageParser::default().parse(&mail.content).unwrap();
        let to = parsed.to().unwrap().first().unwrap();
        assert_eq!((to.name(), to.address()), (Some("Älex Müller"), Some(ALEX)));
        let outcomes: Vec<_> = message.recipients.iter().map(|r| r.outcome()).collect();
        assert_eq!(outcomes, [RecipientOutcome::Accepted; 3]);
        assert_eq!(message.recipients[2].reply.as_ref().unwrap().code, 250);
    });
}

#[test]
fn a_finished_message_goes_out_as_it_is() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let content = "From: Adele <adele@contoso.com>\r\nTo: list:;\r\nDate: Mon, 4 Aug 2025 11:15:30 +0000\r\n\
                       Message-ID: <mine@contoso.com>\r\nSubject: x\r\n\r\n.\r\n..\r\n...three\r\nend";
        let (message, mail) = delivered(&house, finished(content)).await;
        assert_eq!(message.message_id_header, "<mine@contoso.com>");
        let text = String::from_utf8(mail.content).unwrap();
        assert_eq!(text.trim_end(), content);

        let bare = "From: adele@contoso.com\r\nSubject: x\r\n\r\nText\r\n";
        let (message, mail) = delivered(&house, finished(bare)).await;
        let text = String::from_utf8(mail.content).unwrap();
        assert!(text.ends_with(bare), "{text}");
        assert!(
            text.contains(&message.message_id_header) && text.contains("Date: "),
            "{text}"
        );
    });
}

#[test]
fn an_allowed_address_may_be_the_sender_and_no_other() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        service.sender.as_mut().unwrap().allowed_addresses = vec!["Noreply@Contoso.com".into()];
        house.ready("adele", service).await;
        let mut email = super::requests::text_email(&[ALEX]);
        email.from = Some(v1::Address {
            address: NOREPLY.into(),
            name: "No Reply".into(),
        });
        let (_, mail) = delivered(&house, request(email.clone())).await;
        assert_eq!(mail.mail_from, NOREPLY);
        email.from = addresses(&[ALEX]).pop();
        let foreign = house.try_send(request(email)).await;
        super::fault::invalid(foreign, &["email.from.address"]);
    });
}

/// This message by "adele".
fn finished(content: &str) -> v1::SendRequest {
    v1::SendRequest {
        content: Some(v1::send_request::Content::Mime(v1::Mime {
            content: content.as_bytes().to_vec().into(),
            envelope: Some(v1::Envelope {
                from: String::new(),
                to: vec![ALEX.into()],
            }),
        })),
        ..request(v1::Email::default())
    }
}
