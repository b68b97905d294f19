//! oauth2-mock-server as a provider that Mailwright doesn't know, and aiosmtpd that takes its tokens
//! for what they are: JWTs signed by it.

use std::time::Duration;

use mailwright::rpc::proto::v1::service::Auth;
use mailwright::rpc::proto::v1::{self, MessageState, Reason, TlsMode};

use super::house::{House, run};
use super::idp::Idp;
use super::letter::{ADELE, ALEX, assert_is_the_letter, letter, note, service};
use super::sink::{Login, Sink};

fn custom(idp: &Idp) -> Auth {
    let issuer = &idp.issuer;
    Auth::Oauth2(Box::new(v1::OAuth2 {
        provider: v1::Provider::Custom.into(),
        login_email: ADELE.into(),
        client_id: "mailwright".into(),
        client_secret: "secret".into(),
        scopes: vec!["mail.send".into(), "offline_access".into()],
        custom: Some(v1::CustomProvider {
            authorization_endpoint: format!("{issuer}/authorize"),
            token_endpoint: format!("{issuer}/token"),
            revocation_endpoint: format!("{issuer}/revoke"),
            client_auth: v1::ClientAuth::Basic.into(),
            issuer: issuer.clone(),
            ..v1::CustomProvider::default()
        }),
        ..v1::OAuth2::default()
    }))
}

#[test]
fn a_letter_by_its_token_arrives_field_by_field_and_the_token_is_renewed() {
    run(async {
        let house = House::start().await;
        let mut idp = Idp::start(ADELE).await;
        let login = Login::Jwt(ADELE, &idp.issuer);
        let mut sink = Sink::guarded(&house.folder.0, &house.tls, &login).await;
        let by_token = service("localhost", sink.port, TlsMode::Starttls, custom(&idp));
        house.create("token", by_token).await;
        house.open("token").await;
        let first = idp.issued("authorization_code").await;
        house.prove("token", ALEX).await;
        let (test, _) = sink.next().await;
        assert_eq!(test["auth"]["secret"], first.as_str());
        let message = house.send("token", letter()).await;
        let (_, arrived) = sink.next().await;
        assert_is_the_letter(&arrived, &message);

        house.env.advance(Duration::from_secs(3_600));
        let second = idp.issued("refresh_token").await;
        let message = house.send("token", note(&[ALEX])).await;
        assert_eq!(message.state(), MessageState::Sent);
        let (envelope, _) = sink.next().await;
        assert_eq!(envelope["auth"]["secret"], second.as_str());
    });
}

#[test]
fn a_token_of_another_issuer_is_refused_by_the_mail_server() {
    run(async {
        let house = House::start().await;
        let (idp, other) = (Idp::start(ADELE).await, Idp::start(ADELE).await);
        let login = Login::Jwt(ADELE, &other.issuer);
        let sink = Sink::guarded(&house.folder.0, &house.tls, &login).await;
        let by_token = service("localhost", sink.port, TlsMode::Starttls, custom(&idp));
        house.create("token", by_token).await;
        house.open("token").await;
        let test = house.test("token", ALEX).await;
        assert_eq!(test.diagnosis.unwrap().reason(), Reason::SmtpAuthRefused);
    });
}
