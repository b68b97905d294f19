//! A thousand watchers, of whom some read nothing and some come and go, while others send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mailwright::env::Env;
use mailwright::model::Timestamp;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::watch_status_request::Start;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, EventKind, MessageState};
use mailwright::sandbox::RateLimit;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;
use tonic::{Code, Streaming};

use super::harness::{Channel, House, START, as_admin, channel, run};
use super::requests::{ALEX, text_to};
use super::watch::{from_cursor, message_of};

const WATCHERS: usize = 1_000;
const CONNECTIONS: usize = 8;
/// Of these each has a connection of its own, and none reads before all is over.
const STALLED: usize = 50;
const SENDERS: usize = 8;
const MESSAGES: usize = 5;
const SHARDS: usize = 8;

/// All that happened; none while it still happens.
type Log = watch::Receiver<Option<Arc<Vec<v1::WatchStatusResponse>>>>;

struct Watcher {
    client: StatusApiClient<Channel>,
    request: v1::WatchStatusRequest,
    stream: Streaming<v1::WatchStatusResponse>,
    /// The newest cursor, of a heartbeat too.
    place: String,
    seen: Vec<v1::WatchStatusResponse>,
    /// How many it was to see.
    told: usize,
}

#[test]
fn each_of_a_thousand_watchers_is_told_all_that_concerns_it_once_and_in_order() {
    run(async {
        let mut house = House::start().await;
        house.sandbox.control().rate_limit(RateLimit::Off);
        house.ready_service().await;
        house.ready("alex", house.service(ALEX)).await;
        let later = v1::SendRequest {
            send_time: Some(prost_types::Timestamp {
                seconds: START + 600,
                nanos: 0,
            }),
            ..text_to(&[ALEX])
        };
        let later = house.send(later).await.message_id;
        let start = house.info().await.newest_cursor;

        let (over, log) = watch::channel(None);
        let crowd = crowd(&house, &start, &later, &log).await;
        work(&house, &later).await;
        let end = house.info().await.newest_cursor;
        let all = house.watch(&start).await.so_far().await;
        assert_eq!(all.last().unwrap().cursor, end);
        assert!(all.len() > SENDERS * MESSAGES * 3);
        over.send_replace(Some(Arc::new(all)));

        let mut told = crowd.join_all().await;
        assert_eq!(told.len(), WATCHERS + STALLED);
        // Whoever was told of nothing for a while goes on from the end all the same.
        house.advance(Duration::from_secs(1));
        for watcher in &mut told {
            while watcher.place != end {
                watcher.hear_next().await;
            }
            assert_eq!(watcher.seen.len(), watcher.told, "nothing more came");
        }
        // All of them are sent away at once.
        house.begin_stop();
        for mut watcher in told {
            let last = loop {
                if let Err(status) = watcher.stream.message().await {
                    break status;
                }
            };
            assert_eq!(last.code(), Code::Unavailable, "{last:?}");
        }
        house.stopped().await;
    });
}

/// What changes while they watch.
async fn work(house: &House, later: &str) {
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let mut mail = house.mail();
        senders.spawn(async move {
            let mut ids = Vec::new();
            for n in 0..MESSAGES {
                let request = v1::SendRequest {
                    service_id: if n == 0 { "alex" } else { "adele" }.into(),
                    labels: shard(sender + n),
                    ..text_to(&["ann@contoso.com"])
                };
                ids.push(mail.send(request).await.unwrap().into_inner().message_id);
            }
            ids
        });
    }
    house.suspend("alex").await;
    house.resume("alex").await;
    let request = v1::CancelMessageRequest {
        message_id: later.into(),
    };
    house.mail().cancel_message(request).await.unwrap();
    for id in senders.join_all().await.concat() {
        house.message_in(&id, MessageState::Sent).await;
    }
}

fn shard(n: usize) -> BTreeMap<String, String> {
    [("shard".to_owned(), (n % SHARDS).to_string())].into()
}

async fn crowd(house: &House, start: &str, later: &str, log: &Log) -> JoinSet<Watcher> {
    let mut crowd = JoinSet::new();
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(channel(house.grpc).await);
    }
    for n in 0..WATCHERS {
        let channel = channels[n % CONNECTIONS].clone();
        let mut request = from_cursor(start);
        match n % 10 {
            0 | 1 => {}
            2 => request.service_ids = vec!["alex".into(), "adele".into()],
            3 => request.kinds = vec![EventKind::Service.into()],
            4 => request.message_ids = vec![later.into()],
            5 => request.service_ids = vec!["nobody".into()],
            6 => {
                request.service_ids = vec!["alex".into()];
                request.kinds = vec![EventKind::Message.into()];
            }
            _ => request.labels = shard(n),
        }
        let watcher = Watcher::begin(channel, request).await;
        let comes_and_goes = (n % 10 == 1).then_some(n as u64);
        crowd.spawn(watcher.watch(log.clone(), comes_and_goes));
    }
    for _ in 0..STALLED {
        let watcher = Watcher::begin(narrow(house).await, from_cursor(start)).await;
        let mut log = log.clone();
        crowd.spawn(async move {
            log.wait_for(Option::is_some).await.unwrap();
            watcher.watch(log, None).await
        });
    }
    crowd
}

/// A connection that lets a few events through before somebody reads.
async fn narrow(house: &House) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", house.grpc)).unwrap();
    let narrow = endpoint.initial_stream_window_size(4 * 1024);
    as_admin(narrow.connect().await.unwrap())
}

impl Watcher {
    async fn begin(channel: Channel, request: v1::WatchStatusRequest) -> Self {
        let mut client = StatusApiClient::new(channel);
        let stream = client.watch_status(request.clone()).await.unwrap();
        Self {
            client,
            place: String::new(),
            request,
            stream: stream.into_inner(),
            seen: Vec::new(),
            told: 0,
        }
    }

    /// Watches until it has been told all; with a seed it leaves after some events, and comes back.
    async fn watch(mut self, mut log: Log, comes_and_goes: Option<u64>) -> Self {
        let random = comes_and_goes.map(|seed| Env::manual(Timestamp::default(), seed));
        let mut stays_for = 1;
        let mut expected = None;
        loop {
            if let Some(all) = log.borrow_and_update().clone() {
                let expected = expected.get_or_insert_with(|| self.concerned(&all));
                if self.seen.len() >= expected.len() {
                    assert_eq!(self.seen, *expected, "{:?}", self.request);
                    self.told = expected.len();
                    return self;
                }
            }
            tokio::select! {
                biased;
                told = self.stream.message() => self.hear(told.unwrap().unwrap()),
                _ = log.changed() => continue,
            }
            if let Some(random) = &random {
                stays_for -= 1;
                if stays_for == 0 {
                    stays_for = 1 + random.random::<1>()[0] % 20;
                    self.come_back().await;
                }
            }
        }
    }

    fn hear(&mut self, told: v1::WatchStatusResponse) {
        self.place.clone_from(&told.cursor);
        if !matches!(told.event, Some(Event::Heartbeat(_))) {
            self.seen.push(told);
        }
    }

    async fn hear_next(&mut self) {
        let told = self.stream.message().await.unwrap().unwrap();
        self.hear(told);
    }

    async fn come_back(&mut self) {
        self.request.start = Some(Start::Cursor(self.place.clone()));
        let stream = self.client.watch_status(self.request.clone()).await;
        self.stream = stream.unwrap().into_inner();
    }

    /// What of all that happened passes the filters, as the contract has it.
    fn concerned(&self, all: &[v1::WatchStatusResponse]) -> Vec<v1::WatchStatusResponse> {
        let wanted = &self.request;
        let passes = |told: &&v1::WatchStatusResponse| {
            let event = told.event.as_ref().unwrap();
            let (kind, service, message, labels) = match (event, message_of(event)) {
                (Event::Service(event), _) => {
                    let service = event.service.as_ref().unwrap();
                    (EventKind::Service, &service.service_id, "", &service.labels)
                }
                (_, Some(m)) => (
                    EventKind::Message,
                    &m.service_id,
                    m.message_id.as_str(),
                    &m.labels,
                ),
                _ => return false,
            };
            let named = |ids: &[String], id: &str| ids.is_empty() || ids.iter().any(|i| i == id);
            named(&wanted.service_ids, service)
                && named(&wanted.message_ids, message)
                && (wanted.kinds.is_empty() || wanted.kinds.contains(&kind.into()))
                && wanted
                    .labels
                    .iter()
                    .all(|(name, value)| labels.get(name) == Some(value))
        };
        all.iter().filter(passes).cloned().collect()
    }
}
