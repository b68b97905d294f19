//! What a scrape tells of what happened, and that it tells no more than that.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState, OnUncertain, ServiceState};

use super::browser;
use super::harness::{House, run};
use super::requests::{oauth2, text_to};

const ADELE: &str = "adele@contoso.com";
const ALEX: &str = "alex@contoso.com";

impl House {
    pub async fn scrape(&self) -> String {
        let page = browser::get(&format!("http://{}/metrics", self.metrics)).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.body
    }

    /// Scrapes, and finds each of these lines.
    async fn tells(&self, lines: &[&str]) -> String {
        let text = self.scrape().await;
        for line in lines {
            let tells = |told: &str| told.trim_end_matches(".0") == *line;
            assert!(text.lines().any(tells), "{line}\n{text}");
        }
        text
    }
}

#[test]
fn what_happened_is_counted() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        for to in [&[ALEX][..], &[ALEX, "refused@contoso.com"]] {
            let sent = house.send(text_to(to)).await;
            let partial = to.len() == 2;
            let end = [MessageState::Sent, MessageState::Partial][usize::from(partial)];
            house.message_in(&sent.message_id, end).await;
            house.advance(Duration::from_secs(60));
        }
        let hold = v1::SendRequest {
            on_uncertain: OnUncertain::Hold.into(),
            ..text_to(&["drop-after-dot@contoso.com"])
        };
        let held = house.send(hold).await;
        house
            .message_in(&held.message_id, MessageState::Uncertain)
            .await;
        let text = house
            .tells(&[
                "mailwright_accept_duration_seconds_count 3",
                "mailwright_accept_to_sent_seconds_count 1",
                "mailwright_attempts_total{verdict=\"accepted\",reason=\"\"} 1",
                "mailwright_attempts_total{verdict=\"uncertain\",reason=\"REPLY_LOST\"} 1",
                "mailwright_recipients_total{outcome=\"accepted\"} 2",
                "mailwright_recipients_total{outcome=\"refused\"} 1",
                "mailwright_messages_ended_total{state=\"SENT\"} 1",
                "mailwright_messages_ended_total{state=\"PARTIAL\"} 1",
                "mailwright_uncertain_messages 1",
                "mailwright_outbox_messages 0",
                "mailwright_services{state=\"READY\"} 1",
                "mailwright_store_up 1",
                "mailwright_rpcs_total{method=\"mailwright.v1.MailAPI/Send\",code=\"OK\"} 3",
            ])
            .await;
        for secret in [ADELE, ALEX, "refused@", "localhost", "Sbx8Q"] {
            assert!(!text.contains(secret), "{secret}\n{text}");
        }
        let resolve = v1::ResolveMessageRequest {
            message_id: held.message_id,
            resolution: v1::Resolution::Sent.into(),
        };
        house.mail().resolve_message(resolve).await.unwrap();
        house.tells(&["mailwright_uncertain_messages 0"]).await;
    });
}

#[test]
fn what_waits_is_told_by_its_service_and_how_long_it_could_have_been_sent() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        house.send(text_to(&[ALEX])).await;
        house.advance(Duration::from_secs(100));
        house.send(text_to(&[ALEX])).await;
        house
            .tells(&[
                "mailwright_outbox_messages 2",
                "mailwright_queue_messages{service_id=\"adele\"} 2",
                "mailwright_queue_messages{service_id=\"_other\"} 0",
                "mailwright_queue_oldest_age_seconds{service_id=\"adele\"} 100",
                "mailwright_service_unusable{service_id=\"adele\",state=\"SUSPENDED\"} 1",
                "mailwright_services{state=\"SUSPENDED\"} 1",
            ])
            .await;
        house.resume("adele").await;
        house.service_in("adele", ServiceState::Ready).await;
    });
}

#[test]
fn of_many_services_only_so_many_are_named() {
    run(async {
        let house = House::with(|config| config.metrics.services = 2).await;
        for n in 1..=5 {
            let mut service = house.service(ADELE);
            oauth2(&mut service).client_secret_expire_time = Some(prost_types::Timestamp {
                seconds: 1_900_000_000 + n,
                nanos: 0,
            });
            house.create(&format!("svc-{n}"), service).await;
        }
        let text = house
            .tells(&[
                "mailwright_services{state=\"PENDING_AUTHORIZATION\"} 5",
                "mailwright_client_secret_expire_timestamp_seconds{service_id=\"svc-1\"} 1900000001",
                "mailwright_client_secret_expire_timestamp_seconds{service_id=\"svc-2\"} 1900000002",
            ])
            .await;
        assert!(!text.contains("svc-3"), "{text}");
        let named = "mailwright_service_unusable{";
        assert_eq!(text.matches(named).count(), 2, "{text}");
    });
}

#[test]
fn watchers_and_methods_are_counted_and_no_caller_makes_a_label() {
    run(async {
        let house = House::start().await;
        let watch = v1::WatchStatusRequest::default();
        let mut feed = house
            .status()
            .watch_status(watch)
            .await
            .unwrap()
            .into_inner();
        feed.message().await.unwrap();
        let missing = v1::GetServiceRequest {
            service_id: "nobody".into(),
        };
        house.admin().get_service(missing).await.unwrap_err();
        let mut client = tonic::client::Grpc::new(house.channel());
        client.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static("/made.up/Label");
        let codec =
            tonic_prost::ProstCodec::<v1::GetServiceRequest, v1::GetServiceResponse>::default();
        let request = tonic::Request::new(v1::GetServiceRequest::default());
        client.unary(request, path, codec).await.unwrap_err();
        let text = house
            .tells(&[
                "mailwright_watchers 1",
                "mailwright_rpcs_total{method=\"mailwright.v1.AdminAPI/GetService\",code=\"NOT_FOUND\"} 1",
                "mailwright_rpcs_total{method=\"other\",code=\"UNIMPLEMENTED\"} 1",
            ])
            .await;
        assert!(!text.contains("made.up"), "{text}");
        drop(feed);
    });
}

#[test]
fn the_listener_that_faces_browsers_tells_nothing() {
    run(async {
        let house = House::start().await;
        let page = browser::get(&format!("http://{}/metrics", house.http)).await;
        assert_eq!(page.status, 404);
    });
}
