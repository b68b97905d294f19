//! MAIL, RCPT and DATA, pipelined and not.

use mailwright::model::Phase;
use mailwright::model::service::TlsMode;
use mailwright::smtp::{Credential, Envelope, FailureKind, Session, Transcript};

use crate::world::{GREETING, World, address, begin, body};

#[tokio::test]
async fn a_pipelined_envelope_goes_out_before_any_reply() {
    let world = World::new();
    let script = "C: MAIL FROM:<a@x.example> SIZE=7\nC: RCPT TO:<b@x.example>\nC: RCPT TO:<c@x.example>\nC: RCPT TO:<d@x.example>\n\
                  C: DATA\nS: 250 ok\nS: 250 2.1.5 ok\nS: 550 5.1.1 unknown\nS: 452 4.5.3 too many\nS: 354 go\n\
                  BODY\nS: 250 2.0.0 OK <id@mx>";
    let (mut session, peer) = world.session(script).await;
    let replies = begin(&mut session, 3).await.unwrap();
    let codes: Vec<_> = replies.iter().map(|reply| reply.reply.code).collect();
    assert_eq!(codes, [250, 550, 452]);
    assert_eq!(replies[1].recipient.as_str(), "c@x.example");
    body(&mut session, b"hello\r\n").await.unwrap();
    let reply = session.finish(&mut Transcript::default()).await.unwrap();
    assert_eq!(reply.text, "OK <id@mx>");
    assert!(session.is_reusable());
    drop(session);
    assert_eq!(peer.heard().await[6], "hello\r\n.");
}

#[tokio::test]
async fn without_pipelining_each_command_waits_for_its_reply() {
    let world = World::new();
    let script = format!(
        "{GREETING}S: 250 mx\nC: MAIL FROM:<a@x.example>\nS: 250 ok\nC: RCPT\nS: 550 no\nC: RCPT\nS: 250 ok\nC: DATA\n\
         S: 354 go\nBODY\nS: 250 ok\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 550 no\nC: RSET\nS: 250 ok\nC: QUIT\nS: 221 bye"
    );
    let peer = world.peer(&script).await;
    let session = world
        .connect(&peer, TlsMode::Plaintext, &Credential::None)
        .await;
    let mut session = session.unwrap();
    let replies = begin(&mut session, 2).await.unwrap();
    assert!(!replies[0].is_accepted() && replies[1].is_accepted());
    body(&mut session, b"hello\r\n").await.unwrap();
    session.finish(&mut Transcript::default()).await.unwrap();
    // All refused: no DATA, and the session can be put right.
    let replies = begin(&mut session, 1).await.unwrap();
    assert!(!replies[0].is_accepted());
    session.reset().await.unwrap();
    session.quit().await;
    assert_eq!(peer.heard().await[1], "MAIL FROM:<a@x.example>");
}

#[tokio::test]
async fn data_that_is_accepted_for_nobody_ends_with_a_lone_dot() {
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 550 no\nS: 550 no\nS: 354 go\nC: .\nS: 250 ok\n\
                  C: RSET\nS: 250 ok\nC: QUIT\nS: 221 bye";
    let (mut session, peer) = world.session(script).await;
    let replies = begin(&mut session, 2).await.unwrap();
    assert!(replies.iter().all(|reply| !reply.is_accepted()));
    assert!(body(&mut session, b"hello\r\n").await.is_err());
    assert!(session.finish(&mut Transcript::default()).await.is_err());
    session.reset().await.unwrap();
    session.quit().await;
    assert!(peer.heard().await.contains(&".".to_owned()));
}

#[tokio::test]
async fn data_refused_for_want_of_recipients_needs_no_dot() {
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 550 5.1.1 no\nS: 503 5.5.1 no\nC: RSET\nS: 250 ok";
    let (mut session, _peer) = world.session(script).await;
    let mut transcript = Transcript::default();
    let (from, to) = (address("a@x.example"), [address("b@x.example")]);
    let envelope = Envelope::of(&from, &to, b"");
    let replies = session.begin(&envelope, &mut transcript).await.unwrap();
    assert_eq!(replies[0].reply.provider_code(), "550 5.1.1");
    let last = transcript.steps().last().unwrap();
    assert_eq!(last.phase, Phase::RcptTo);
    assert!(last.outcome.is_err());
    session.reset().await.unwrap();
}

#[tokio::test]
async fn refused_data_is_the_answer_to_those_alone_who_were_accepted() {
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 450 4.2.1 busy\nS: 250 ok\nS: 550 5.1.1 no\n\
                  S: 554 5.5.1 not now\nC: RSET\nS: 250 ok";
    let (mut session, _peer) = world.session(script).await;
    let replies = begin(&mut session, 3).await.unwrap();
    let words: Vec<_> = replies.iter().map(|r| (r.phase, r.reply.code)).collect();
    let rcpt = Phase::RcptTo;
    assert_eq!(words, [(rcpt, 450), (Phase::Data, 554), (rcpt, 550)]);
    session.reset().await.unwrap();
}

#[tokio::test]
async fn a_refused_sender_is_the_failure_and_the_session_survives_it() {
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: DATA\nS: 550 5.7.60 not yours\nS: 503 no\nS: 503 no\nC: RSET\nS: 250 ok";
    let (mut session, _peer) = world.session(script).await;
    let failure = begin(&mut session, 1).await.unwrap_err();
    assert_eq!(failure.phase, Phase::MailFrom);
    assert_eq!(failure.reply().unwrap().provider_code(), "550 5.7.60");
    session.reset().await.unwrap();
}

#[tokio::test]
async fn a_354_after_a_refused_sender_closes_the_connection_without_a_dot() {
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: DATA\nS: 550 no\nS: 250 ok\nS: 354 go";
    let (mut session, peer) = world.session(script).await;
    begin(&mut session, 1).await.unwrap_err();
    assert!(!session.is_reusable());
    session.quit().await;
    assert_eq!(peer.heard().await.last().unwrap(), "");
}

#[tokio::test]
async fn a_421_at_the_first_command_ends_the_session() {
    let world = World::new();
    let script = "C: MAIL\nC: RCPT\nC: DATA\nS: 421 4.4.1 Connection timed out\nCLOSE";
    let (mut session, _peer) = world.session(script).await;
    let failure = begin(&mut session, 1).await.unwrap_err();
    assert_eq!(
        (failure.phase, failure.reply().unwrap().code),
        (Phase::MailFrom, 421)
    );
    assert!(!session.is_reusable());
}

async fn begin_8bit<S: mailwright::smtp::Transport>(
    session: &mut Session<S>,
) -> Result<(), FailureKind> {
    let (from, to) = (address("a@x.example"), [address("b@x.example")]);
    let envelope = Envelope::of(&from, &to, "ä\r\n".as_bytes());
    let begun = session.begin(&envelope, &mut Transcript::default()).await;
    begun.map(|_| ()).map_err(|failure| failure.kind)
}

#[tokio::test]
async fn eight_bit_content_is_announced_or_not_sent() {
    let world = World::new();
    let script = "C: MAIL FROM:<a@x.example> SIZE=4 BODY=8BITMIME\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go";
    let (mut session, _peer) = world.session(script).await;
    begin_8bit(&mut session).await.unwrap();

    let peer = world.peer(&format!("{GREETING}S: 250 mx")).await;
    let session = world
        .connect(&peer, TlsMode::Plaintext, &Credential::None)
        .await;
    let mut session = session.unwrap();
    let refused = begin_8bit(&mut session).await.unwrap_err();
    assert_eq!(refused, FailureKind::EightBitNotOffered);
    assert!(session.is_reusable());
}
