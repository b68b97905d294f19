//! STARTTLS and implicit TLS.

use std::time::Duration;

use mailwright::model::service::TlsMode;
use mailwright::model::{Phase, Secret};
use mailwright::smtp::{Credential, FailureKind, Transcript, connect};

use crate::world::{GREETING, World, endpoint};

const SECURED: &str = "TLS\nC: EHLO client.example\nS: 250-mx\nS: 250 AUTH PLAIN\n";

#[tokio::test]
async fn starttls_secures_and_forgets_what_was_offered_before() {
    let world = World::new();
    let script = format!(
        "{GREETING}S: 250-mx\nS: 250-PIPELINING\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n{SECURED}"
    );
    let peer = world.peer(&script).await;
    let mut transcript = Transcript::default();
    let session = connect(
        &world.egress,
        &world.settings,
        &endpoint(peer.port, TlsMode::Starttls),
        &Credential::None,
        &mut transcript,
    )
    .await
    .unwrap();
    assert!(!session.capabilities().pipelining && !session.capabilities().starttls);
    let tls = session.tls().unwrap();
    assert_eq!(tls.protocol, "TLSv1_3");
    assert_eq!(tls.certificate_sha256.len(), 64);
    let phases: Vec<_> = transcript.steps().iter().map(|step| step.phase).collect();
    assert_eq!(
        phases,
        [Phase::Resolve, Phase::Connect, Phase::Ehlo, Phase::Tls]
    );
    assert!(transcript.steps().iter().all(|step| step.outcome.is_ok()));
}

#[tokio::test]
async fn implicit_tls_greets_after_the_handshake() {
    let world = World::new();
    let peer = world
        .peer(&format!("TLS\n{GREETING}S: 250 mx\nC: QUIT\nS: 221 bye"))
        .await;
    let session = world
        .connect(&peer, TlsMode::Implicit, &Credential::None)
        .await;
    session.unwrap().quit().await;
    assert_eq!(peer.heard().await[1], "QUIT");
}

#[tokio::test]
async fn plaintext_behind_the_reply_to_starttls_is_refused() {
    let world = World::new();
    let injection = "S> 220 go\\r\\n250-mx\\r\\n250 AUTH PLAIN\\r\\n";
    let script =
        format!("{GREETING}S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n{injection}\n{SECURED}");
    let peer = world.peer(&script).await;
    let failure = world
        .connect(&peer, TlsMode::Starttls, &Credential::None)
        .await
        .unwrap_err();
    assert_eq!(failure.phase, Phase::Tls);
    assert_eq!(
        failure.kind,
        FailureKind::Protocol("the server spoke out of turn".to_owned())
    );
}

#[tokio::test]
async fn without_starttls_nothing_is_sent() {
    let world = World::new();
    let peer = world
        .peer(&format!("{GREETING}S: 250-mx\nS: 250 AUTH PLAIN"))
        .await;
    let credential = Credential::Password {
        username: "u".to_owned(),
        password: Secret::new("p"),
    };
    let failure = world
        .connect(&peer, TlsMode::Starttls, &credential)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::StarttlsNotOffered);
    assert_eq!(peer.heard().await.last().unwrap(), "");
}

#[tokio::test]
async fn credentials_are_never_sent_in_plain_text() {
    let world = World::new();
    let peer = world.peer("").await;
    let credential = Credential::Password {
        username: "u".to_owned(),
        password: Secret::new("p"),
    };
    let failure = world
        .connect(&peer, TlsMode::Plaintext, &credential)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::PlaintextCredentials);
    assert_eq!(failure.phase, Phase::Authenticate);
}

#[tokio::test]
async fn a_certificate_is_judged_by_name_authority_and_our_clock() {
    let world = World::new();
    let peer = world.peer(&format!("TLS\n{GREETING}S: 250 mx")).await;
    let mut elsewhere = endpoint(peer.port, TlsMode::Implicit);
    elsewhere.host = "127.0.0.2".to_owned();
    // The peer listens on 127.0.0.1 only, so the name is what differs: it is dialled by hand.
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", peer.port))
        .await
        .unwrap();
    let transcript = &mut Transcript::default();
    let opened = mailwright::smtp::Session::open(
        stream,
        &world.settings,
        &elsewhere,
        &Credential::None,
        transcript,
    );
    let wrong_name = opened.await.unwrap_err();
    assert!(
        wrong_name.to_string().contains("not valid for name"),
        "{wrong_name}"
    );

    let stranger = World::new();
    let peer = stranger.peer(&format!("TLS\n{GREETING}S: 250 mx")).await;
    let unknown = world
        .connect(&peer, TlsMode::Implicit, &Credential::None)
        .await
        .unwrap_err();
    assert!(matches!(&unknown.kind, FailureKind::Tls(_)), "{unknown}");

    world.env.advance(Duration::from_secs(365 * 24 * 3_600));
    let peer = world.peer(&format!("TLS\n{GREETING}S: 250 mx")).await;
    let expired = world
        .connect(&peer, TlsMode::Implicit, &Credential::None)
        .await
        .unwrap_err();
    assert!(expired.to_string().contains("expired"), "{expired}");
}
