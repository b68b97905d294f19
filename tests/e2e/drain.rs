//! Stopping: health says so, watchers are sent away, what is under way ends, nothing new begins.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState, WatchPosition};
use mailwright::store::Store;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::browser;
use super::fault::refused;
use super::harness::{House, channel, run};
use super::requests::{ADELE, ALEX, request as send_request, text_email, text_to};

const NAMES: [&str; 4] = [
    "",
    "mailwright.v1.AdminAPI",
    "mailwright.v1.MailAPI",
    "mailwright.v1.StatusAPI",
];

fn request(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.into(),
    }
}

#[test]
fn health_serves_for_the_process_and_each_api_until_the_drain() {
    run(async {
        let mut house = House::start().await;
        let mut client = HealthClient::new(house.channel());
        let mut streams = Vec::new();
        for name in NAMES {
            let answer = client.check(request(name)).await.unwrap().into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{name}");
            let mut stream = client.watch(request(name)).await.unwrap().into_inner();
            let first = stream.message().await.unwrap().unwrap();
            assert_eq!(first.status(), ServingStatus::Serving, "{name}");
            streams.push(stream);
        }
        let unknown = client.check(request("mailwright.v1.Nothing")).await;
        assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
        house.begin_stop();
        for mut stream in streams {
            let last = stream.message().await.unwrap().unwrap();
            assert_eq!(last.status(), ServingStatus::NotServing);
            assert!(!matches!(stream.message().await, Ok(Some(_))));
        }
        drop(client);
        house.stopped().await;
    });
}

#[test]
fn an_idle_connection_and_an_open_watch_do_not_hold_the_stop_up() {
    run(async {
        let mut house = House::start().await;
        let _idle = channel(house.grpc).await;
        let mut feed = house.watch_from(WatchPosition::Now).await;
        feed.next().await.unwrap();
        house.begin_stop();
        // The clock stands: no grace period ends here.
        let told = loop {
            if let Err(status) = feed.next().await {
                break status;
            }
        };
        refused(Err::<(), _>(told), Code::Unavailable, "DRAINING");
        house.stopped().await;
    });
}

#[test]
fn a_delivery_under_way_ends_before_the_stop() {
    run(async {
        let mut house = House::start().await;
        house.ready_service().await;
        house.control().hold_data_reply(true);
        let sent = house.mail_to(&[ALEX]).await;
        house.control().wait_until(|stats| stats.held == 1).await;
        let mut feed = house.watch(&sent.cursor).await;
        feed.message(&sent.message_id, MessageState::Sending).await;
        house.begin_stop();
        while feed.next().await.is_ok() {}
        house.control().hold_data_reply(false);
        let control = house.control().clone();
        house.stopped().await;
        let stats = control
            .wait_until(|stats| stats.connections_open == 0)
            .await;
        assert_eq!((stats.delivered, stats.held), (2, 0));
    });
}

impl House {
    /// What the probes of life and of readiness answer.
    async fn probes(&self) -> [(u16, String); 2] {
        let probe = async |path| {
            let url = format!("http://localhost:{}/{path}", self.http.port());
            let page = browser::get(&url).await;
            (page.status, page.body)
        };
        [probe("livez").await, probe("readyz").await]
    }
}

fn alive() -> (u16, String) {
    (200, "ok\n".into())
}

#[test]
fn who_drains_is_alive_and_not_ready() {
    run(async {
        let mut house = House::start().await;
        house.ready_service().await;
        assert_eq!(house.probes().await, [alive(), alive()]);
        house.control().hold_data_reply(true);
        house.mail_to(&[ALEX]).await;
        house.control().wait_until(|stats| stats.held == 1).await;
        let mut feed = house.watch_from(WatchPosition::Now).await;
        house.begin_stop();
        while feed.next().await.is_ok() {}
        let draining = (503, "draining\n".to_owned());
        assert_eq!(house.probes().await, [alive(), draining]);
        house.control().hold_data_reply(false);
        house.stopped().await;
    });
}

#[test]
fn who_lost_its_store_is_alive_and_not_ready() {
    run(async {
        let (house, store) = House::on_disk().await;
        house.ready_service().await;
        assert_eq!(house.probes().await, [alive(), alive()]);
        // The first body that is too large for a row has nowhere to go.
        std::fs::remove_dir_all(house.data().join("segments")).unwrap();
        let email = v1::Email {
            text_body: "x ".repeat(50_000),
            ..text_email(&[ALEX])
        };
        let answer = house.try_send(send_request(email)).await;
        refused(answer, Code::Unavailable, "STORE_UNAVAILABLE");
        store.failed().await;
        let lost = (503, "the store does not answer\n".to_owned());
        assert_eq!(house.probes().await, [alive(), lost]);
    });
}

#[test]
fn nothing_new_is_claimed_once_the_stop_has_begun() {
    run(async {
        let mut house = House::start().await;
        house.ready_service().await;
        house.control().hold_data_reply(true);
        for n in 0..5 {
            let to = format!("user{n}@contoso.com");
            house.send(text_to(&[&to])).await;
        }
        // Three connections are what the mailbox has; two messages wait.
        house.control().wait_until(|stats| stats.held == 3).await;
        let mut feed = house.watch_from(WatchPosition::Now).await;
        house.begin_stop();
        while feed.next().await.is_ok() {}
        house.control().hold_data_reply(false);
        let control = house.control().clone();
        house.stopped().await;
        assert_eq!(control.stats().delivered, 4, "the test and three");
    });
}

#[test]
fn what_does_not_end_by_itself_is_cut_off_after_the_grace_period() {
    run(async {
        let mut house = House::with(|config| config.server.drain_grace_seconds = 7).await;
        house.ready_service().await;
        house.control().hold_data_reply(true);
        house.mail_to(&[ALEX]).await;
        house.control().wait_until(|stats| stats.held == 1).await;
        let mut silent = TcpStream::connect(house.grpc).await.unwrap();
        silent.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
        let mut feed = house.watch_from(WatchPosition::Now).await;
        house.begin_stop();
        while feed.next().await.is_ok() {}
        house.advance(Duration::from_secs(7));
        house.stopped().await;
    });
}

#[test]
fn a_browser_that_only_connects_does_not_hold_the_stop_up() {
    run(async {
        let mut house = House::start().await;
        let _silent = TcpStream::connect(house.http).await.unwrap();
        let live = format!("http://localhost:{}/livez", house.http.port());
        assert_eq!(browser::get(&live).await.status, 200);
        house.begin_stop();
        house.stopped().await;
    });
}

#[test]
fn a_browser_whose_code_is_being_redeemed_gets_its_page_and_the_grant_is_kept() {
    run(async {
        let (mut house, store) = House::on_disk().await;
        house.create("adele", house.service(ADELE)).await;
        let back = house.consent("adele", ADELE).await;
        house.control().hold_token_replies(true);
        let page = tokio::spawn(async move { browser::get(&back).await });
        let control = house.control().clone();
        control
            .wait_until(|stats| stats.token_requests_held == 1)
            .await;
        house.begin_stop();
        // Without its listener, the server waits for nobody but the browser.
        while TcpStream::connect(house.http).await.is_ok() {}
        control.hold_token_replies(false);
        assert_eq!(page.await.unwrap().status, 200);
        let (store, _folder) = house.reopened(store).await;
        let granted = store.token(&"adele".parse().unwrap()).await.unwrap();
        assert!(granted.is_some());
    });
}
