//! Peers that are no SMTP servers, or bad ones.

use mailwright::model::Phase;
use mailwright::model::service::TlsMode;
use mailwright::smtp::{Credential, Failure, FailureKind};

use crate::world::{GREETING, World, begin, body, settle};

async fn refusal(script: &str, tls: TlsMode) -> Failure {
    let world = World::new();
    let peer = world.peer(script).await;
    let session = world.connect(&peer, tls, &Credential::None).await;
    session.expect_err("the peer breaks the rules")
}

fn protocol_text(failure: &Failure) -> &str {
    match &failure.kind {
        FailureKind::Protocol(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_web_server_says_is_not_echoed() {
    let failure = refusal("S: HTTP/1.1 400 secret-of-the-inside", TlsMode::Starttls).await;
    assert_eq!(failure.phase, Phase::Connect);
    assert!(!format!("{failure} {failure:?}").contains("secret-of-the-inside"));
    assert_eq!(protocol_text(&failure), "what the server sent is not SMTP");
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    let endless = format!("S> 220 {}", "x".repeat(40_000));
    let failure = refusal(&endless, TlsMode::Starttls).await;
    assert!(protocol_text(&failure).contains("16 KiB"));
}

#[tokio::test]
async fn a_reply_without_end_is_cut_off() {
    let endless = format!("{GREETING}{}", "S: 250-more\n".repeat(1_000));
    let failure = refusal(&endless, TlsMode::Starttls).await;
    assert_eq!(failure.phase, Phase::Ehlo);
    assert!(protocol_text(&failure).contains("500 lines"));
}

#[tokio::test]
async fn who_speaks_before_being_asked_is_not_trusted() {
    let early = "S> 220 mx\\r\\n250 mx\\r\\n";
    let failure = refusal(early, TlsMode::Plaintext).await;
    assert_eq!(protocol_text(&failure), "the server spoke out of turn");
}

#[tokio::test]
async fn a_refusing_greeting_is_reported() {
    let failure = refusal("S: 554 5.7.1 go away", TlsMode::Plaintext).await;
    assert_eq!(failure.phase, Phase::Connect);
    assert_eq!(failure.reply().unwrap().provider_code(), "554 5.7.1");
}

#[tokio::test]
async fn a_refusal_of_four_kibibytes_is_read_whole() {
    let world = World::new();
    let long = "0.35250:0A00".repeat(400);
    let script = format!(
        "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nBODY\n\
         S: 554-5.2.0 STOREDRV {long}\nS: 554 5.2.0 [Hostname=mx]"
    );
    let (mut session, _peer) = world.session(&script).await;
    begin(&mut session, 1).await.unwrap();
    body(&mut session, b"hello\r\n").await.unwrap();
    let reply = session.finish(&mut Default::default()).await.unwrap();
    assert_eq!(reply.provider_code(), "554 5.2.0");
    assert_eq!(reply.text, format!("STOREDRV {long}\n[Hostname=mx]"));
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_the_body_is_heard() {
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: line\nS: 552 5.3.4 too large";
    let (mut session, _peer) = world.session(script).await;
    begin(&mut session, 1).await.unwrap();
    let failure = loop {
        if let Err(failure) = body(&mut session, b"line of the body\r\n").await {
            break failure;
        }
        settle().await;
    };
    assert_eq!(failure.phase, Phase::Data);
    assert_eq!(failure.reply().unwrap().provider_code(), "552 5.3.4");
    assert!(!failure.may_have_been_taken());
    assert!(!session.is_reusable());
}

#[tokio::test]
async fn a_connection_that_drops_before_the_dot_took_nothing() {
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: hello\nCLOSE";
    let (mut session, peer) = world.session(script).await;
    begin(&mut session, 1).await.unwrap();
    body(&mut session, b"hello\r\n").await.unwrap();
    peer.heard().await;
    settle().await;
    let failure = session.finish(&mut Default::default()).await.unwrap_err();
    assert!(matches!(failure.kind, FailureKind::Lost(_)), "{failure:?}");
    assert!(!failure.may_have_been_taken());
}

#[tokio::test]
async fn a_connection_that_drops_after_the_dot_leaves_it_uncertain() {
    let world = World::new();
    for answer in ["CLOSE", "S: nonsense", "S: 354 what"] {
        let script =
            format!("C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nBODY\n{answer}");
        let (mut session, _peer) = world.session(&script).await;
        begin(&mut session, 1).await.unwrap();
        body(&mut session, b"hello\r\n").await.unwrap();
        let failure = session.finish(&mut Default::default()).await.unwrap_err();
        assert_eq!(failure.phase, Phase::DotSent);
        assert!(failure.may_have_been_taken(), "{answer}");
        assert!(!session.is_reusable());
    }
}

#[tokio::test]
async fn a_reply_that_comes_before_the_dot_is_not_taken_for_the_dots() {
    let world = World::new();
    let script =
        "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: hello\nS: 250 queued";
    let (mut session, peer) = world.session(script).await;
    begin(&mut session, 1).await.unwrap();
    body(&mut session, b"hello\r\n").await.unwrap();
    settle().await;
    let failure = session.finish(&mut Default::default()).await.unwrap_err();
    assert_eq!(protocol_text(&failure), "the server spoke out of turn");
    assert!(!failure.may_have_been_taken());
    drop(session);
    assert_eq!(peer.heard().await.last().unwrap(), "");
}
