//! A stream holds no more than its bound, whatever its client does and however long it is.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mailwright::model::event::Cursor;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::send_stream_response::Result as Outcome;
use mailwright::rpc::proto::v1::{self, MessageState};
use prost::Message as _;
use tonic::transport::Endpoint;

use super::harness::{Channel, House, as_admin, channel, run, run_within};

use super::requests::{ALEX, request, text_email};
use super::send_stream::tagged;
use super::site::Site;

/// What the server may hold of one stream.
const UNANSWERED_MAX: usize = 256;

/// So much of an answer stream may be encoded beyond what the client's window takes.
const SEND_AHEAD: usize = 64 * 1024;

/// What the client of this test takes ahead of being read.
const CLIENT_WINDOW: u32 = 65_535;

/// Messages through one process in CI; the variable STREAM_MESSAGES sets more, for a soak.
const MESSAGES: usize = 3_000;

/// A process may grow by so much, most of it sled's pages.
const GROWTH_MAX_KIB: usize = 400 * 1024;

fn large(service: &str, n: usize, bytes: usize) -> v1::SendStreamRequest {
    let email = v1::Email {
        attachments: vec![v1::Attachment {
            filename: "a.bin".into(),
            content: vec![7; bytes].into(),
            ..v1::Attachment::default()
        }],
        ..text_email(&[ALEX])
    };
    let request = v1::SendRequest {
        service_id: service.into(),
        ..request(email)
    };
    tagged(&n.to_string(), request)
}

/// So many requests, made when the connection takes them; how many it has taken.
fn offered(
    service: &'static str,
    count: usize,
    bytes: usize,
) -> (
    impl tokio_stream::Stream<Item = v1::SendStreamRequest> + Send + 'static,
    Arc<AtomicUsize>,
) {
    let taken = Arc::new(AtomicUsize::new(0));
    let seen = taken.clone();
    let requests = (0..count).map(move |n| {
        seen.store(n + 1, Ordering::Relaxed);
        large(service, n, bytes)
    });
    (tokio_stream::iter(requests), taken)
}

/// A client that takes little ahead.
async fn narrow(address: SocketAddr) -> MailApiClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let endpoint = endpoint
        .initial_stream_window_size(CLIENT_WINDOW)
        .initial_connection_window_size(4 * CLIENT_WINDOW);
    MailApiClient::new(as_admin(endpoint.connect().await.unwrap()))
}

/// How many events the server has kept: one for each message that it took and holds.
async fn kept(house: &House) -> u64 {
    let ask = v1::GetServerInfoRequest::default();
    let info = house.admin().get_server_info(ask).await.unwrap();
    let cursor = info.into_inner().newest_cursor;
    cursor.parse::<Cursor>().unwrap().sequence
}

#[test]
fn a_client_that_reads_no_answers_is_stopped_and_stops_only_itself() {
    run(async {
        const OFFERED: usize = 4_000;
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let before = kept(&house).await;
        let mut mail = narrow(house.grpc).await;
        let (requests, taken) = offered("adele", OFFERED, 4_096);
        let mut answers = mail.send_stream(requests).await.unwrap().into_inner();

        // It comes to a stand: nothing more is taken while others are answered many times.
        let (mut newest, mut same) = (before, 0);
        while same < 100 {
            let now = kept(&house).await;
            same = if now == newest && now > before {
                same + 1
            } else {
                0
            };
            newest = now;
        }
        let accepted = usize::try_from(newest - before).unwrap();
        let first = answers.message().await.unwrap().unwrap();
        let ahead = (SEND_AHEAD + CLIENT_WINDOW as usize) / first.encoded_len();
        println!(
            "accepted {accepted} of {} taken, bound {UNANSWERED_MAX} + {ahead}",
            taken.load(Ordering::Relaxed)
        );
        assert!(
            accepted <= UNANSWERED_MAX + ahead,
            "{accepted} > 256 + {ahead}"
        );
        assert!(taken.load(Ordering::Relaxed) < OFFERED);

        // On the same connection a large message and another stream find their way.
        let sent = mail
            .send(large("adele", 0, 3_000_000).request.unwrap())
            .await;
        assert_eq!(sent.unwrap().into_inner().state(), MessageState::Held);
        let (others, _) = offered("adele", 20, 100_000);
        let mut others = mail.send_stream(others).await.unwrap().into_inner();
        for _ in 0..20 {
            assert!(others.message().await.unwrap().is_some());
        }

        let mut tags = BTreeSet::from([first.tag]);
        while let Some(answer) = answers.message().await.unwrap() {
            assert!(
                matches!(answer.result, Some(Outcome::Accepted(_))),
                "{answer:?}"
            );
            tags.insert(answer.tag);
        }
        assert_eq!(tags.len(), OFFERED);
    });
}

#[test]
fn few_large_requests_fill_a_stream_as_many_small_ones_do() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let mut mail = house.mail();
        // Each takes more than a third of the room.
        let (requests, _) = offered("adele", 3, 6_000_000);
        let mut answers = mail.send_stream(requests).await.unwrap().into_inner();
        for _ in 0..3 {
            let answer = answers.message().await.unwrap().unwrap();
            assert!(
                matches!(answer.result, Some(Outcome::Accepted(_))),
                "{answer:?}"
            );
        }
        assert!(answers.message().await.unwrap().is_none());
    });
}

/// A figure of `/proc/ID/status`, in KiB.
fn memory(id: u32, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let figure = line.split_whitespace().nth(1).unwrap();
    figure.parse().unwrap()
}

#[test]
fn a_long_stream_goes_through_a_process_that_stays_small() {
    let count = std::env::var("STREAM_MESSAGES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(MESSAGES);
    run_within(Duration::from_secs(60 * 60), async move {
        let site = Site::new(None).await;
        site.prepare(&site.start()).await;
        let process = site.start();
        let connection = channel(process.grpc).await;
        let suspend = v1::SuspendServiceRequest {
            service_id: "billing".into(),
        };
        let mut admin = AdminApiClient::new(connection.clone());
        admin.suspend_service(suspend).await.unwrap();
        let before = memory(process.id(), "VmRSS");
        let (requests, _) = offered("billing", count, 8_192);
        let mut mail = MailApiClient::new(connection);
        let mut answers = mail.send_stream(requests).await.unwrap().into_inner();
        let mut tags = BTreeSet::new();
        while let Some(answer) = answers.message().await.unwrap() {
            assert!(
                matches!(answer.result, Some(Outcome::Accepted(_))),
                "{answer:?}"
            );
            tags.insert(answer.tag);
        }
        assert_eq!(tags.len(), count);
        let most = memory(process.id(), "VmHWM");
        println!("{count} messages: from {before} KiB to {most} KiB at most");
        assert!(
            most - before < GROWTH_MAX_KIB,
            "from {before} to {most} KiB"
        );
    });
}
