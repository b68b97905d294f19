//! A provider that an admin describes: each setting does what it says, over real sockets.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState};
use mailwright::sandbox::{CLIENT_ID, GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET};

use super::browser;
use super::callback::custom as entra_by_hand;
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, oauth2};

const GRACE: &str = "grace@cymbal.example";

/// Google, described by hand, and spoken to by OAUTHBEARER.
fn google_by_hand(house: &House) -> v1::Service {
    let base = house.sandbox.google_authority();
    let mut service = house.service(GRACE);
    service.smtp.as_mut().unwrap().port = house.sandbox.google_smtp_addr().port().into();
    let settings = oauth2(&mut service);
    settings.provider = v1::Provider::Custom.into();
    settings.client_id = GOOGLE_CLIENT_ID.into();
    settings.client_secret = GOOGLE_CLIENT_SECRET.into();
    settings.scopes = vec!["https://mail.google.com/".into()];
    settings.custom = Some(v1::CustomProvider {
        authorization_endpoint: format!("{base}/o/oauth2/v2/auth"),
        token_endpoint: format!("{base}/token"),
        revocation_endpoint: format!("{base}/revoke"),
        extra_authorize_params: [("access_type", "offline"), ("prompt", "consent")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        sasl_mechanism: v1::SaslMechanism::Oauthbearer.into(),
        disable_openid: true,
        ..v1::CustomProvider::default()
    });
    service
}

#[test]
fn without_openid_nothing_more_is_asked_and_the_first_login_proves_it() {
    run(async {
        let house = House::start().await;
        house.create("adele", google_by_hand(&house)).await;
        let begun = house.begin("adele").await;
        let asked = browser::parameters(&begun.authorization_url);
        assert_eq!(asked["scope"], "https://mail.google.com/");
        assert_eq!(
            (asked["access_type"].as_str(), asked["prompt"].as_str()),
            ("offline", "consent")
        );
        let back = browser::decide(&begun.authorization_url, GRACE, "accept").await;
        let page = browser::get(&back).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(!page.body.contains("Signed in as"), "{}", page.body);
        assert_eq!(house.get("adele").await.authorization.unwrap().login, "");

        let test = house.test("adele", ALEX).await;
        assert!(test.passed, "{test:?}");
        assert_eq!(test.steps[4].detail, "OAUTHBEARER");
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn oauthbearers_error_is_answered_heard_and_mended_by_one_refresh() {
    run(async {
        let house = House::start().await;
        house.ready("adele", google_by_hand(&house)).await;
        house.advance(Duration::from_secs(300)); // parked sessions are gone
        house.control().expire_access_tokens(GRACE);
        let before = house.control().stats().auths;
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
        let stats = house.control().stats();
        assert_eq!(stats.auths, before + 2);
        assert_eq!(stats.token_requests("refresh_token"), 1);

        // Without a token that is right, the refusal is what the server says last.
        let mut other = google_by_hand(&house);
        oauth2(&mut other).login_email = "henry@cymbal.example".into();
        house.create("other", other).await;
        assert_eq!(house.authorize("other", GRACE).await.status, 200);
        let diagnosis = house.test("other", ALEX).await.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::SmtpAuthRefused);
        assert_eq!(diagnosis.provider_code, "535 5.7.8");
    });
}

#[test]
fn exchange_offers_no_oauthbearer_and_the_test_says_so() {
    run(async {
        let house = House::start().await;
        let mut service = entra_by_hand(&house);
        let settings = oauth2(&mut service).custom.as_mut().unwrap();
        settings.sasl_mechanism = v1::SaslMechanism::Oauthbearer.into();
        house.create("adele", service).await;
        assert_eq!(house.authorize("adele", ADELE).await.status, 200);
        let test = house.test("adele", ALEX).await;
        let diagnosis = test.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::MechanismNotOffered);
        assert!(diagnosis.summary.contains("XOAUTH2"), "{diagnosis:?}");
        assert_eq!(test.steps[4].outcome(), v1::StepOutcome::Failed);
    });
}

#[test]
fn a_client_proves_itself_by_the_header_or_not_at_all() {
    run(async {
        let house = House::start().await;
        let mut basic = entra_by_hand(&house);
        let settings = oauth2(&mut basic).custom.as_mut().unwrap();
        settings.client_auth = v1::ClientAuth::Basic.into();
        house.ready("basic", basic).await;

        house
            .control()
            .alter_app(CLIENT_ID, |app| app.public = true);
        let mut public = entra_by_hand(&house);
        let settings = oauth2(&mut public);
        settings.client_secret.clear();
        settings.custom.as_mut().unwrap().client_auth = v1::ClientAuth::None.into();
        house.ready("public", public).await;
        assert_eq!(house.control().stats().token_errors, 0);
    });
}

#[test]
fn the_revocation_endpoint_takes_the_grant_back() {
    run(async {
        let house = House::start().await;
        house.ready("adele", google_by_hand(&house)).await;
        let request = v1::RevokeAuthorizationRequest {
            service_id: "adele".into(),
        };
        let answer = house.admin().revoke_authorization(request).await.unwrap();
        assert!(answer.into_inner().revoked_at_provider);
    });
}
