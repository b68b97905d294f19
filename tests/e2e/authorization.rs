//! S3 and S4: a consent becomes a token that is used and renewed behind the scenes, or a refusal
//! that says what it is and what to do.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState, ServiceState};
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET, Stats};
use tonic::{Code, Status};

use super::browser;
use super::fault::{Fault, refused};
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, oauth2};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn s3_consent_stores_a_token_that_is_used_behind_the_scenes() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let begun = house.begin("adele").await;
        let asked = browser::parameters(&begun.authorization_url);
        assert_eq!(asked["state"], begun.state);
        assert_eq!(asked["redirect_uri"], begun.redirect_uri);
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].contains("offline_access"), "{asked:?}");
        let expire = begun.expire_time.unwrap().seconds;
        assert_eq!(expire, super::harness::START + 600);

        let back = browser::decide(&begun.authorization_url, ADELE, "accept").await;
        assert!(back.starts_with(&begun.redirect_uri), "{back}");
        let page = browser::get(&back).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(
            page.body.contains("Signed in as <b>adele@contoso.com</b>"),
            "{}",
            page.body
        );

        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::PendingTest);
        let authorization = service.authorization.unwrap();
        assert_eq!(authorization.login, ADELE);
        assert!(!authorization.scopes.is_empty());
        assert!(house.test("adele", ALEX).await.passed);
        let stats = house.control().stats();
        assert_eq!(stats.token_requests("authorization_code"), 1);
        assert_eq!(stats.mailbox(ADELE).auths, 1);
    });
}

#[test]
fn s3_a_platform_with_its_own_page_completes_by_rpc() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let back = house.consent("adele", ADELE).await;
        let service = complete(&house, &back).await.unwrap();
        assert_eq!(service.state(), ServiceState::PendingTest);
        let again = complete(&house, &back).await;
        refused(again, Code::NotFound, "AUTHORIZATION_NOT_FOUND");
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn s3_a_token_is_renewed_before_it_expires_and_the_rotated_refresh_token_is_kept() {
    run(async {
        let house = House::start().await;
        // A used refresh token is dead here: only what was rotated and kept goes on working.
        house.control().strict_rotation(true);
        let first = house.ready_service().await.authorization.unwrap();
        for round in 1..=3 {
            let next = house.get("adele").await.authorization.unwrap();
            let due = next.next_refresh_time.unwrap().seconds;
            assert!(due < next.access_token_expire_time.unwrap().seconds);
            house.advance(HOUR);
            let asked = |stats: &Stats| stats.token_requests("refresh_token") == round;
            house.control().wait_until(asked).await;
            // Waits for the refresh that is under way, and begins none of its own.
            assert!(house.test("adele", ALEX).await.passed);
            let stats = house.control().stats();
            assert!(asked(&stats) && stats.token_errors == 0, "{stats:?}");
        }
        let last = house.get("adele").await.authorization.unwrap();
        assert_eq!(last.authorize_time, first.authorize_time);
        assert!(last.last_refresh_time.unwrap().seconds >= super::harness::START + 3 * 3_600);
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
    });
}

#[test]
fn s3_a_token_that_the_mail_server_refuses_is_renewed_once_and_the_mail_sent() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.advance(Duration::from_secs(300)); // parked sessions are gone
        house.control().expire_access_tokens(ADELE);
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
        assert_eq!(house.control().stats().token_requests("refresh_token"), 1);
    });
}

#[test]
fn s3_a_provider_that_returns_no_new_refresh_token_keeps_the_old_one_alive() {
    run(async {
        let house = House::start().await;
        house.control().omit_rotated_refresh_token(true);
        house.create("adele", house.service(ADELE)).await;
        house.control().omit_rotated_refresh_token(false);
        assert_eq!(house.authorize("adele", ADELE).await.status, 200);
        house.control().omit_rotated_refresh_token(true);
        for round in 1..=2 {
            house.advance(HOUR);
            let asked = |stats: &Stats| stats.token_requests("refresh_token") == round;
            house.control().wait_until(asked).await;
            assert!(house.test("adele", ALEX).await.passed);
        }
        assert_eq!(house.control().stats().token_errors, 0);
    });
}

#[test]
fn s4_a_declined_consent_shows_code_and_remedy_on_the_page() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let begun = house.begin("adele").await;
        let back = browser::decide(&begun.authorization_url, ADELE, "decline").await;
        let page = browser::get(&back).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("AADSTS65004"), "{}", page.body);
        assert!(page.body.contains("What to do"), "{}", page.body);
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::PendingAuthorization);
    });
}

#[test]
fn s4_a_declined_and_a_cancelled_consent_are_told_to_the_platform() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        for decision in ["decline", "cancel"] {
            let begun = house.begin("adele").await;
            let back = browser::decide(&begun.authorization_url, ADELE, decision).await;
            let answer = complete(&house, &back).await;
            refused(answer, Code::FailedPrecondition, "CONSENT_DENIED");
        }
    });
}

#[test]
fn s4_an_expired_secret_is_named_with_microsofts_page_and_the_remedy() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.control().expire_secret(CLIENT_ID);
        let page = house.authorize("adele", ADELE).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("AADSTS7000222"), "{}", page.body);
        assert!(page.body.contains("What to do"), "{}", page.body);
        assert!(page.body.contains("href=\"https://"), "{}", page.body);
        assert!(!page.body.contains(CLIENT_SECRET));

        let back = house.consent("adele", ADELE).await;
        let fault = refused(
            complete(&house, &back).await,
            Code::FailedPrecondition,
            "CLIENT_SECRET_EXPIRED",
        );
        assert_eq!(fault.provider_code, "AADSTS7000222");
        holds_a_microsoft_link(&fault);
        assert!(!fault.message.contains(CLIENT_SECRET));
        // It never was authorized, so setting a secret is not all there is to do.
        let then = "otherwise authorize it then";
        assert!(fault.message.contains(then), "{}", fault.message);
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::PendingAuthorization);
    });
}

#[test]
fn s4_an_expired_secret_is_mended_by_a_new_one_and_the_authorization_done_again() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.control().expire_secret(CLIENT_ID);
        assert_eq!(house.authorize("adele", ADELE).await.status, 400);
        house.control().add_secret(CLIENT_ID, "the-new-secret");
        let mut service = house.service(ADELE);
        service.service_id = "adele".into();
        oauth2(&mut service).client_secret = "the-new-secret".into();
        let updated = house.update(service, &["oauth2.client_secret"]).await;
        assert_eq!(oauth2(&mut updated.unwrap()).client_secret_hint, "ret");
        assert_eq!(house.authorize("adele", ADELE).await.status, 200);
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn s4_a_wrong_account_is_refused_and_nothing_is_stored() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let page = house.authorize("adele", ALEX).await;
        assert_eq!(page.status, 400);
        let back = house.consent("adele", ALEX).await;
        let answer = complete(&house, &back).await;
        refused(answer, Code::FailedPrecondition, "WRONG_ACCOUNT");
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::PendingAuthorization);
        assert_eq!(service.authorization, None);
        assert!(!house.test("adele", ALEX).await.passed);
        assert_eq!(house.control().stats().auths, 0);
    });
}

#[test]
fn s4_a_provider_that_is_down_is_unavailable_and_not_a_refusal() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let refusal = mailwright::sandbox::TokenRefusal::Unavailable;
        house.control().refuse_next_token_requests(2, refusal);
        let page = house.authorize("adele", ADELE).await;
        assert_eq!(page.status, 503, "{}", page.body);
        let back = house.consent("adele", ADELE).await;
        let answer = complete(&house, &back).await;
        refused(answer, Code::Unavailable, "PROVIDER_UNAVAILABLE");
    });
}

#[test]
fn s4_each_failure_is_an_event_that_says_what_the_page_said() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let mut feed = house.watch(&house.info().await.newest_cursor).await;
        let begun = house.begin("adele").await;
        let back = browser::decide(&begun.authorization_url, ADELE, "decline").await;
        assert_eq!(browser::get(&back).await.status, 400);
        let failure = feed.failed_authorization().await;
        assert_eq!(failure.reason(), v1::Reason::ConsentDenied);
        assert_eq!(failure.provider_code, "AADSTS65004");
        assert!(!failure.remedy.is_empty() && failure.help_url.starts_with("https://"));
        assert!(failure.since_time.is_some());

        let refusal = mailwright::sandbox::TokenRefusal::Unavailable;
        house.control().refuse_next_token_requests(1, refusal);
        assert_eq!(house.authorize("adele", ADELE).await.status, 503);
        let failure = feed.failed_authorization().await;
        assert_eq!(failure.reason(), v1::Reason::ProviderUnavailable);

        // Whoever knows a live state, and brings it to another door, uses it up: that is told, too.
        let back = house.consent("adele", ADELE).await;
        let other = back.replace("/oauth2/callback?", "/oauth2/callback/adele?");
        assert_eq!(browser::get(&other).await.status, 404);
        let failure = feed.failed_authorization().await;
        assert_eq!(failure.reason(), v1::Reason::ProviderProtocol);

        house.advance(HOUR / 60);
        assert_eq!(house.authorize("adele", ADELE).await.status, 200);
        assert_eq!(house.get("adele").await.failed_authorization, None);
    });
}

impl House {
    /// The service is as it was, but for an authorization that failed.
    pub async fn only_failed_to_authorize(&self, before: v1::Service) {
        let after = self.get(&before.service_id).await;
        assert!(after.failed_authorization.is_some(), "{after:?}");
        let unchanged = v1::Service {
            failed_authorization: after.failed_authorization.clone(),
            etag: after.etag.clone(),
            update_time: after.update_time,
            ..before
        };
        assert_eq!(after, unchanged);
    }
}

fn holds_a_microsoft_link(fault: &Fault) {
    let is_theirs = |url: &String| url.starts_with("https://") && url.contains("microsoft");
    assert!(fault.links.iter().any(is_theirs), "{fault:?}");
}

/// What a redirect's query says, handed over by RPC.
pub async fn complete(house: &House, location: &str) -> Result<v1::Service, Status> {
    let query = browser::parameters(location);
    let of = |name: &str| query.get(name).cloned().unwrap_or_default();
    let request = v1::CompleteAuthorizeRequest {
        state: of("state"),
        code: of("code"),
        error: of("error"),
        error_description: of("error_description"),
        error_uri: of("error_uri"),
        error_subcode: of("error_subcode"),
        admin_consent: of("admin_consent") == "True",
        tenant: of("tenant"),
        iss: of("iss"),
        service_id: service_in(location).to_owned(),
    };
    let answer = house.admin().complete_authorize(request).await?;
    Ok(answer.into_inner().service.unwrap())
}

/// The service that the path ends with.
fn service_in(location: &str) -> &str {
    let path = location.split('?').next().unwrap_or_default();
    path.split("/oauth2/callback/").nth(1).unwrap_or_default()
}
