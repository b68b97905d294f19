//! AUTH, always over TLS. The mechanisms' bytes are tested beside their code.

use mailwright::model::service::TlsMode;
use mailwright::model::{Phase, Secret};
use mailwright::smtp::{Credential, Failure, FailureKind};

use crate::world::{GREETING, World};

fn xoauth2(token: &str) -> Credential {
    Credential::Xoauth2 {
        user: "u@x.example".to_owned(),
        token: Secret::new(token),
    }
}

fn oauthbearer() -> Credential {
    Credential::Oauthbearer {
        user: "u@x.example".to_owned(),
        token: Secret::new("t"),
    }
}

/// What AUTH came to against a peer that offers so much and follows the script, and what the peer
/// heard after EHLO.
async fn auth(
    offered: &str,
    script: &str,
    credential: &Credential,
) -> (Result<(), Failure>, Vec<String>) {
    let world = World::new();
    let script = format!("TLS\n{GREETING}S: 250-mx\nS: 250 {offered}\n{script}");
    let peer = world.peer(&script).await;
    let session = world.connect(&peer, TlsMode::Implicit, credential).await;
    let outcome = match session {
        Ok(session) => {
            session.quit().await;
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    (outcome, peer.heard().await.split_off(1))
}

#[tokio::test]
async fn a_token_is_shown_in_the_auth_line() {
    let script = "C: AUTH XOAUTH2 dXNl\nS: 235 2.7.0 ok\nC: QUIT\nS: 221 bye";
    let (outcome, _) = auth("AUTH LOGIN XOAUTH2", script, &xoauth2("t")).await;
    outcome.unwrap();
}

#[tokio::test]
async fn a_long_token_waits_for_the_servers_word() {
    let script = "C: AUTH XOAUTH2\nS: 334 \nC: dXNl\nS: 235 ok\nC: QUIT\nS: 221 bye";
    let (outcome, heard) = auth("auth xoauth2", script, &xoauth2(&"t".repeat(20_000))).await;
    outcome.unwrap();
    assert_eq!(heard[0], "AUTH XOAUTH2");
    assert!(heard[1].len() > 20_000);
}

#[tokio::test]
async fn googles_error_challenge_is_answered_with_an_empty_line() {
    let script = "C: AUTH XOAUTH2\nS: 334 eyJzdGF0dXMiOiI0MDEifQo=\nC: \nS: 535 5.7.8 not accepted";
    let (outcome, heard) = auth("AUTH XOAUTH2", script, &xoauth2("t")).await;
    let failure = outcome.unwrap_err();
    assert_eq!(failure.phase, Phase::Authenticate);
    assert_eq!(failure.reply().unwrap().provider_code(), "535 5.7.8");
    assert_eq!(heard[1], "");
}

#[tokio::test]
async fn the_error_challenge_of_oauthbearer_is_answered_with_a_control_a() {
    let script =
        "C: AUTH OAUTHBEARER bixhPXVA\nS: 334 eyJzdGF0dXMiOiI0MDEifQo=\nC: AQ==\nS: 535 5.7.8 no";
    let (outcome, _) = auth("AUTH OAUTHBEARER", script, &oauthbearer()).await;
    assert_eq!(outcome.unwrap_err().reply().unwrap().code, 535);
}

#[tokio::test]
async fn exchanges_refusal_comes_without_a_challenge() {
    let script = "C: AUTH XOAUTH2\nS: 535 5.7.3 Authentication unsuccessful [HOST]";
    let (outcome, _) = auth("AUTH XOAUTH2", script, &xoauth2("t")).await;
    let reply = outcome.unwrap_err().reply().unwrap().clone();
    assert_eq!(
        (reply.provider_code().as_str(), reply.text.as_str()),
        ("535 5.7.3", "Authentication unsuccessful [HOST]")
    );
}

#[tokio::test]
async fn a_server_that_asks_on_and_on_is_left() {
    let plain = Credential::Password {
        username: "u".to_owned(),
        password: Secret::new("p"),
    };
    let script = "C: AUTH XOAUTH2\nS: 334 x\nC: \nS: 334 y";
    let (outcome, _) = auth("AUTH XOAUTH2", script, &xoauth2("t")).await;
    assert!(matches!(
        outcome.unwrap_err().kind,
        FailureKind::Protocol(_)
    ));
    let (outcome, _) = auth("AUTH PLAIN", "C: AUTH PLAIN AHUAcA==\nS: 334 x", &plain).await;
    assert!(matches!(
        outcome.unwrap_err().kind,
        FailureKind::Protocol(_)
    ));
    let script = "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dQ==\nS: 334 UGFzc3dvcmQ6\nC: cA==\nS: 235 ok\nC: QUIT\nS: 221 bye";
    auth("AUTH LOGIN", script, &plain).await.0.unwrap();
    let (outcome, _) = auth("AUTH LOGIN", "C: AUTH LOGIN\nS: 235 ok", &plain).await;
    assert!(matches!(
        outcome.unwrap_err().kind,
        FailureKind::Protocol(_)
    ));
}

#[tokio::test]
async fn a_mechanism_that_is_not_offered_is_named_with_those_that_are() {
    let (outcome, heard) = auth("AUTH LOGIN NTLM", "", &xoauth2("t")).await;
    assert_eq!(
        outcome.unwrap_err().kind,
        FailureKind::MechanismNotOffered {
            wanted: "XOAUTH2".to_owned(),
            offered: vec!["LOGIN".to_owned(), "NTLM".to_owned()],
        }
    );
    assert_eq!(heard, [""]);
}
