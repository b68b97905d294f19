//! A client secret is changed without an outage: the next one takes over when the first is refused.

use std::time::Duration;

use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState, WatchPosition};
use mailwright::sandbox::CLIENT_ID;

use super::browser;
use super::harness::{Channel, House, channel, run};
use super::requests::{ADELE, ALEX, oauth2, text_to};
use super::site::{Site, until_nothing_is_under_way};

const NEXT: &str = "the-next-secret-xyz";

impl House {
    /// The service "adele" with a secret that follows, ready to send.
    async fn with_next_secret(&self, next: &str) {
        let mut service = self.service(ADELE);
        oauth2(&mut service).next_client_secret = next.into();
        self.ready("adele", service).await;
    }

    /// The hints at both secrets of "adele".
    async fn hints(&self) -> (String, String) {
        hints(&mut self.get("adele").await)
    }
}

fn hints(service: &mut v1::Service) -> (String, String) {
    let oauth2 = oauth2(service);
    (
        oauth2.client_secret_hint.clone(),
        oauth2.next_client_secret_hint.clone(),
    )
}

fn changed() -> (String, String) {
    ("xyz".to_owned(), String::new())
}

#[test]
fn mail_goes_on_when_the_secret_expires_and_the_next_one_is_right() {
    run(async {
        let house = House::start().await;
        house.with_next_secret(NEXT).await;
        house.control().expire_secret(CLIENT_ID);
        house.control().add_secret(CLIENT_ID, NEXT);
        let mut feed = house.watch_from(WatchPosition::Now).await;
        for _ in 0..3 {
            house.advance(Duration::from_secs(3_600));
            let sent = house.mail_to(&[ALEX]).await;
            assert_eq!(sent.state(), MessageState::Queued);
            let is_sent = |event: &Event| matches!(event, Event::Message(event) if event.message.as_ref().is_some_and(|m| m.message_id == sent.message_id && m.state() == MessageState::Sent));
            for event in feed.until(is_sent).await {
                match event {
                    Event::Message(event) => {
                        let state = event.message.unwrap().state();
                        assert!(!matches!(state, MessageState::Held | MessageState::Failed));
                    }
                    Event::Service(event) => {
                        assert_eq!(event.service.unwrap().state(), ServiceState::Ready);
                    }
                    Event::Heartbeat(_) => {}
                }
            }
        }
        assert_eq!(house.hints().await, changed());
        assert_eq!(house.get("adele").await.problem, None);
    });
}

#[test]
fn the_feed_tells_of_the_change_and_the_new_secret_has_no_expiry_yet() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        let settings = oauth2(&mut service);
        settings.next_client_secret = NEXT.into();
        settings.client_secret_expire_time = Some(prost_types::Timestamp {
            seconds: super::harness::START + 3_600,
            nanos: 0,
        });
        let before = house.ready("adele", service).await;
        house.control().expire_secret(CLIENT_ID);
        house.control().add_secret(CLIENT_ID, NEXT);
        let mut feed = house.watch_from(WatchPosition::Now).await;
        house.advance(Duration::from_secs(3_600));
        let mut told = feed.service("adele", ServiceState::Ready).await;
        assert_eq!(hints(&mut told), changed());
        assert_eq!(oauth2(&mut told).client_secret_expire_time, None);
        assert_ne!(told.etag, before.etag);
    });
}

#[test]
fn the_next_secret_redeems_a_code() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        oauth2(&mut service).next_client_secret = NEXT.into();
        house.create("adele", service).await;
        let back = house.consent("adele", ADELE).await;
        house.control().expire_secret(CLIENT_ID);
        house.control().add_secret(CLIENT_ID, NEXT);
        let page = browser::get(&back).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(house.hints().await, changed());
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn a_next_secret_alone_is_taken() {
    run(async {
        let house = House::start().await;
        house.with_next_secret(NEXT).await;
        house.control().add_secret(CLIENT_ID, NEXT);
        let cleared = v1::Service {
            service_id: "adele".into(),
            ..v1::Service::default()
        };
        house
            .update(cleared, &["oauth2.client_secret"])
            .await
            .unwrap();
        house.advance(Duration::from_secs(3_600));
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
        assert_eq!(house.hints().await, changed());
    });
}

#[test]
fn two_wrong_secrets_block_and_the_first_one_is_diagnosed() {
    run(async {
        let house = House::start().await;
        house.with_next_secret("not-a-known-secret").await;
        house.control().expire_secret(CLIENT_ID);
        house.advance(Duration::from_secs(3_600));
        let mut blocked = house.service_in("adele", ServiceState::Blocked).await;
        let problem = blocked.problem.clone().unwrap();
        assert_eq!(problem.reason(), Reason::ClientSecretExpired);
        assert_eq!(problem.provider_code, "AADSTS7000222");
        assert!(!problem.remedy.is_empty());
        let both = "next_client_secret was refused too: AADSTS7000215";
        assert!(problem.provider_text.contains(both), "{problem:?}");
        assert!(!problem.provider_text.contains("not-a-known-secret"));
        assert_ne!(hints(&mut blocked).1, "", "nothing is promoted");
        let held = house.mail_to(&[ALEX]).await;
        assert_eq!(held.state(), MessageState::Held);

        // A right one that follows ends the pause at once, and keeps the grant.
        house.control().add_secret(CLIENT_ID, NEXT);
        let mut service = house.service(ADELE);
        service.service_id = "adele".into();
        oauth2(&mut service).next_client_secret = NEXT.into();
        house
            .update(service, &["oauth2.next_client_secret"])
            .await
            .unwrap();
        house.message_in(&held.message_id, MessageState::Sent).await;
        assert_eq!(house.hints().await, changed());
    });
}

#[test]
fn a_secret_that_comes_while_the_old_one_is_being_refused_is_tried_at_once() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().expire_secret(CLIENT_ID);
        house.control().add_secret(CLIENT_ID, NEXT);
        house.control().hold_token_replies(true);
        house.advance(Duration::from_secs(3_600));
        let sent = house.mail_to(&[ALEX]).await;
        house
            .control()
            .wait_until(|stats| stats.token_requests_held == 1)
            .await;
        let mut service = house.service(ADELE);
        service.service_id = "adele".into();
        oauth2(&mut service).client_secret = NEXT.into();
        house
            .update(service, &["oauth2.client_secret"])
            .await
            .unwrap();
        house.control().hold_token_replies(false);
        let mut feed = house.watch(&sent.cursor).await;
        let is_sent = |event: &Event| matches!(event, Event::Message(event) if event.message.as_ref().is_some_and(|m| m.state() == MessageState::Sent));
        for event in feed.until(is_sent).await {
            if let Event::Service(event) = event {
                assert_eq!(event.service.unwrap().state(), ServiceState::Ready);
            }
        }
    });
}

/// Whatever the instant of the crash, one of the two secrets serves afterwards.
#[test]
fn a_crash_while_the_next_secret_takes_over_loses_neither() {
    run(async {
        for place in ["token.apply", "token.applied", "token.synced"] {
            let site = Site::new(None).await;
            let mut process = site.start();
            site.prepare(&process).await;
            let mut admin = AdminApiClient::new(channel(process.grpc).await);
            let mut service = get(&mut admin).await;
            oauth2(&mut service).next_client_secret = NEXT.into();
            let update = v1::UpdateServiceRequest {
                service: Some(service),
                update_mask: Some(prost_types::FieldMask {
                    paths: vec!["oauth2.next_client_secret".into()],
                }),
            };
            admin.update_service(update).await.unwrap();
            process.kill();
            let control = site.sandbox.control();
            control.expire_secret(CLIENT_ID);
            control.add_secret(CLIENT_ID, NEXT);
            control.expire_access_tokens(ADELE);

            // The mail server refuses the old token, so that the first mail asks for a new one.
            if let Ok(process) = site.start_to_abort(Some(place)) {
                let mut mail = MailApiClient::new(channel(process.grpc).await);
                // The process may die before it answers.
                let _ = mail.send(text()).await;
                assert!(!process.ended().0.success(), "{place}");
            }
            let process = site.start();
            let connection = channel(process.grpc).await;
            let mut mail = MailApiClient::new(connection.clone());
            let sent = mail.send(text()).await.unwrap().into_inner();
            assert_eq!(sent.state(), MessageState::Queued, "{place}");
            until_nothing_is_under_way(&connection).await;
            let mut service = get(&mut AdminApiClient::new(connection)).await;
            assert_eq!(hints(&mut service), changed(), "{place}");
            assert_eq!(service.state(), ServiceState::Ready, "{place}");
        }
    });
}

async fn get(admin: &mut AdminApiClient<Channel>) -> v1::Service {
    let request = v1::GetServiceRequest {
        service_id: "billing".into(),
    };
    let answer = admin.get_service(request).await.unwrap();
    answer.into_inner().service.unwrap()
}

fn text() -> v1::SendRequest {
    v1::SendRequest {
        service_id: "billing".into(),
        ..text_to(&[ALEX])
    }
}
