//! Callers who ask for too much, or keep what they have: each is stopped, and others go on.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::{self, Role, WatchPosition};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::browser;
use super::fault::refused;
use super::harness::{Channel, House, bare_channel, channel, run};
use super::watch::from;

const LIMITED: (Code, &str) = (Code::ResourceExhausted, "CALLER_LIMITED");

type Feed = Streaming<v1::WatchStatusResponse>;

async fn watch(channel: &Channel) -> Result<Feed, Status> {
    let mut status = StatusApiClient::new(channel.clone());
    let answer = status.watch_status(from(WatchPosition::Now)).await?;
    Ok(answer.into_inner())
}

async fn info(channel: &Channel) -> Result<(), Status> {
    let ask = v1::GetServerInfoRequest::default();
    let mut admin = AdminApiClient::new(channel.clone());
    admin.get_server_info(ask).await.map(|_| ())
}

/// Waits until the peer has closed it.
async fn closed(stream: &mut TcpStream) {
    let mut bytes = [0; 1024];
    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
}

#[test]
fn browsers_and_scrapers_that_say_nothing_make_way() {
    run(async {
        let house = House::start().await;
        for (listener, page) in [(house.http, "livez"), (house.metrics, "metrics")] {
            let mut silent = Vec::new();
            for _ in 0..512 {
                silent.push(TcpStream::connect(listener).await.unwrap());
            }
            let page = browser::get(&format!("http://{listener}/{page}")).await;
            assert_eq!(page.status, 200);
            closed(&mut silent[0]).await;
            let newest = silent.last().unwrap();
            let unread = newest.try_read(&mut [0; 1]).unwrap_err();
            assert_eq!(unread.kind(), std::io::ErrorKind::WouldBlock, "it is open");
        }
    });
}

/// Asks again and again and reads nothing, until nothing that it writes is read either.
async fn pipelined(listener: SocketAddr, page: &str) -> TcpStream {
    /// Far more than who has something to read has to wait for its turn.
    const QUIET_ROUNDS: usize = 64;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let stream = socket.connect(listener).await.unwrap();
    // Long ones, so that it is soon seen whether they are read.
    let filler = "x".repeat(16_000);
    let request = format!("GET /{page} HTTP/1.1\r\nhost: localhost\r\nx-filler: {filler}\r\n\r\n");
    let (mut written, mut quiet) = (0, 0);
    while quiet < QUIET_ROUNDS {
        match stream.try_write(&request.as_bytes()[written..]) {
            Ok(more) => (written, quiet) = ((written + more) % request.len(), 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => quiet += 1,
            Err(error) => panic!("{error}"),
        }
        // One at a time, so that the server keeps up with what it reads at all.
        browser::get(&format!("http://{listener}/livez")).await;
    }
    stream
}

#[test]
fn who_asks_and_reads_no_answer_makes_way() {
    run(async {
        let house = House::start().await;
        for (listener, page) in [(house.http, "oauth2/page.css"), (house.metrics, "metrics")] {
            let stream = pipelined(listener, page).await;
            let mut silent = Vec::new();
            for _ in 0..511 {
                silent.push(TcpStream::connect(listener).await.unwrap());
            }
            let page = browser::get(&format!("http://{listener}/{page}")).await;
            assert_eq!(page.status, 200);
            // Nothing of it is read, so only its end makes it writable.
            while !matches!(stream.try_write(b"GET"), Err(error) if error.kind() != ErrorKind::WouldBlock)
            {
                stream.writable().await.unwrap();
            }
        }
    });
}

#[test]
fn connections_that_say_nothing_make_way_and_those_with_calls_stay() {
    run(async {
        let house = House::with(|config| config.server.max_connections = 8).await;
        // Sixteen of nobody. The house's own connection has no call either, and makes way, too.
        let mut silent = Vec::new();
        for _ in 0..16 {
            silent.push(TcpStream::connect(house.grpc).await.unwrap());
        }
        let mut feeds = Vec::new();
        for _ in 0..8 {
            let own = channel(house.grpc).await;
            feeds.push((watch(&own).await.unwrap(), own));
        }
        for stream in &mut silent {
            closed(stream).await;
        }
        // All places are those of watchers with keys: one more is closed, whoever it is.
        let mut late = TcpStream::connect(house.grpc).await.unwrap();
        closed(&mut late).await;
        for (feed, _) in &mut feeds {
            assert!(feed.message().await.unwrap().is_some());
        }
        let text = house.scrape().await;
        assert!(text.contains("mailwright_connections 8\n"), "{text}");
        assert!(!text.contains("refused_total{what=\"connection\"} 0"));
        // One goes, and its place is free.
        let (feed, own) = feeds.pop().unwrap();
        drop((feed, own));
        while !house.scrape().await.contains("mailwright_connections 7\n") {}
        assert!(info(&channel(house.grpc).await).await.is_ok());
    });
}

#[test]
fn watching_health_without_a_key_keeps_no_connection() {
    run(async {
        let house = House::with(|config| config.server.max_connections = 4).await;
        let mut watchers = Vec::new();
        for _ in 0..4 {
            let mut health = HealthClient::new(bare_channel(house.grpc).await);
            let watched = health.watch(HealthCheckRequest::default()).await.unwrap();
            watchers.push(watched.into_inner());
        }
        let feed = watch(&channel(house.grpc).await).await;
        assert!(feed.unwrap().message().await.unwrap().is_some());
        // The longest there made way.
        let ended = async {
            let first = &mut watchers[0];
            while let Ok(Some(_)) = first.message().await {}
        };
        ended.await;
    });
}

#[test]
fn streams_are_bounded_for_each_key_and_in_all() {
    run(async {
        let house = House::with(|config| {
            config.limits.streams = 5;
            config.limits.streams_per_key = 3;
        })
        .await;
        let (one, _) = house.key(&[Role::Watcher], &[]).await;
        let (two, _) = house.key(&[Role::Sender], &[]).await;
        let mut feeds = Vec::new();
        for _ in 0..3 {
            feeds.push(watch(&one).await.unwrap());
        }
        let fourth = watch(&one).await.unwrap_err();
        let details = fourth.get_error_details();
        assert!(details.retry_info().unwrap().retry_delay.is_some());
        let quota = &details.quota_failure().unwrap().violations[0];
        assert!(quota.subject.starts_with("key "), "{quota:?}");
        refused(Err::<(), _>(fourth), LIMITED.0, LIMITED.1);

        // Another key's, of another kind, until all are taken.
        let mut mail = MailApiClient::new(two.clone());
        let (open, requests) = tokio::sync::mpsc::channel::<v1::SendStreamRequest>(1);
        let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
        let _answers = mail.send_stream(requests).await.unwrap();
        feeds.push(watch(&two).await.unwrap());
        refused(watch(&two).await, LIMITED.0, LIMITED.1);
        // A single call needs none, and what ends gives its place back.
        info(&one).await.unwrap();
        drop((open, feeds.remove(0)));
        while watch(&two).await.is_err() {}
    });
}

#[test]
fn a_key_that_calls_too_fast_is_told_when_to_go_on_and_others_are_not() {
    run(async {
        let house = House::with(|config| config.limits.requests_per_second = 5).await;
        let (fast, _) = house.key(&[Role::Watcher], &[]).await;
        let (other, _) = house.key(&[Role::Watcher], &[]).await;
        let mut taken = 0;
        let told = loop {
            match info(&fast).await {
                Ok(()) => taken += 1,
                Err(told) => break told,
            }
        };
        // Two seconds' worth at once, and the one whose turn it is.
        assert_eq!(taken, 11);
        let retry = told.get_error_details().retry_info().cloned().unwrap();
        let wait = retry.retry_delay.unwrap();
        refused(Err::<(), _>(told), LIMITED.0, LIMITED.1);
        assert_eq!(wait, Duration::from_millis(200));
        info(&other).await.unwrap();
        for _ in 0..100 {
            let mut health = HealthClient::new(fast.clone());
            let _ = health.check(HealthCheckRequest::default()).await;
            let mut health = HealthClient::new(bare_channel(house.grpc).await);
            health.check(HealthCheckRequest::default()).await.unwrap();
        }
        house.advance(wait);
        info(&fast).await.unwrap();
        refused(info(&fast).await, LIMITED.0, LIMITED.1);
    });
}

#[test]
fn an_idle_connection_is_closed_and_one_with_a_stream_is_not() {
    run(async {
        let house = House::with(|config| config.server.max_connection_idle_seconds = 600).await;
        let busy = channel(house.grpc).await;
        let mut feed = watch(&busy).await.unwrap();
        assert!(feed.message().await.unwrap().is_some());
        let mut silent = TcpStream::connect(house.grpc).await.unwrap();
        // The server has taken it.
        while !house.scrape().await.contains("mailwright_connections 3\n") {}
        house.advance(Duration::from_secs(599));
        assert!(house.scrape().await.contains("mailwright_connections 3\n"));
        house.advance(Duration::from_secs(1));
        closed(&mut silent).await;
        while !house.scrape().await.contains("mailwright_connections 1\n") {}
        assert!(feed.message().await.unwrap().is_some());
        drop(feed);
    });
}

#[test]
fn an_old_connection_ends_its_streams_in_order_and_is_cut_at_last() {
    run(async {
        const AGE: u32 = 24 * 60 * 60;
        let house = House::with(|config| config.server.max_connection_age_seconds = AGE).await;
        let own = channel(house.grpc).await;
        let mut feed = watch(&own).await.unwrap();
        assert!(feed.message().await.unwrap().is_some());
        house.advance(Duration::from_secs(u64::from(AGE) - 1));
        assert!(feed.message().await.unwrap().is_some());
        // Its streams end over ten seconds.
        house.advance(Duration::from_secs(11));
        let ended = loop {
            match feed.message().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        refused(ended, Code::Unavailable, "DRAINING");
        // Whoever stays all the same.
        let mut silent = TcpStream::connect(house.grpc).await.unwrap();
        while !house.scrape().await.contains("mailwright_connections 3\n") {}
        house.advance(Duration::from_secs(u64::from(AGE) + 59));
        house.advance(Duration::from_secs(1));
        closed(&mut silent).await;
        let again = watch(&channel(house.grpc).await).await;
        assert!(again.unwrap().message().await.unwrap().is_some());
    });
}
