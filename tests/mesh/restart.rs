//! The server is replaced and killed under load, while clients send and watch through both proxies.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mailwright::rpc::proto::v1;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use tokio::sync::watch;
use tokio::task::{JoinHandle, yield_now};
use tonic::{Code, Status};

use super::load::{Load, Seen};
use super::proxy::Proxy;
use super::world::{Channel, World, run, text};

/// Messages that each client has accepted between two blows.
const BETWEEN: usize = 40;

/// nginx takes a connection from its clients often, as it does after hours.
const CHANGES: [(&str, &str); 1] = [("keepalive_requests 10000;", "keepalive_requests 25;")];

#[test]
fn a_client_sees_no_restart_and_no_message_is_lost_or_doubled() {
    run(async {
        let mut world = World::start().await;
        let proxies = world.proxies(&CHANGES).await;
        let mut loads = Vec::new();
        for proxy in &proxies {
            loads.extend(["python", "go"].map(|language| Load::start(language, proxy)));
        }
        let stubs = [
            Stub::start(&proxies[0]).await,
            Stub::start(&proxies[1]).await,
        ];
        all_go_on(&mut loads).await;
        world.stop();
        world.serve();
        all_go_on(&mut loads).await;
        world.kill();
        world.serve();
        all_go_on(&mut loads).await;
        world.stop();
        for stub in &stubs {
            stub.meets_a_failure().await;
        }
        world.serve();
        all_go_on(&mut loads).await;

        let mut accepted = BTreeMap::new();
        for stub in stubs {
            accepted.extend(stub.finish().await);
        }
        loads.iter_mut().for_each(Load::stop);
        let mut seen = Vec::new();
        for load in loads {
            let name = load.name.clone();
            seen.push((name, load.finish().await));
        }
        every_watch_went_on(&world, &seen).await;
        for (_, seen) in seen {
            accepted.extend(seen.accepted);
        }
        each_arrived_once(&world, accepted).await;
    });
}

async fn all_go_on(loads: &mut [Load]) {
    for load in loads {
        load.goes_on(BETWEEN).await;
    }
}

/// A generated stub without the client's two loops: it repeats nothing.
struct Stub {
    stop: Arc<AtomicBool>,
    failures: watch::Receiver<usize>,
    sending: JoinHandle<BTreeMap<String, String>>,
}

impl Stub {
    async fn start(proxy: &Proxy) -> Self {
        let (name, connection) = (format!("stub-{:?}", proxy.kind), proxy.connect().await);
        let (stop, failures) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(0));
        let (stopped, seen) = (stop.clone(), failures.subscribe());
        let sending = tokio::spawn(async move {
            let mut mail = MailApiClient::new(connection);
            let mut accepted = BTreeMap::new();
            let mut ids = (0..).map(|n| format!("{name}-{n}"));
            while !stopped.load(Ordering::Relaxed) {
                let id = ids.next().unwrap();
                match mail.send(text(&id)).await {
                    Ok(sent) => {
                        accepted.insert(id, sent.into_inner().message_id);
                    }
                    Err(status) => {
                        let expected = status.code() == Code::Unavailable || is_unsent(&status);
                        assert!(expected, "{name}: {status:?}");
                        failures.send_modify(|count| *count += 1);
                        yield_now().await;
                    }
                }
            }
            accepted
        });
        Self {
            stop,
            failures: seen,
            sending,
        }
    }

    async fn meets_a_failure(&self) {
        let mut failures = self.failures.clone();
        let before = *failures.borrow();
        failures.wait_for(|count| *count > before).await.unwrap();
    }

    async fn finish(self) -> BTreeMap<String, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.sending.await.unwrap()
    }
}

/// The connection that nginx takes away was chosen for this call a moment before: tonic's own word, of
/// a call that has not left.
fn is_unsent(status: &Status) -> bool {
    let source = status.source().and_then(Error::source);
    status.code() == Code::Cancelled && source.is_some_and(|why| why.is::<hyper::Error>())
}

/// What each watcher was told is a stretch of the feed, without a hole and without a repeat.
async fn every_watch_went_on(world: &World, seen: &[(String, Seen)]) {
    let feed = whole_feed(world.direct().await).await;
    for (name, seen) in seen {
        let first = seen.events.first().expect("it was told of its messages");
        let begin = feed.iter().position(|event| event == first).unwrap();
        let stretch = &feed[begin..begin + seen.events.len()];
        for (told, event) in seen.events.iter().zip(stretch) {
            assert_eq!(told, event, "{name}");
        }
        let told: BTreeSet<_> = seen.events.iter().map(|event| &event[1]).collect();
        assert!(seen.accepted.values().all(|id| told.contains(id)), "{name}");
    }
}

/// Every message's events, from the oldest to the newest.
async fn whole_feed(connection: Channel) -> Vec<[String; 3]> {
    let mut admin = AdminApiClient::new(connection.clone());
    let info = admin.get_server_info(v1::GetServerInfoRequest::default());
    let newest = info.await.unwrap().into_inner().newest_cursor;
    let oldest = v1::WatchPosition::Oldest.into();
    let request = v1::WatchStatusRequest {
        start: Some(v1::watch_status_request::Start::Position(oldest)),
        kinds: vec![v1::EventKind::Message.into()],
        ..Default::default()
    };
    let mut status = StatusApiClient::new(connection);
    let mut feed = status.watch_status(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    loop {
        let told = feed.message().await.unwrap().unwrap();
        let cursor = told.cursor;
        let at_end = cursor == newest;
        match told.event {
            Some(Event::Message(event)) => {
                let message = event.message.unwrap();
                let state = message.state().as_str_name().to_owned();
                events.push([cursor, message.message_id, state]);
            }
            // The first says that all there was has been told.
            _ => return events,
        }
        if at_end {
            return events;
        }
    }
}

/// What was accepted has arrived once; what may have, when the process was killed, not more often.
async fn each_arrived_once(world: &World, accepted: BTreeMap<String, String>) {
    let mut arrived = BTreeMap::<String, usize>::new();
    for mail in world.sandbox.mail() {
        let content = String::from_utf8_lossy(&mail.content).into_owned();
        let subject = content
            .lines()
            .find_map(|line| line.strip_prefix("Subject: "));
        *arrived.entry(subject.unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(
        arrived.values().filter(|copies| **copies > 1).count(),
        0,
        "{arrived:?}"
    );
    let ids: BTreeSet<_> = accepted.values().collect();
    assert_eq!(ids.len(), accepted.len(), "each request is one message");

    let mut mail = MailApiClient::new(world.direct().await);
    let mut uncertain = 0;
    for (request_id, message_id) in accepted {
        let get = v1::GetMessageRequest { message_id };
        let message = mail
            .get_message(get)
            .await
            .unwrap()
            .into_inner()
            .message
            .unwrap();
        assert_eq!(message.request_id, request_id);
        match message.state() {
            v1::MessageState::Sent => {
                assert_eq!(arrived.get(&request_id), Some(&1), "{request_id}")
            }
            v1::MessageState::Uncertain => uncertain += 1,
            other => panic!("{request_id} is {other:?}"),
        }
    }
    println!("{} arrived, {uncertain} are uncertain", arrived.len());
    assert!(
        uncertain <= 16,
        "no more than there were connections: {uncertain}"
    );
}
