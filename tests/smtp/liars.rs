//! Peers that speak SMTP and lie, or send what breaks whoever reads it carelessly.

use mailwright::model::Phase;
use mailwright::model::service::TlsMode;
use mailwright::smtp::{Credential, Failure, FailureKind};

use crate::world::{GREETING, HELLO, World, begin};

async fn refusal(script: &str, tls: TlsMode) -> Failure {
    let world = World::new();
    let peer = world.peer(script).await;
    let session = world.connect(&peer, tls, &Credential::None).await;
    session.expect_err("the peer breaks the rules")
}

#[tokio::test]
async fn codes_out_of_range_are_no_replies() {
    for code in [
        "000", "099", "199", "600", "999", "25", "2500", "2 5", "+25", "-50", "٢٢٠",
    ] {
        let failure = refusal(&format!("S: {code} mx"), TlsMode::Plaintext).await;
        let FailureKind::Protocol(text) = &failure.kind else {
            panic!("{code}: {failure:?}")
        };
        assert_eq!(text, "what the server sent is not SMTP", "{code}");
    }
}

#[tokio::test]
async fn nul_and_other_control_characters_do_not_reach_whoever_reads_the_reply() {
    let failure = refusal(
        "S: 554 5.7.1 go\0 away\u{7}\u{1b}[31m\u{7f}",
        TlsMode::Plaintext,
    )
    .await;
    let reply = failure.reply().unwrap();
    assert!(!reply.text.contains(char::is_control), "{:?}", reply.text);
    let failure = refusal("S: 2\x0020 mx", TlsMode::Plaintext).await;
    assert!(matches!(failure.kind, FailureKind::Protocol(_)));
}

#[tokio::test]
async fn a_line_just_within_sixteen_kibibytes_is_read_whole() {
    // With code, blank and CRLF.
    let text = "x".repeat(16 * 1024 - 6);
    let failure = refusal(&format!("S: 554 {text}"), TlsMode::Plaintext).await;
    assert_eq!(failure.reply().unwrap().text, text);
    let failure = refusal(&format!("S: 554 {text}x"), TlsMode::Plaintext).await;
    assert!(matches!(failure.kind, FailureKind::Protocol(_)));
}

#[tokio::test]
async fn a_server_that_closes_in_the_middle_of_a_reply_has_said_nothing() {
    for begun in ["S> 22", "S> 220 mx", "S: 220-mx", "S> 220-mx\\r\\n220"] {
        let failure = refusal(&format!("{begun}\nCLOSE"), TlsMode::Plaintext).await;
        assert!(
            matches!(failure.kind, FailureKind::Lost(_)),
            "{begun}: {failure:?}"
        );
    }
    // A refusal of the recipient that was cut off is none.
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS> 550-5.1.1 no such\nCLOSE";
    let (mut session, _peer) = world.session(script).await;
    let failure = begin(&mut session, 1).await.unwrap_err();
    assert!(matches!(failure.kind, FailureKind::Lost(_)), "{failure:?}");
    assert!(!failure.may_have_been_taken());
}

#[tokio::test]
async fn a_code_that_changes_within_a_reply_is_no_reply() {
    let failure = refusal("S: 250-mx\nS: 550 mx", TlsMode::Plaintext).await;
    assert!(
        matches!(failure.kind, FailureKind::Protocol(_)),
        "{failure:?}"
    );
}

/// What a server may answer to STARTTLS instead of doing it: nothing goes on in plain text.
#[tokio::test]
async fn whoever_lies_about_starttls_hears_no_more() {
    let offer = format!("{GREETING}S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n");
    for lie in [
        "S: 454 4.7.0 not now",
        "S: 354 go ahead",
        "S: 220-go\nS: 220 go\nS: 250 mx",
        "CLOSE",
    ] {
        let world = World::new();
        let peer = world.peer(&format!("{offer}{lie}")).await;
        let session = world.connect(&peer, TlsMode::Starttls, &Credential::None);
        let failure = session.await.unwrap_err();
        assert_eq!(failure.phase, Phase::Tls, "{lie}: {failure:?}");
        for line in peer.heard().await {
            let is_said = line.starts_with("EHLO") || line.starts_with("STARTTLS");
            assert!(is_said || line.is_empty(), "{lie}: heard {line:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_answers_the_handshake_in_plain_text_is_left() {
    let script = format!(
        "{GREETING}S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nHANG\nS: 250-mx\nS: 250 AUTH PLAIN"
    );
    let world = World::new();
    let peer = world.peer(&script).await;
    let failure = world
        .connect(&peer, TlsMode::Starttls, &Credential::None)
        .await
        .unwrap_err();
    assert_eq!(failure.phase, Phase::Tls, "{failure:?}");
    let heard = peer.heard().await;
    assert!(
        !heard
            .iter()
            .any(|line| line.contains("AUTH") || line.contains("MAIL"))
    );
}

#[tokio::test]
async fn a_second_greeting_is_not_taken_for_the_answer_to_ehlo() {
    let failure = refusal("S: 220 mx\nS: 220 mx", TlsMode::Plaintext).await;
    assert!(matches!(
        failure.kind,
        FailureKind::Protocol(_) | FailureKind::Reply(_)
    ));
}

#[tokio::test]
async fn more_replies_than_recipients_are_not_given_to_the_next_message() {
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nS: 250 taken\nHANG";
    let peer = world.peer(&format!("{HELLO}{script}")).await;
    let mut session = world
        .connect(&peer, TlsMode::Plaintext, &Credential::None)
        .await
        .unwrap();
    // Whether it is seen here or with the body, no message is taken by it.
    let begun = begin(&mut session, 1).await;
    let failure = match begun {
        Err(failure) => failure,
        Ok(_) => loop {
            match crate::world::body(&mut session, b"hello\r\n").await {
                Err(failure) => break failure,
                Ok(()) => crate::world::settle().await,
            }
        },
    };
    assert!(!failure.may_have_been_taken());
    assert!(!session.is_reusable());
}
