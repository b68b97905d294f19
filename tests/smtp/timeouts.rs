//! Every wait ends, and no earlier than RFC 5321 §4.5.3.2 asks.

use std::time::Duration;

use mailwright::egress::Connection;
use mailwright::model::Phase;
use mailwright::model::service::TlsMode;
use mailwright::smtp::{Credential, Failure, FailureKind, Session, Transcript};
use tokio::task::JoinHandle;

use crate::peer::Peer;
use crate::world::{GREETING, HELLO, World, begin, body, settle};

const ENVELOPE: &str = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n";

/// Moves the clock once the peer hangs: the step must outlast all but the last second.
async fn times_out<T: std::fmt::Debug + Send + 'static>(
    world: &World,
    peer: &Peer,
    step: JoinHandle<Result<T, Failure>>,
    minutes: u64,
) -> Failure {
    peer.hanging.notified().await;
    settle().await;
    world.env.advance(Duration::from_secs(60 * minutes - 1));
    settle().await;
    assert!(!step.is_finished(), "gave up too early");
    world.env.advance(Duration::from_secs(1));
    step.await.unwrap().unwrap_err()
}

/// All of a message, from connecting to the final reply.
async fn deliver(world: World, port: u16, tls: TlsMode) -> Result<Session<Connection>, Failure> {
    let endpoint = crate::world::endpoint(port, tls);
    let transcript = &mut Transcript::default();
    let mut session = mailwright::smtp::connect(
        &world.egress,
        &world.settings,
        &endpoint,
        &Credential::None,
        transcript,
    )
    .await?;
    begin(&mut session, 1).await?;
    body(&mut session, b"hello\r\n").await?;
    session.finish(transcript).await?;
    Ok(session)
}

#[tokio::test]
async fn each_phase_waits_as_long_as_it_must_and_no_longer() {
    let slow = format!("{GREETING}S: 250 mx\n");
    let starttls = format!("{GREETING}S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n");
    for (script, tls, phase, minutes) in [
        ("HANG".to_owned(), TlsMode::Plaintext, Phase::Connect, 5),
        (
            format!("{GREETING}S> 250-m\nHANG"),
            TlsMode::Plaintext,
            Phase::Ehlo,
            5,
        ),
        (format!("{starttls}HANG"), TlsMode::Starttls, Phase::Tls, 5),
        (
            format!("{starttls}S: 220 go\nHANG"),
            TlsMode::Starttls,
            Phase::Tls,
            5,
        ),
        (
            format!("{slow}C: MAIL\nHANG"),
            TlsMode::Plaintext,
            Phase::MailFrom,
            5,
        ),
        (
            format!("{slow}C: MAIL\nS: 250 ok\nC: RCPT\nHANG"),
            TlsMode::Plaintext,
            Phase::RcptTo,
            5,
        ),
        (
            format!("{HELLO}C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nHANG"),
            TlsMode::Plaintext,
            Phase::RcptTo,
            5,
        ),
        (
            format!("{HELLO}C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nHANG"),
            TlsMode::Plaintext,
            Phase::Data,
            2,
        ),
        (
            format!("{HELLO}{ENVELOPE}BODY\nHANG"),
            TlsMode::Plaintext,
            Phase::DotSent,
            10,
        ),
    ] {
        let world = World::new();
        let peer = world.peer(&script).await;
        let task = tokio::spawn(deliver(world.clone(), peer.port, tls));
        let failure = times_out(&world, &peer, task, minutes).await;
        assert_eq!(
            (failure.phase, &failure.kind),
            (phase, &FailureKind::Timeout),
            "{script}"
        );
        assert_eq!(failure.may_have_been_taken(), phase == Phase::DotSent);
    }
}

#[tokio::test]
async fn each_step_of_auth_has_its_time() {
    let world = World::new();
    let script = format!("TLS\n{GREETING}S: 250-mx\nS: 250 AUTH PLAIN\nC: AUTH PLAIN\nHANG");
    let peer = world.peer(&script).await;
    let (other, port) = (world.clone(), peer.port);
    let task = tokio::spawn(async move {
        let credential = Credential::Password {
            username: "u".to_owned(),
            password: mailwright::model::Secret::new("p"),
        };
        let endpoint = crate::world::endpoint(port, TlsMode::Implicit);
        let transcript = &mut Transcript::default();
        mailwright::smtp::connect(
            &other.egress,
            &other.settings,
            &endpoint,
            &credential,
            transcript,
        )
        .await
    });
    let failure = times_out(&world, &peer, task, 5).await;
    assert_eq!(
        (failure.phase, failure.kind),
        (Phase::Authenticate, FailureKind::Timeout)
    );
}

#[tokio::test]
async fn a_server_that_stops_reading_ends_the_body() {
    let world = World::new();
    let (mut session, _peer) = world.session(&format!("{ENVELOPE}STALL")).await;
    begin(&mut session, 1).await.unwrap();
    let env = world.env.clone();
    let task = tokio::spawn(async move {
        let content = vec![b'a'; 64 * 1024 * 1024];
        body(&mut session, &content).await
    });
    while !task.is_finished() {
        env.advance(Duration::from_secs(10));
        settle().await;
    }
    let failure = task.await.unwrap().unwrap_err();
    assert_eq!(
        (failure.phase, failure.kind),
        (Phase::Data, FailureKind::Timeout)
    );
}
