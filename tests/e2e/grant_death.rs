//! A dead grant holds mail until somebody authorizes again, and refreshes go one by one.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState, WatchPosition};
use mailwright::sandbox::{CLIENT_ID, TokenRefusal};
use tokio::task::JoinSet;

use super::harness::{House, run};
use super::requests::{ADELE, ALEX, text_to};

/// No token of adele's is good any more, and no session is left that was opened by one.
fn revoke(house: &House) {
    house.advance(Duration::from_secs(300));
    house.control().revoke_refresh_tokens(ADELE);
    house.control().expire_access_tokens(ADELE);
}

#[test]
fn a_dead_grant_holds_mail_and_a_new_consent_sends_it() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        revoke(&house);
        let sent = house.mail_to(&[ALEX]).await;
        assert_eq!(sent.state(), MessageState::Queued);
        let held = house.message_in(&sent.message_id, MessageState::Held).await;
        assert_eq!(held.problem.unwrap().reason(), Reason::GrantDead);
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::NeedsAuthorization);
        let problem = service.problem.unwrap();
        assert_eq!(problem.reason(), Reason::GrantDead);
        assert_eq!(problem.provider_code, "AADSTS50173");
        assert!(problem.since_time.is_some() && !problem.remedy.is_empty());
        let authorization = service.authorization.unwrap();
        assert_eq!(authorization.next_refresh_time, None);
        let more = house.mail_to(&[ALEX]).await;
        assert_eq!(more.state(), MessageState::Held);
        assert_eq!(more.problem.unwrap().reason(), Reason::GrantDead);

        let page = house.authorize("adele", ADELE).await;
        assert_eq!(page.status, 200, "{}", page.body);
        for id in [sent.message_id, more.message_id] {
            let sent = house.message_in(&id, MessageState::Sent).await;
            assert_eq!(sent.problem, None);
        }
        let service = house.get("adele").await;
        assert_eq!(
            (service.state(), service.problem),
            (ServiceState::Ready, None)
        );
        assert_eq!(house.sandbox.mail().len(), 3);
    });
}

#[test]
fn a_grant_that_dies_while_nothing_is_sent_is_noticed_by_the_refresh() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().withdraw_consent(CLIENT_ID, ADELE);
        let mut feed = house.watch_from(WatchPosition::Now).await;
        house.advance(Duration::from_secs(3_600));
        let service = feed
            .service("adele", ServiceState::NeedsAuthorization)
            .await;
        assert_eq!(service.problem.unwrap().provider_code, "AADSTS65001");
    });
}

#[test]
fn an_expired_client_secret_blocks_and_keeps_the_grant() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().expire_secret(CLIENT_ID);
        house.advance(Duration::from_secs(3_600));
        let service = house.service_in("adele", ServiceState::Blocked).await;
        let problem = service.problem.unwrap();
        assert_eq!(problem.reason(), Reason::ClientSecretExpired);
        assert_eq!(problem.provider_code, "AADSTS7000222");
        let held = house.mail_to(&[ALEX]).await;
        assert_eq!(held.state(), MessageState::Held);

        house.control().add_secret(CLIENT_ID, "the-new-secret");
        let mut service = house.service(ADELE);
        service.service_id = "adele".into();
        super::requests::oauth2(&mut service).client_secret = "the-new-secret".into();
        house
            .update(service, &["oauth2.client_secret"])
            .await
            .unwrap();
        house.message_in(&held.message_id, MessageState::Sent).await;
    });
}

#[test]
fn a_provider_that_is_down_for_a_while_kills_nothing() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.advance(Duration::from_secs(300));
        house.control().expire_access_tokens(ADELE);
        house
            .control()
            .refuse_next_token_requests(1, TokenRefusal::ClientLoop);
        let sent = house.mail_to(&[ALEX]).await;
        let held = house.message_in(&sent.message_id, MessageState::Held).await;
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::Blocked);
        assert_eq!(service.problem, held.problem);
        // More mail waits with it, and asks nobody.
        let requests = house.control().stats().token_requests("refresh_token");
        let next = house.mail_to(&[ALEX]).await;
        assert_eq!(next.state(), MessageState::Held);
        house.advance(Duration::from_secs(59));
        assert_eq!(
            house.control().stats().token_requests("refresh_token"),
            requests
        );
        house.advance(Duration::from_secs(1));
        house.message_in(&sent.message_id, MessageState::Sent).await;
        house.message_in(&next.message_id, MessageState::Sent).await;
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn many_deliveries_with_an_expired_token_make_one_refresh() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        service.delivery = Some(v1::Delivery {
            max_connections: Some(10),
            messages_per_minute: Some(100_000),
            ..v1::Delivery::default()
        });
        house.ready("adele", service).await;
        house.control().concurrent_submissions(10);
        house.advance(Duration::from_secs(300));
        house.control().expire_access_tokens(ADELE);
        house.control().hold_token_replies(true);
        let mut calls = JoinSet::new();
        for n in 0..10 {
            let mut mail = house.mail();
            let to = format!("user{n}@contoso.com");
            calls.spawn(async move { mail.send(text_to(&[&to])).await.unwrap().into_inner() });
        }
        let sent = calls.join_all().await;
        // All ten have been refused by the mail server, and one asks for a token.
        let before = house.control().stats().auths_accepted;
        let refused = |stats: &mailwright::sandbox::Stats| stats.auths - before >= 10;
        house.control().wait_until(refused).await;
        house
            .control()
            .wait_until(|stats| stats.token_requests_held == 1)
            .await;
        house.control().hold_token_replies(false);
        for answer in sent {
            house
                .message_in(&answer.message_id, MessageState::Sent)
                .await;
        }
        let stats = house.control().stats();
        assert_eq!(stats.token_requests("refresh_token"), 1, "{stats:?}");
    });
}

#[test]
fn an_authorization_that_fails_leaves_the_grant_in_use() {
    run(async {
        let house = House::start().await;
        let before = house.ready_service().await;
        assert_eq!(house.authorize("adele", ALEX).await.status, 400);
        let back = house.consent("adele", ADELE).await;
        house.control().expire_secret(CLIENT_ID);
        assert_eq!(super::browser::get(&back).await.status, 400);
        house.only_failed_to_authorize(before).await;
        house.advance(Duration::from_secs(300)); // parked sessions are gone
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
    });
}
