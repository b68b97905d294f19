//! aiosmtpd, which wants STARTTLS and a login.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mailwright::rpc::proto::v1::service::Auth;
use mailwright::rpc::proto::v1::{self, Reason, ServiceState, StepOutcome, TestStep, TlsMode};
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET};
use serde_json::{Value, json};

use super::house::{House, run};
use super::letter::{ADELE, ALEX, RECIPIENTS, assert_is_the_letter, letter, service};
use super::sink::{Login, Sink};

fn oauth2(login: &str) -> Auth {
    Auth::Oauth2(Box::new(v1::OAuth2 {
        provider: v1::Provider::Microsoft.into(),
        login_email: login.into(),
        client_id: CLIENT_ID.into(),
        client_secret: CLIENT_SECRET.into(),
        ..v1::OAuth2::default()
    }))
}

#[test]
fn a_letter_by_starttls_and_xoauth2_arrives_field_by_field() {
    run(async {
        let house = House::start().await;
        let login = Login::Xoauth2(ADELE);
        let mut sink = Sink::guarded(&house.folder.0, &house.tls, &login).await;
        let by_token = service("localhost", sink.port, TlsMode::Starttls, oauth2(ADELE));
        house.create("token", by_token).await;
        house.authorize("token", ADELE).await;
        house.prove("token", ALEX).await;
        let (envelope, test) = sink.next().await;
        assert_eq!(envelope["rcpt_to"], json!([ALEX]));
        assert_eq!(test.0["to"], json!([["", ALEX]]));

        let message = house.send("token", letter()).await;
        let (envelope, arrived) = sink.next().await;
        assert_is_the_letter(&arrived, &message);
        assert_eq!(envelope["mail_from"], ADELE);
        assert_eq!(envelope["rcpt_to"], json!(RECIPIENTS));
        assert_eq!(envelope["tls"], true);
        assert_eq!(envelope["auth"]["mechanism"], "XOAUTH2");
        let claims = claims(envelope["auth"]["secret"].as_str().unwrap());
        assert_eq!(claims["upn"], ADELE);
        assert_eq!(claims["scp"], "smtp.send");
        assert_eq!(house.sandbox.control().stats().access_tokens_issued, 1);
    });
}

#[test]
fn a_token_that_is_refused_by_a_challenge_is_understood() {
    run(async {
        let house = House::start().await;
        let login = Login::Xoauth2(ALEX);
        let sink = Sink::guarded(&house.folder.0, &house.tls, &login).await;
        let by_token = service("localhost", sink.port, TlsMode::Starttls, oauth2(ADELE));
        house.create("token", by_token).await;
        house.authorize("token", ADELE).await;
        let test = house.test("token", ALEX).await;
        let step = test.steps[4].clone();
        assert_eq!(step.step(), TestStep::Authenticate);
        assert_eq!(step.outcome(), StepOutcome::Failed, "{test:#?}");
        assert_eq!(step.reply.unwrap().code, 535);
        let diagnosis = test.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::SmtpAuthRefused);
        assert_eq!(diagnosis.provider_code, "535 5.7.8");
        assert_eq!(house.state("token").await, ServiceState::PendingTest);
    });
}

#[test]
fn a_letter_by_starttls_and_a_password_arrives_field_by_field() {
    for mechanism in ["PLAIN", "LOGIN"] {
        run(async {
            let house = House::start().await;
            let login = Login::Password(mechanism, "adele", "pass wörd\"%");
            let mut sink = Sink::guarded(&house.folder.0, &house.tls, &login).await;
            let password = Auth::Password(v1::PasswordAuth {
                username: "adele".into(),
                password: "pass wörd\"%".into(),
            });
            let by_password = service("localhost", sink.port, TlsMode::Starttls, password);
            house.create("password", by_password).await;
            house.prove("password", ALEX).await;
            sink.next().await;

            let message = house.send("password", letter()).await;
            let (envelope, arrived) = sink.next().await;
            assert_is_the_letter(&arrived, &message);
            assert_eq!(envelope["rcpt_to"], json!(RECIPIENTS));
            assert_eq!(envelope["tls"], true);
            assert_eq!(envelope["auth"]["mechanism"], mechanism);
            assert_eq!(envelope["auth"]["user"], "adele");
        });
    }
}

/// What an access token of the sandbox says.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
