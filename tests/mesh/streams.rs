//! Streams: how long they live, what ends them, and how large they may be.

use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, send_stream_response::Result as Answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::process::free;
use super::proxy::Proxy;
use super::world::{Channel, World, run, send, text};

/// A proxy gives up a silent call after two seconds, and a client that is silent after one.
const IMPATIENT: [(&str, &str); 3] = [
    ("grpc_read_timeout 60s;", "grpc_read_timeout 2s;"),
    ("timeout server 60s", "timeout server 2s"),
    (
        "keepalive_requests 10000;",
        "keepalive_requests 10000; client_body_timeout 1s;",
    ),
];

/// So impatient that a heartbeat a second is too late.
const TOO_IMPATIENT: [(&str, &str); 2] = [
    ("grpc_read_timeout 60s;", "grpc_read_timeout 300ms;"),
    ("timeout server 60s", "timeout server 300ms"),
];

async fn watch(connection: Channel) -> Streaming<v1::WatchStatusResponse> {
    let position = v1::WatchPosition::Now.into();
    let request = v1::WatchStatusRequest {
        start: Some(v1::watch_status_request::Start::Position(position)),
        ..Default::default()
    };
    let mut status = StatusApiClient::new(connection);
    status.watch_status(request).await.unwrap().into_inner()
}

async fn heartbeats(feed: &mut Streaming<v1::WatchStatusResponse>, count: usize) {
    for _ in 0..count {
        let told = feed.message().await.unwrap().unwrap();
        assert!(matches!(told.event, Some(Event::Heartbeat(_))), "{told:?}");
    }
}

#[test]
fn heartbeats_keep_a_watch_past_the_idle_time_of_a_proxy() {
    run(async {
        let world = World::start().await;
        let (mut patient, mut cut) = (Vec::new(), Vec::new());
        let proxies = world.proxies(&IMPATIENT).await;
        for proxy in &proxies {
            patient.push(watch(proxy.connect().await).await);
        }
        // The same without heartbeats in time, so that it is they that keep it.
        let others = world.proxies(&TOO_IMPATIENT).await;
        for proxy in &others {
            cut.push(watch(proxy.connect().await).await);
        }
        for feed in &mut patient {
            heartbeats(feed, 6).await;
        }
        for mut feed in cut {
            let ended = loop {
                match feed.message().await {
                    Ok(Some(_)) => {}
                    ended => break ended,
                }
            };
            assert!(
                ended.is_err(),
                "a proxy that gives up is an error: {ended:?}"
            );
        }
    });
}

#[test]
fn a_watch_that_the_server_ends_says_why() {
    run(async {
        let mut world = World::start().await;
        let mut feeds = Vec::new();
        let proxies = world.proxies(&[]).await;
        for proxy in &proxies {
            let mut feed = watch(proxy.connect().await).await;
            heartbeats(&mut feed, 1).await;
            feeds.push((proxy, feed));
        }
        world.stop();
        for (proxy, mut feed) in feeds {
            let ended = loop {
                match feed.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{:?}: without a word", proxy.kind),
                    Err(ended) => break ended,
                }
            };
            assert_eq!(ended.code(), Code::Unavailable, "{:?}", proxy.kind);
            let reason = ended.get_details_error_info().map(|info| info.reason);
            assert_eq!(reason.as_deref(), Some("DRAINING"), "{ended:?}");
            assert!(ended.get_details_retry_info().is_some());
        }
    });
}

#[test]
fn a_send_stream_may_be_silent_and_larger_than_any_call() {
    run(async {
        let world = World::start().await;
        let mut changes = IMPATIENT.to_vec();
        changes.push(("client_max_body_size 49m", "client_max_body_size 1m"));
        for proxy in world.proxies(&changes).await {
            let name = format!("{:?}", proxy.kind);
            println!("{name}"); // shown only where a test fails
            let (requests, stream) = mpsc::channel(1);
            let mut mail = MailApiClient::new(proxy.connect().await);
            // nginx hands a stream on with its first bytes, so who waits for its head before waits on.
            requests
                .send(tagged(text(&format!("{name}-early"))))
                .await
                .unwrap();
            let answers = mail.send_stream(ReceiverStream::new(stream)).await.unwrap();
            let mut answers = answers.into_inner();
            answers.message().await.unwrap().unwrap();
            for n in 0..4 {
                let email = v1::Email {
                    html_body: "x".repeat(600 * 1024),
                    ..v1::Email::default()
                };
                let id = format!("{name}-{n}");
                println!("{id}");
                accepted(&requests, &mut answers, send(&id, email)).await;
            }
            // Twice as long as the proxy waits anywhere else.
            let mut feed = watch(proxy.connect().await).await;
            let mut silent = 0;
            while silent < 5 {
                let told = feed.message().await.unwrap().unwrap();
                silent += usize::from(matches!(told.event, Some(Event::Heartbeat(_))));
            }
            accepted(&requests, &mut answers, text(&format!("{name}-late"))).await;
            drop(requests);
            assert!(answers.message().await.unwrap().is_none(), "{name}");
        }
    });
}

fn tagged(request: v1::SendRequest) -> v1::SendStreamRequest {
    v1::SendStreamRequest {
        tag: request.request_id.clone(),
        request: Some(request),
    }
}

async fn accepted(
    requests: &mpsc::Sender<v1::SendStreamRequest>,
    answers: &mut Streaming<v1::SendStreamResponse>,
    request: v1::SendRequest,
) {
    let tag = request.request_id.clone();
    requests.send(tagged(request)).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    assert_eq!(answer.tag, tag);
    assert!(
        matches!(answer.result, Some(Answer::Accepted(_))),
        "{answer:?}"
    );
}

#[test]
fn health_is_asked_and_watched_through_a_proxy() {
    run(async {
        let mut world = World::start().await;
        let proxies = world.proxies(&IMPATIENT).await;
        let mut watching = Vec::new();
        for proxy in &proxies {
            let mut health = HealthClient::new(proxy.connect().await);
            let checked = health.check(request("")).await.unwrap().into_inner();
            assert_eq!(checked.status(), ServingStatus::Serving);
            let unknown = health.check(request("nothing")).await.unwrap_err();
            assert_eq!(unknown.code(), Code::NotFound);
            let mut of = async |name: &str| {
                let watched = health.watch(request(name)).await.unwrap();
                let mut watched = watched.into_inner();
                assert_eq!(next(&mut watched).await.unwrap(), ServingStatus::Serving);
                watched
            };
            watching.push((of("").await, of("services/billing").await));
        }
        // Longer than any other call may be silent.
        let mut feed = watch(proxies[0].connect().await).await;
        heartbeats(&mut feed, 5).await;
        suspend(&proxies[0]).await;
        for (_, mailbox) in &mut watching {
            assert_eq!(next(mailbox).await.unwrap(), ServingStatus::NotServing);
        }
        world.stop();
        for (process, mailbox) in &mut watching {
            assert_eq!(next(process).await.unwrap(), ServingStatus::NotServing);
            assert_eq!(next(mailbox).await.unwrap_err().code(), Code::Unavailable);
        }
    });
}

#[test]
fn a_watcher_that_leaves_is_gone_for_the_server_too() {
    run(async {
        let metrics = free().to_string();
        let world = World::with(&[("MAILWRIGHT_METRICS_LISTEN", &metrics)]).await;
        for proxy in world.proxies(&[]).await {
            let connection = proxy.connect().await;
            let mut feed = watch(connection.clone()).await;
            heartbeats(&mut feed, 1).await;
            assert_eq!(watchers(&metrics).await, 1, "{:?}", proxy.kind);
            drop(feed);
            while watchers(&metrics).await > 0 {}
            drop(connection);
        }
    });
}

/// How many the server counts.
async fn watchers(metrics: &str) -> u32 {
    let mut stream = TcpStream::connect(metrics).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let count = page
        .lines()
        .find_map(|line| line.strip_prefix("mailwright_watchers "));
    count.unwrap_or_else(|| panic!("{page}")).parse().unwrap()
}

fn request(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.into(),
    }
}

async fn next(
    watched: &mut Streaming<tonic_health::pb::HealthCheckResponse>,
) -> Result<ServingStatus, Status> {
    let told = watched.message().await?;
    Ok(told.expect("a watch doesn't end in order").status())
}

async fn suspend(proxy: &Proxy) {
    let suspend = v1::SuspendServiceRequest {
        service_id: "billing".into(),
    };
    let mut admin = AdminApiClient::new(proxy.connect().await);
    admin.suspend_service(suspend).await.unwrap();
}
