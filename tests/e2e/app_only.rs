//! An app that acts for itself: an administrator consents, nobody signs in, and each token is
//! fetched anew.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState};
use mailwright::sandbox::{CLIENT_ID, FABRIKAM_TENANT_ID, Stats, TENANT_ID};
use tonic::Code;

use super::authorization::complete;
use super::browser;
use super::fault::{invalid, refused};
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, NOREPLY, oauth2};

const HOUR: Duration = Duration::from_secs(3_600);

/// The app alone, for the mailbox that it has been given.
fn app_only(house: &House) -> v1::Service {
    let mut service = house.service(NOREPLY);
    let settings = oauth2(&mut service);
    settings.grant = v1::Grant::ClientCredentials.into();
    settings.tenant_id = TENANT_ID.into();
    service
}

/// "adele" by that name only: authorized by an administrator and tested.
async fn ready(house: &House) -> v1::Service {
    house.create("adele", app_only(house)).await;
    let page = house.authorize("adele", ADELE).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(house.test("adele", ALEX).await.passed);
    house.get("adele").await
}

fn fetched(house: &House) -> u64 {
    house.control().stats().token_requests("client_credentials")
}

#[test]
fn an_administrator_consents_and_the_app_sends() {
    run(async {
        let house = House::start().await;
        house.create("adele", app_only(&house)).await;
        let begun = house.begin("adele").await;
        let page = format!(
            "{}/{TENANT_ID}/v2.0/adminconsent?",
            house.sandbox.authority()
        );
        assert!(
            begun.authorization_url.starts_with(&page),
            "{}",
            begun.authorization_url
        );
        let asked = browser::parameters(&begun.authorization_url);
        assert_eq!(asked["state"], begun.state);
        assert_eq!(asked["redirect_uri"], begun.redirect_uri);
        assert_eq!(asked["scope"], "https://outlook.office365.com/.default");

        let back = browser::decide(&begun.authorization_url, ADELE, "accept").await;
        let page = browser::get(&back).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(
            page.body.contains("The app acts for itself"),
            "{}",
            page.body
        );
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::PendingTest);
        let authorization = service.authorization.unwrap();
        assert_eq!(authorization.login, "");
        assert_eq!(
            authorization.scopes,
            ["https://outlook.office365.com/.default"]
        );
        assert!(authorization.next_refresh_time.is_some());

        assert!(house.test("adele", ALEX).await.passed);
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
        let mail = house.sandbox.mail().pop().unwrap();
        assert_eq!(mail.mailbox, NOREPLY);
        assert_eq!(fetched(&house), 1);
    });
}

#[test]
fn a_token_is_fetched_anew_before_it_expires() {
    run(async {
        let house = House::start().await;
        let first = ready(&house).await.authorization.unwrap();
        for round in 1..=3 {
            house.advance(HOUR);
            let again = |stats: &Stats| stats.token_requests("client_credentials") == round + 1;
            house.control().wait_until(again).await;
            assert!(house.test("adele", ALEX).await.passed);
            assert_eq!(fetched(&house), round + 1);
        }
        let last = house.get("adele").await.authorization.unwrap();
        assert_eq!(last.authorize_time, first.authorize_time);
        assert!(last.last_refresh_time.unwrap().seconds >= super::harness::START + 3 * 3_600);
        let stats = house.control().stats();
        assert_eq!(
            (stats.token_requests("refresh_token"), stats.token_errors),
            (0, 0)
        );
    });
}

#[test]
fn a_token_that_the_mail_server_refuses_is_fetched_anew_once_and_the_mail_sent() {
    run(async {
        let house = House::start().await;
        ready(&house).await;
        house.advance(Duration::from_secs(300)); // parked sessions are gone
        house.control().expire_access_tokens(CLIENT_ID);
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
        assert_eq!(fetched(&house), 2);
    });
}

#[test]
fn without_consent_the_login_fails_and_the_commands_are_named() {
    run(async {
        let house = House::start().await;
        house.create("adele", app_only(&house)).await;
        // The platform says so, but nobody consented: Microsoft gives a token without roles.
        let state = house.begin("adele").await.state;
        let said = format!("https://x.example/?admin_consent=True&state={state}");
        let service = complete(&house, &said).await.unwrap();
        assert_eq!(service.state(), ServiceState::PendingTest);
        let test = house.test("adele", ALEX).await;
        assert!(!test.passed);
        let diagnosis = test.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::SmtpAuthRefused);
        assert_eq!(diagnosis.fixed_by(), v1::FixedBy::TenantAdmin);
        assert!(
            diagnosis.summary.contains("SMTP.SendAsApp"),
            "{diagnosis:?}"
        );
        let begin = format!("New-ServicePrincipal -AppId '{CLIENT_ID}' -ObjectId ");
        assert!(diagnosis.commands[0].starts_with(&begin), "{diagnosis:?}");
        let grant = format!("Add-MailboxPermission -Identity '{NOREPLY}' ");
        assert!(diagnosis.commands[1].starts_with(&grant), "{diagnosis:?}");
        // Asked once more before it gave up.
        assert_eq!((fetched(&house), house.control().stats().auths), (2, 2));

        house.control().admin_consent(CLIENT_ID, TENANT_ID);
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn consent_that_is_withdrawn_blocks_and_comes_back_without_a_new_authorization() {
    run(async {
        let house = House::start().await;
        ready(&house).await;
        house.advance(Duration::from_secs(300));
        house.control().expire_access_tokens(CLIENT_ID);
        house
            .control()
            .alter_app(CLIENT_ID, |app| app.admin_consent.clear());
        let sent = house.mail_to(&[ALEX]).await;
        let held = house.message_in(&sent.message_id, MessageState::Held).await;
        assert_eq!(held.problem.unwrap().reason(), Reason::SmtpAuthRefused);
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::Blocked);
        assert_eq!(service.problem.unwrap().commands.len(), 3);
        house.control().admin_consent(CLIENT_ID, TENANT_ID);
        house.resume("adele").await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
    });
}

#[test]
fn a_mailbox_that_the_app_was_not_given_is_named_with_its_command() {
    run(async {
        let house = House::start().await;
        let mut service = app_only(&house);
        oauth2(&mut service).login_email = ADELE.into();
        service.sender.as_mut().unwrap().address = ADELE.into();
        house.create("adele", service).await;
        assert_eq!(house.authorize("adele", ADELE).await.status, 200);
        let test = house.test("adele", ALEX).await;
        let diagnosis = test.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::SmtpAuthRefused);
        let grant = format!("Add-MailboxPermission -Identity '{ADELE}' ");
        assert!(
            diagnosis
                .commands
                .iter()
                .any(|command| command.starts_with(&grant))
        );
    });
}

#[test]
fn a_declined_consent_is_an_error_although_it_says_admin_consent() {
    run(async {
        let house = House::start().await;
        let before = ready(&house).await;
        let begun = house.begin("adele").await;
        let back = browser::decide(&begun.authorization_url, ADELE, "decline").await;
        assert_eq!(browser::parameters(&back)["admin_consent"], "True");
        let page = browser::get(&back).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("AADSTS65004"), "{}", page.body);

        let begun = house.begin("adele").await;
        let back = browser::decide(&begun.authorization_url, ADELE, "decline").await;
        let answer = complete(&house, &back).await;
        refused(answer, Code::FailedPrecondition, "CONSENT_DENIED");
        assert_eq!(fetched(&house), 1);
        house.only_failed_to_authorize(before).await;
    });
}

#[test]
fn the_tenant_that_comes_back_is_not_believed() {
    run(async {
        let house = House::start().await;
        house.create("adele", app_only(&house)).await;
        let back = house.consent("adele", ADELE).await;
        let forged = back.replace(TENANT_ID, FABRIKAM_TENANT_ID);
        assert_ne!(forged, back);
        assert_eq!(browser::get(&forged).await.status, 200);
        // A token of the other tenant would be refused.
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn an_app_token_for_graph_is_named_before_it_is_stored() {
    run(async {
        let house = House::start().await;
        let mut service = app_only(&house);
        oauth2(&mut service).scopes = vec!["https://graph.microsoft.com/.default".into()];
        house.create("adele", service).await;
        let back = house.consent("adele", ADELE).await;
        let answer = complete(&house, &back).await;
        refused(answer, Code::FailedPrecondition, "WRONG_AUDIENCE");
        assert_eq!(house.get("adele").await.authorization, None);
    });
}

#[test]
fn a_service_that_people_consented_to_changes_over_by_a_new_authorization() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(NOREPLY);
        oauth2(&mut service).consent_email = ADELE.into();
        house.ready("adele", service).await;
        let mut changed = app_only(&house);
        changed.service_id = "adele".into();
        let paths = ["oauth2.grant", "oauth2.tenant_id"];
        let changed = house.update(changed, &paths).await.unwrap();
        assert_eq!(changed.state(), ServiceState::PendingAuthorization);
        let held = house.mail_to(&[ALEX]).await;
        assert_eq!(held.state(), MessageState::Held);
        assert_eq!(house.authorize("adele", ADELE).await.status, 200);
        house.message_in(&held.message_id, MessageState::Sent).await;
        assert_eq!(fetched(&house), 1);
    });
}

#[test]
fn each_grant_ends_with_its_own_answer() {
    run(async {
        let house = House::start().await;
        house.create("adele", app_only(&house)).await;
        house.create("alex", house.service(ALEX)).await;
        for (id, answer) in [("adele", "code=a-code"), ("alex", "admin_consent=True")] {
            let begun = house.begin(id).await;
            let back = format!("{}?state={}&{answer}", begun.redirect_uri, begun.state);
            let page = browser::get(&back).await;
            assert_eq!(page.status, 400, "{}", page.body);
            assert_eq!(
                house.get(id).await.state(),
                ServiceState::PendingAuthorization
            );
        }
        assert!(house.control().stats().token_requests.is_empty());
    });
}

#[test]
fn a_secret_that_is_wrong_or_expired_is_named_and_the_grant_stays() {
    run(async {
        let house = House::start().await;
        let mut service = app_only(&house);
        oauth2(&mut service).client_secret = "the-secret-id-and-not-its-value".into();
        house.create("adele", service).await;
        let back = house.consent("adele", ADELE).await;
        let answer = complete(&house, &back).await;
        let fault = refused(answer, Code::FailedPrecondition, "CLIENT_SECRET_INVALID");
        assert_eq!(fault.provider_code, "AADSTS7000215");
        let mut service = app_only(&house);
        service.service_id = "adele".into();
        house
            .update(service, &["oauth2.client_secret"])
            .await
            .unwrap();
        assert_eq!(house.authorize("adele", ADELE).await.status, 200);
        assert!(house.test("adele", ALEX).await.passed);

        house.control().expire_secret(CLIENT_ID);
        house.advance(HOUR);
        let service = house.service_in("adele", ServiceState::Blocked).await;
        assert_eq!(
            service.problem.unwrap().reason(),
            Reason::ClientSecretExpired
        );
    });
}

#[test]
fn no_refusal_of_the_provider_asks_for_a_new_authorization() {
    run(async {
        let house = House::start().await;
        ready(&house).await;
        let refusal = mailwright::sandbox::TokenRefusal::Code(53_003);
        house.control().refuse_next_token_requests(1, refusal);
        house.advance(HOUR);
        house.service_in("adele", ServiceState::Blocked).await;
        let held = house.mail_to(&[ALEX]).await;
        assert_eq!(held.state(), MessageState::Held);
        house.advance(HOUR);
        house.message_in(&held.message_id, MessageState::Sent).await;
    });
}

#[test]
fn the_settings_must_name_one_tenant_of_microsoft() {
    run(async {
        let house = House::start().await;
        for tenant in ["", "common", "Organizations", "consumers"] {
            let mut service = app_only(&house);
            oauth2(&mut service).tenant_id = tenant.into();
            let answer = house.try_create("adele", service).await;
            invalid(answer, &["service.oauth2.tenant_id"]);
        }
        let mut google = app_only(&house);
        oauth2(&mut google).provider = v1::Provider::Google.into();
        let answer = house.try_create("adele", google.clone()).await;
        invalid(answer, &["service.oauth2.grant"]);
        let mut custom = super::callback::custom(&house);
        oauth2(&mut custom).grant = v1::Grant::ClientCredentials.into();
        let answer = house.try_create("adele", custom).await;
        invalid(answer, &["service.oauth2.grant"]);

        house.create("adele", app_only(&house)).await;
        google.service_id = "adele".into();
        let answer = house.update(google, &["oauth2.provider"]).await;
        invalid(answer, &["service.oauth2.grant"]);
    });
}
