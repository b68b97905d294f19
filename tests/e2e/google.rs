//! The whole job at Google: offline access with consent, refresh answers without a refresh token,
//! errors without numbers, and Gmail's words and error handshake.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, FixedBy, MessageState, Reason, ServiceState};
use mailwright::sandbox::{Account, GOOGLE, GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET};
use tonic::Code;

use super::authorization::complete;
use super::browser;
use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ALEX, oauth2};

const GRACE: &str = "grace@cymbal.example";
const HOUR: Duration = Duration::from_secs(3_600);
const DAILY_LIMIT: &str = "550-5.4.5 Daily user sending limit exceeded. For more information on Gmail\r\n\
     550-5.4.5 sending limits go to\r\n\
     550 5.4.5  https://support.google.com/a/answer/166852 5b1f17b1804b1-4 - gsmtp";

fn google(house: &House) -> v1::Service {
    let mut service = house.service(GRACE);
    service.smtp.as_mut().unwrap().port = house.sandbox.google_smtp_addr().port().into();
    let settings = oauth2(&mut service);
    settings.provider = v1::Provider::Google.into();
    settings.client_id = GOOGLE_CLIENT_ID.into();
    settings.client_secret = GOOGLE_CLIENT_SECRET.into();
    service
}

/// The service "adele" by that name only.
async fn ready(house: &House) -> v1::Service {
    house.ready("adele", google(house)).await
}

#[test]
fn offline_access_is_consented_to_tested_and_renewed_without_a_new_refresh_token() {
    run(async {
        let house = House::start().await;
        house.create("adele", google(&house)).await;
        let begun = house.begin("adele").await;
        let page = format!("{}/o/oauth2/v2/auth?", house.sandbox.google_authority());
        assert!(begun.authorization_url.starts_with(&page), "{begun:?}");
        let asked = browser::parameters(&begun.authorization_url);
        assert_eq!(
            (asked["access_type"].as_str(), asked["prompt"].as_str()),
            ("offline", "consent")
        );
        assert_eq!(asked["scope"], "https://mail.google.com/ openid email");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["login_hint"], GRACE);

        let back = browser::decide(&begun.authorization_url, GRACE, "accept").await;
        let page = browser::get(&back).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let first = house.get("adele").await.authorization.unwrap();
        assert_eq!(first.login, GRACE);
        assert_eq!(first.scopes[0], "https://mail.google.com/");

        let test = house.test("adele", ALEX).await;
        assert!(test.passed, "{test:?}");
        let said = |step: usize| test.steps[step].reply.clone().unwrap().text;
        assert!(said(3).starts_with("smtp.gmail.com at your service"));
        assert_eq!(said(4), "Accepted");
        assert!(said(8).ends_with(" - gsmtp"), "{}", said(8));
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);

        for round in 1..=3 {
            let sent = house.mail_to(&[ALEX]).await;
            house.message_in(&sent.message_id, MessageState::Sent).await;
            house.advance(HOUR);
            let renewed =
                |stats: &mailwright::sandbox::Stats| stats.token_requests("refresh_token") == round;
            house.control().wait_until(renewed).await;
        }
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
        let stats = house.control().stats();
        assert_eq!((stats.refresh_tokens_issued, stats.token_errors), (1, 0));
        let last = house.get("adele").await.authorization.unwrap();
        assert_eq!(last.authorize_time, first.authorize_time);
    });
}

#[test]
fn a_second_authorization_brings_a_refresh_token_again() {
    run(async {
        let house = House::start().await;
        ready(&house).await;
        assert_eq!(house.authorize("adele", GRACE).await.status, 200);
        assert_eq!(house.control().stats().refresh_tokens_issued, 2);
    });
}

#[test]
fn a_dead_grant_holds_mail_and_names_googles_reasons() {
    run(async {
        let house = House::start().await;
        ready(&house).await;
        house.control().revoke_refresh_tokens(GRACE);
        house.advance(HOUR);
        let service = house
            .service_in("adele", ServiceState::NeedsAuthorization)
            .await;
        let problem = service.problem.unwrap();
        assert_eq!(problem.reason(), Reason::GrantDead);
        assert_eq!(problem.provider_code, "invalid_grant");
        assert_eq!(problem.provider_text, "Token has been expired or revoked.");
        assert!(problem.remedy.contains("Testing"), "{problem:?}");
        assert!(problem.help_url.contains("developers.google.com"));
        assert_eq!(problem.fixed_by(), FixedBy::ServiceAdmin);
        assert!(problem.since_time.is_some());
        let held = house.mail_to(&[ALEX]).await;
        assert_eq!(held.state(), MessageState::Held);

        assert_eq!(house.authorize("adele", GRACE).await.status, 200);
        house.message_in(&held.message_id, MessageState::Sent).await;
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn a_token_that_gmail_refuses_is_heard_out_and_renewed_once() {
    run(async {
        let house = House::start().await;
        ready(&house).await;
        house.advance(Duration::from_secs(300)); // parked sessions are gone
        house.control().expire_access_tokens(GRACE);
        let before = house.control().stats().auths;
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
        let stats = house.control().stats();
        assert_eq!(stats.auths, before + 2);
        assert_eq!(stats.token_requests("refresh_token"), 1);

        // Whatever token it gets, it is not the mailbox's.
        house
            .control()
            .put_account(Account::new("henry@cymbal.example", GOOGLE));
        let mut other = google(&house);
        oauth2(&mut other).consent_email = "henry@cymbal.example".into();
        house.create("other", other).await;
        house.authorize("other", "henry@cymbal.example").await;
        let diagnosis = house.test("other", ALEX).await.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::SmtpAuthRefused);
        assert_eq!(diagnosis.provider_code, "535 5.7.8");
        assert!(
            diagnosis
                .help_url
                .starts_with("https://support.google.com/")
        );
    });
}

#[test]
fn the_days_limit_comes_before_the_body_and_holds_the_mail_until_it_is_over() {
    run(async {
        let house = House::start().await;
        ready(&house).await;
        house.control().data_reply(GRACE, Some(DAILY_LIMIT));
        let sent = house.mail_to(&[ALEX]).await;
        let held = house.message_in(&sent.message_id, MessageState::Held).await;
        let problem = held.problem.unwrap();
        assert_eq!(problem.reason(), Reason::DailyLimit);
        assert_eq!(problem.provider_code, "550 5.4.5");
        assert_eq!(house.get("adele").await.state(), ServiceState::Blocked);
        house.control().data_reply(GRACE, None);
        house.advance(2 * HOUR);
        house.message_in(&sent.message_id, MessageState::Sent).await;
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn what_google_refuses_at_the_callback_is_named_with_its_own_remedy() {
    run(async {
        let house = House::start().await;
        house
            .control()
            .put_account(Account::new("henry@cymbal.example", GOOGLE));
        house.create("adele", google(&house)).await;
        let come_back = async |who: &str, decision: &str| {
            let begun = house.begin("adele").await;
            let back = browser::decide(&begun.authorization_url, who, decision).await;
            complete(&house, &back).await
        };
        let refused = |answer, reason| refused(answer, Code::FailedPrecondition, reason);
        let declined = come_back(GRACE, "cancel").await;
        refused(declined, "CONSENT_DENIED");
        refused(
            come_back("henry@cymbal.example", "accept").await,
            "WRONG_ACCOUNT",
        );
        house.control().untick(Some("https://mail.google.com/"));
        refused(come_back(GRACE, "accept").await, "MISSING_SCOPE");
        house.control().untick(None);
        house.control().omit_refresh_token(true);
        refused(come_back(GRACE, "accept").await, "NO_REFRESH_TOKEN");
        house.control().omit_refresh_token(false);
        let mut wrong = google(&house);
        wrong.service_id = "adele".into();
        oauth2(&mut wrong).client_secret = "GOCSPX-of-another-client".into();
        house
            .update(wrong, &["oauth2.client_secret"])
            .await
            .unwrap();
        let fault = refused(come_back(GRACE, "accept").await, "CLIENT_SECRET_INVALID");
        assert_eq!(fault.provider_code, "invalid_client");
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::PendingAuthorization);
        assert_eq!(service.authorization, None);

        let begun = house.begin("adele").await;
        let back = browser::decide(&begun.authorization_url, GRACE, "accept").await;
        let page = browser::get(&back).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("Google Cloud console"), "{}", page.body);
    });
}

#[test]
fn a_revoked_grant_is_revoked_at_google_too() {
    run(async {
        let house = House::start().await;
        ready(&house).await;
        let request = v1::RevokeAuthorizationRequest {
            service_id: "adele".into(),
        };
        let answer = house.admin().revoke_authorization(request).await.unwrap();
        assert!(answer.into_inner().revoked_at_provider);
        let held = house.mail_to(&[ALEX]).await;
        assert_eq!(held.state(), MessageState::Held);
        assert_eq!(house.authorize("adele", GRACE).await.status, 200);
        house.message_in(&held.message_id, MessageState::Sent).await;
    });
}
