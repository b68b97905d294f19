//! The dialogue with Exchange Online: capabilities, STARTTLS, AUTH, a message, and bad input.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mailwright::sandbox::{CLIENT_ID, TENANT_ID};

use crate::support::{Smtp, World, bearer, message, text, xoauth2};

const ADELE: &str = "adele@contoso.com";
const NOREPLY: &str = "noreply@contoso.com";

#[tokio::test]
async fn a_message_goes_the_whole_way() {
    let world = World::start().await;
    let mut smtp = Smtp::connect(world.sandbox.smtp_addr()).await;
    let greeting = smtp.read().await;
    assert!(
        greeting.contains("Microsoft ESMTP MAIL Service ready at Mon, 4 Aug 2025 11:15:30 +0000 [")
    );
    let hello = smtp.ask("EHLO client.example").await;
    assert!(hello.contains("Hello [127.0.0.1]\n250-SIZE 157286400\n250-PIPELINING\n250-DSN\n250-ENHANCEDSTATUSCODES\n250-STARTTLS\n250-8BITMIME\n250-BINARYMIME\n250-CHUNKING\n250 SMTPUTF8"));
    assert_eq!(smtp.ask("STARTTLS").await, "220 2.0.0 SMTP server ready");
    let mut smtp = smtp.tls(world.sandbox.ca_pem()).await;
    let hello = smtp.ask("EHLO client.example").await;
    assert!(hello.contains("\n250-AUTH LOGIN XOAUTH2\n") && !hello.contains("STARTTLS"));
    let token = world.access_token(ADELE).await;
    let reply = smtp.ask(&xoauth2(ADELE, &token)).await;
    assert_eq!(reply, "235 2.7.0 Authentication successful");
    let reply = smtp.ask("MAIL FROM:<adele@contoso.com> SIZE=100").await;
    assert_eq!(reply, "250 2.1.0 Sender OK");
    let reply = smtp.ask("RCPT TO:<b@example.com>").await;
    assert_eq!(reply, "250 2.1.5 Recipient OK");
    let reply = smtp.ask("DATA").await;
    assert_eq!(reply, "354 Start mail input; end with <CRLF>.<CRLF>");
    smtp.send(b"From: adele@contoso.com\r\n\r\n..dot\r\n...\r\n.\r\n")
        .await;
    let reply = smtp.read().await;
    assert!(reply.starts_with("250 2.0.0 OK <") && reply.ends_with(".prod.outlook.com]"));
    assert_eq!(
        smtp.ask("QUIT").await,
        "221 2.0.0 Service closing transmission channel"
    );
    assert_eq!(smtp.read().await, "");

    let mail = world.sandbox.wait_for_mail(|mail| mail.len() == 1).await;
    assert_eq!(mail[0].mailbox, ADELE);
    assert_eq!(mail[0].rcpt_to, ["b@example.com"]);
    assert_eq!(
        mail[0].content,
        b"From: adele@contoso.com\r\n\r\n.dot\r\n..\r\n"
    );
    assert!(mail[0].tls);
}

#[tokio::test]
async fn a_pipelined_envelope_and_message_are_answered_in_order() {
    let world = World::start().await;
    let mut smtp = world.login(ADELE).await;
    smtp.send(b"MAIL FROM:<adele@contoso.com>\r\nRCPT TO:<refused@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n").await;
    for start in ["250 2.1.0", "550 5.4.1", "250 2.1.5", "354"] {
        assert!(smtp.read().await.starts_with(start));
    }
    let both = message(ADELE) + "RSET\r\n";
    smtp.send(both.as_bytes()).await;
    assert!(smtp.read().await.starts_with("250 2.0.0 OK"));
    assert_eq!(smtp.read().await, "250 2.0.0 Resetting");
    assert_eq!(world.sandbox.mail()[0].rcpt_to, ["b@x.example"]);
}

#[tokio::test]
async fn xoauth2_works_in_two_steps_and_over_implicit_tls() {
    let world = World::start().await;
    let token = world.access_token(ADELE).await;
    let smtp = Smtp::connect(world.sandbox.smtps_addr()).await;
    let mut smtp = smtp.tls(world.sandbox.ca_pem()).await;
    smtp.read().await;
    smtp.ask("EHLO c").await;
    assert_eq!(smtp.ask("AUTH XOAUTH2").await, "334 ");
    assert!(smtp.ask(&bearer(ADELE, &token)).await.starts_with("235 "));
    assert!(smtp.ask(&xoauth2(ADELE, &token)).await.starts_with("503 "));
}

#[tokio::test]
async fn tokens_that_are_not_for_this_are_refused_directly() {
    let world = World::start().await;
    let graph = world.code(ADELE, "SMTP.Send offline_access").await;
    let graph = text(&world.redeem(&graph).await.json(), "access_token");
    let alex = world.access_token("alex@contoso.com").await;
    let old = world.access_token(ADELE).await;
    let mut smtp = world.secure().await;
    for (user, token) in [
        (ADELE, graph.as_str()),
        (ADELE, &alex),
        (NOREPLY, &alex),
        (ADELE, "x"),
    ] {
        let reply = smtp.ask(&xoauth2(user, token)).await;
        assert!(
            reply.starts_with("535 5.7.3 Authentication unsuccessful ["),
            "{reply}"
        );
    }
    world.pass(3599);
    let reply = smtp.ask(&xoauth2(ADELE, &old)).await;
    assert!(reply.starts_with("535 5.7.3 "), "{reply}");
    assert_eq!(world.sandbox.control().stats().auths, 5);
}

#[tokio::test]
async fn a_shared_mailbox_is_used_and_sent_as_by_who_may() {
    let world = World::start().await;
    let token = world.access_token(ADELE).await;
    let mut smtp = world.secure().await;
    assert!(smtp.ask(&xoauth2(NOREPLY, &token)).await.starts_with("235"));
    assert!(smtp.mail(NOREPLY, "b@x.example").await.starts_with("250"));
    let mut smtp = world.login(ADELE).await;
    assert!(smtp.mail(NOREPLY, "b@x.example").await.starts_with("250"));
    let reply = smtp.mail("alex@contoso.com", "b@x.example").await;
    assert!(reply.starts_with(
        "554 5.2.252 SendAsDenied; adele@contoso.com not allowed to send as alex@contoso.com;"
    ));
    assert_eq!(world.sandbox.mail().len(), 2);
}

#[tokio::test]
async fn app_only_submission_needs_roles_and_mailbox_access() {
    let world = World::start().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "https://outlook.office365.com/.default"),
    ];
    let bare = text(&world.token(TENANT_ID, &form).await.json(), "access_token");
    let mut smtp = world.secure().await;
    assert!(
        smtp.ask(&xoauth2(NOREPLY, &bare))
            .await
            .starts_with("535 5.7.3")
    );
    world.sandbox.control().admin_consent(CLIENT_ID, TENANT_ID);
    let token = text(&world.token(TENANT_ID, &form).await.json(), "access_token");
    assert!(smtp.ask(&xoauth2(NOREPLY, &token)).await.starts_with("235"));
    assert!(smtp.mail(NOREPLY, "b@x.example").await.starts_with("250"));
    let mut smtp = world.secure().await;
    assert!(smtp.ask(&xoauth2(ADELE, &token)).await.starts_with("235"));
    let reply = smtp.mail(ADELE, "b@x.example").await;
    assert!(reply.starts_with("430 4.2.0 STOREDRV; mailbox logon failure;"));
}

#[tokio::test]
async fn passwords_are_off_until_an_account_has_one() {
    let world = World::start().await;
    let mut smtp = world.secure().await;
    let plain = |user: &str| STANDARD.encode(format!("\0{user}\0secret"));
    let reply = smtp.ask(&format!("AUTH PLAIN {}", plain(ADELE))).await;
    assert_eq!(reply, "504 5.7.4 Unrecognized authentication type");
    assert_eq!(smtp.ask("AUTH LOGIN").await, "334 VXNlcm5hbWU6");
    assert_eq!(smtp.ask(&STANDARD.encode(ADELE)).await, "334 UGFzc3dvcmQ6");
    let reply = smtp.ask(&STANDARD.encode("secret")).await;
    assert!(reply.starts_with(
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. ["
    ));
    let control = world.sandbox.control();
    control.alter_account(ADELE, |account| {
        account.password = Some("secret".to_owned())
    });
    assert!(
        smtp.ask("EHLO c")
            .await
            .contains("AUTH LOGIN PLAIN XOAUTH2")
    );
    let wrong = format!("AUTH PLAIN {}", STANDARD.encode("\0adele@contoso.com\0x"));
    assert!(
        smtp.ask(&wrong)
            .await
            .contains("the user credentials were incorrect")
    );
    assert!(
        smtp.ask(&format!("AUTH PLAIN {}", plain(ADELE)))
            .await
            .starts_with("235")
    );
}

#[tokio::test]
async fn googles_server_speaks_its_own_words_and_challenges_before_it_refuses() {
    let world = World::start().await;
    let grace = "grace@cymbal.example";
    let mut smtp = Smtp::connect(world.sandbox.google_smtp_addr()).await;
    let greeting = smtp.read().await;
    assert!(greeting.starts_with("220 smtp.gmail.com ESMTP ") && greeting.ends_with(" - gsmtp"));
    assert!(smtp.ask("EHLO c").await.contains("250-STARTTLS"));
    assert_eq!(smtp.ask("STARTTLS").await, "220 2.0.0 Ready to start TLS");
    let mut smtp = smtp.tls(world.sandbox.ca_pem()).await;
    assert!(
        smtp.ask("EHLO c")
            .await
            .contains("250-AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH")
    );
    let challenge = smtp.ask(&xoauth2(grace, "bad")).await;
    assert_eq!(
        challenge,
        "334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K"
    );
    assert!(smtp.ask("").await.starts_with("535-5.7.8 "));
    let oauthbearer = |token: &str| {
        let text = format!("n,a={grace},\x01host=h\x01port=587\x01auth=Bearer {token}\x01\x01");
        format!("AUTH OAUTHBEARER {}", STANDARD.encode(text))
    };
    assert!(smtp.ask(&oauthbearer("bad")).await.starts_with("334 "));
    assert!(smtp.ask("AQ==").await.starts_with("535-5.7.8 "));
    // Microsoft's token is not Google's.
    let token = world.access_token(ADELE).await;
    assert!(smtp.ask(&oauthbearer(&token)).await.starts_with("334 "));
    assert!(smtp.ask("AQ==").await.starts_with("535-5.7.8 "));
    let token = world.google_token(grace).await;
    assert_eq!(smtp.ask(&oauthbearer(&token)).await, "235 2.7.0 Accepted");
    let from = smtp.ask(&format!("MAIL FROM:<{grace}>")).await;
    assert!(from.starts_with("250 2.1.0 OK "), "{from}");
    smtp.ask("RCPT TO:<a@b.example>").await;
    assert!(smtp.ask("DATA").await.starts_with("354  Go ahead "));
}

#[tokio::test]
async fn nothing_is_taken_without_tls_and_authentication() {
    let world = World::start().await;
    let mut smtp = Smtp::connect(world.sandbox.smtp_addr()).await;
    smtp.read().await;
    assert_eq!(
        smtp.ask("MAIL FROM:<a@b.c>").await,
        "503 5.5.2 Send hello first"
    );
    smtp.ask("EHLO c").await;
    assert!(
        smtp.ask("MAIL FROM:<a@b.c>")
            .await
            .starts_with("451 5.7.3 STARTTLS is required to send mail")
    );
    assert!(smtp.ask("AUTH XOAUTH2 eA==").await.starts_with("504 5.7.4"));
    let mut smtp = world.secure().await;
    let reply = smtp.ask("MAIL FROM:<a@b.c>").await;
    assert_eq!(reply, "530 5.7.57 Client not authenticated to send mail.");
    assert_eq!(
        smtp.ask("RCPT TO:<a@b.c>").await,
        "503 5.5.2 Need mail command"
    );
}

#[tokio::test]
async fn plaintext_behind_starttls_is_discarded() {
    let world = World::start().await;
    let mut smtp = Smtp::connect(world.sandbox.smtp_addr()).await;
    smtp.read().await;
    smtp.ask("EHLO c").await;
    smtp.send(b"STARTTLS\r\nNOOP\r\n").await;
    assert!(smtp.read().await.starts_with("220"));
    let mut smtp = smtp.tls(world.sandbox.ca_pem()).await;
    assert!(smtp.ask("EHLO c").await.contains("AUTH"));
}

#[tokio::test]
async fn the_plain_relay_offers_neither_tls_nor_auth() {
    let world = World::start().await;
    let mut smtp = Smtp::connect(world.sandbox.plain_addr()).await;
    smtp.read().await;
    let hello = smtp.ask("EHLO c").await;
    assert!(!hello.contains("STARTTLS") && !hello.contains("AUTH"));
    assert!(
        smtp.mail("anyone@x.example", "b@x.example")
            .await
            .starts_with("250")
    );
    let mail = world.sandbox.mail();
    assert_eq!((mail[0].mailbox.as_str(), mail[0].tls), ("", false));
}

#[tokio::test]
async fn sizes_lines_and_nonsense_are_bounded() {
    let world = World::start().await;
    let mut smtp = world.login(ADELE).await;
    let reply = smtp
        .ask("MAIL FROM:<adele@contoso.com> SIZE=157286401")
        .await;
    assert_eq!(
        reply,
        "552 5.3.4 Message size exceeds fixed maximum message size"
    );
    let reply = smtp.ask(&"x".repeat(100_000)).await;
    assert_eq!(reply, "500 5.5.2 Command too long");
    assert!(
        smtp.ask("FROBNICATE now")
            .await
            .starts_with("500 5.3.3 Unrecognized command 'FROBNICATE' [")
    );
    smtp.send(b"\x00\xff\xfe\r\nMAIL\r\nMAIL FROM:\r\nRCPT TO:<\r\nBDAT x\r\n")
        .await;
    for _ in 0..5 {
        assert!(smtp.read().await.starts_with("50"));
    }
    for _ in 0..3 {
        assert!(smtp.ask("DATA").await.starts_with("503"));
    }
    assert!(smtp.read().await.starts_with("421 4.7.0 Too many errors"));
    assert_eq!(smtp.read().await, "");
}

#[tokio::test]
async fn chunks_are_joined_and_bare_line_feeds_refused() {
    let world = World::start().await;
    let mut smtp = world.login(ADELE).await;
    smtp.ask("MAIL FROM:<adele@contoso.com>").await;
    smtp.ask("RCPT TO:<b@x.example>").await;
    smtp.send(b"BDAT 25\r\nFrom: adele@contoso.com\r\n").await;
    assert!(smtp.read().await.starts_with("250 2.6.0"));
    smtp.send(b"BDAT 5 LAST\r\n\r\n.\r\n").await;
    assert!(smtp.read().await.starts_with("250 2.0.0 OK"));
    assert_eq!(
        world.sandbox.mail()[0].content,
        b"From: adele@contoso.com\r\n\r\n.\r\n"
    );
    smtp.ask("MAIL FROM:<adele@contoso.com>").await;
    smtp.ask("RCPT TO:<b@x.example>").await;
    smtp.ask("DATA").await;
    smtp.send(b"From: adele@contoso.com\r\n\r\na\n.\nMAIL\r\n.\r\n")
        .await;
    assert!(smtp.read().await.starts_with("550 5.6.11"));
}

#[tokio::test]
async fn random_lines_never_break_a_session() {
    let world = World::start().await;
    let words = [
        "MAIL FROM:<",
        "RCPT TO:<",
        ">",
        "EHLO ",
        "AUTH PLAIN ",
        " SIZE=",
        "99999999999999999999",
        " BODY=8BITMIME",
        "\u{0}",
        "é",
        "@",
        "NOTIFY=",
        "VRFY ",
        "RSET",
        "-1",
        " ORCPT=rfc822;",
        "=",
    ];
    let mut seed = 1_u64;
    for _ in 0..200 {
        let mut smtp = Smtp::connect(world.sandbox.plain_addr()).await;
        let mut lines = String::new();
        for _ in 0..12 {
            for _ in 0..6 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let pick = usize::try_from(seed >> 40).expect("fits") % words.len();
                lines.push_str(words[pick]);
            }
            lines.push_str("\r\n");
        }
        smtp.send((lines.clone() + "QUIT\r\n").as_bytes()).await;
        let mut last = String::new();
        loop {
            match smtp.read().await {
                reply if reply.is_empty() => break,
                reply => last = reply,
            }
        }
        let ended = last.starts_with("221") || last.starts_with("421");
        assert!(ended, "{last} after {lines:?}");
    }
}

#[tokio::test]
async fn dropping_the_sandbox_ends_its_sessions() {
    let world = World::start().await;
    let mut smtp = Smtp::connect(world.sandbox.smtp_addr()).await;
    assert!(smtp.read().await.starts_with("220"));
    drop(world);
    assert_eq!(smtp.read().await, "");
}
