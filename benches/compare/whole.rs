//! The whole way: from Send to the SENT event at a watcher, while a thousand watch and ten thousand
//! mailboxes are registered.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mailwright::rpc::proto::v1::service::Auth;
use mailwright::rpc::proto::v1::watch_status_request::Start;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{
    EventKind, MessageState, NoAuth, SendRequest, TlsMode, WatchPosition, WatchStatusRequest,
    WatchStatusResponse,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tonic::Streaming;

use crate::Bench;
use crate::disk::rate;
use crate::flow::{Flow, STREAMS, Sinks, nth_host};
use crate::machine;
use crate::report::{Section, Stat, Table};
use crate::server::{SETTINGS, Server, letter, registration};

const WATCHERS: usize = 1_000;
const MAILBOXES: usize = 10_000;

/// Mailboxes that mail goes through, each to a sink of its own.
const ACTIVE: u8 = 20;

/// Connections of one of these.
const CONNECTIONS: u32 = 5;

/// Connections of the watchers, together.
const WATCHERS_CONNECTIONS: usize = 8;

/// Messages on their way at once, where it is capacity that is measured.
const UNDER_WAY: usize = 1_024;

const BYTES: usize = 4 * 1024;

/// What each watcher listens for.
const LABEL: &str = "tenant";

/// Of capacity, in percent.
const LOADS: [u32; 3] = [10, 50, 90];

/// A server, its mailboxes, and whoever listens.
struct Town {
    server: Server,
    _sinks: Sinks,
    watchers: usize,
    sent: mpsc::UnboundedReceiver<(usize, Instant)>,
    runs: usize,
}

pub fn section(bench: &Bench) -> Section {
    let mut section = Section::new(
        "whole",
        "The whole way: from Send to the SENT event at a watcher",
    );
    let (watchers, mailboxes) = (bench.count(WATCHERS), bench.count(MAILBOXES));
    section.versions.push(machine::debian("postfix"));
    section.say(format!(
        "{watchers} watchers listen on {WATCHERS_CONNECTIONS} connections, each for the messages of one label, so that \
         each event concerns one of them. {mailboxes} mailboxes are registered; mail of 4 KiB goes by four SendStreams \
         through {ACTIVE} of them, over {CONNECTIONS} connections each, without TLS, to as many smtp-sinks. Capacity is \
         what ends a second where {UNDER_WAY} messages are on their way at any time. Below, mail comes in evenly at a \
         part of that, and times count from when a message was due to be sent, so that a wait for the server's \
         attention is in them. Clients and sinks share the machine with the server. {SETTINGS}"
    ));
    let crowd = bench
        .runtime
        .block_on(Town::build(bench, watchers, mailboxes));
    let (capacity, times) = bench.runtime.block_on(measure(bench, crowd));
    let alone = Town::build(bench, 1, usize::from(ACTIVE));
    let alone = bench.runtime.block_on(alone);
    let alone = bench.runtime.block_on(capacity_of(bench, alone)).0;
    let mut table = Table::new("Messages a second, SENT", &["who listens", "messages/s"]);
    let crowded = format!("{watchers} watchers, {mailboxes} mailboxes");
    table.row(vec![crowded.into(), capacity.into()]);
    let few = format!("1 watcher, {ACTIVE} mailboxes");
    table.row(vec![few.into(), alone.into()]);
    section.tables.push(table);
    section.tables.push(times);
    section
}

/// What it can do, and how long that takes at parts of it.
async fn measure(bench: &Bench, town: Town) -> (Stat, Table) {
    let (capacity, mut town) = capacity_of(bench, town).await;
    let mut table = Table::new(
        "Milliseconds from Send to the event",
        &["load", "messages/s", "p50", "p99"],
    );
    for percent in LOADS {
        let a_second = capacity.median() * f64::from(percent) / 100.0;
        let seconds = if bench.quick { 1.0 } else { 10.0 };
        let (mut half, mut most) = (Stat::default(), Stat::default());
        for _ in 0..bench.samples {
            let mut times = town.at_rate(a_second, (a_second * seconds) as usize).await;
            times.sort_unstable();
            half.push(percentile(&times, 50));
            most.push(percentile(&times, 99));
        }
        let load = format!("{percent} % of capacity");
        let a_second = Stat(vec![a_second]);
        table.row(vec![load.into(), a_second.into(), half.into(), most.into()]);
    }
    (capacity, table)
}

async fn capacity_of(bench: &Bench, mut town: Town) -> (Stat, Town) {
    let mut capacity = Stat::default();
    // Sessions open, files grow.
    town.at_capacity(bench.count(5_000)).await;
    for _ in 0..bench.samples {
        capacity.push(town.at_capacity(bench.count(20_000)).await);
    }
    (capacity, town)
}

impl Town {
    async fn build(bench: &Bench, watchers: usize, mailboxes: usize) -> Self {
        let folder = bench.fresh("whole");
        let sinks = Sinks::start(ACTIVE, &folder);
        let server = Server::start(&folder, &[]);
        for (n, at) in sinks.addresses.iter().enumerate() {
            server.relay(&format!("news-{n}"), *at, CONNECTIONS).await;
        }
        register(&server, usize::from(ACTIVE)..mailboxes).await;
        let sent = sent_events(&server, watchers).await;
        Self {
            server,
            _sinks: sinks,
            watchers,
            sent,
            runs: 0,
        }
    }

    /// How many are SENT a second, where so many are sent and [`UNDER_WAY`] of them at once.
    async fn at_capacity(&mut self, total: usize) -> f64 {
        self.runs += 1;
        let flow = Flow::open(&self.server, STREAMS, UNDER_WAY).await;
        let room = Semaphore::new(UNDER_WAY);
        let begin = Instant::now();
        let sending = async {
            for n in 0..total {
                room.acquire().await.unwrap().forget();
                flow.send(n, request(self.runs, self.watchers, n)).await;
            }
        };
        let ending = async {
            for _ in 0..total {
                self.sent.recv().await.unwrap();
                room.add_permits(1);
            }
        };
        tokio::join!(sending, ending);
        let time = begin.elapsed();
        assert_eq!(flow.close().await, total);
        rate(total, time)
    }

    /// How long each took, where so many are sent evenly.
    async fn at_rate(&mut self, a_second: f64, total: usize) -> Vec<Duration> {
        self.runs += 1;
        let (run, watchers) = (self.runs, self.watchers);
        let flow = Arc::new(Flow::open(&self.server, STREAMS, total).await);
        let due = Arc::new(Mutex::new(Vec::with_capacity(total)));
        // A thread, since the runtime's timers are good for whole milliseconds only.
        let pacer = thread::spawn({
            let (flow, due) = (flow.clone(), due.clone());
            move || {
                let begin = Instant::now();
                for n in 0..total {
                    let at = begin + Duration::from_secs_f64(n as f64 / a_second);
                    thread::sleep(at.saturating_duration_since(Instant::now()));
                    due.lock().unwrap().push(at);
                    flow.send_blocking(n, request(run, watchers, n));
                }
            }
        });
        let mut times = Vec::with_capacity(total);
        while times.len() < total {
            let (n, heard) = self.sent.recv().await.unwrap();
            let at: Instant = due.lock().unwrap()[n];
            times.push(heard.saturating_duration_since(at));
        }
        pacer.join().unwrap();
        let flow = Arc::into_inner(flow).expect("the pacer has ended");
        assert_eq!(flow.close().await, total);
        times
    }
}

/// The numbers of messages as soon as one of so many watchers hears that they are SENT; each listens
/// for the messages of its label, a single one for all.
pub async fn sent_events(
    server: &Server,
    watchers: usize,
) -> mpsc::UnboundedReceiver<(usize, Instant)> {
    let (told, sent) = mpsc::unbounded_channel();
    let mut clients = Vec::new();
    for _ in 0..WATCHERS_CONNECTIONS.min(watchers) {
        clients.push(server.status().await);
    }
    for n in 0..watchers {
        let mut request = WatchStatusRequest {
            kinds: vec![EventKind::Message.into()],
            start: Some(Start::Position(WatchPosition::Now.into())),
            ..WatchStatusRequest::default()
        };
        if watchers > 1 {
            request.labels = [(LABEL.into(), n.to_string())].into();
        }
        let place = n % clients.len();
        let events = clients[place].watch_status(request).await;
        tokio::spawn(listen(events.unwrap().into_inner(), told.clone()));
    }
    sent
}

/// Listens until nobody counts any more, or the server goes.
async fn listen(
    mut events: Streaming<WatchStatusResponse>,
    told: mpsc::UnboundedSender<(usize, Instant)>,
) {
    while let Some(Ok(heard)) = events.next().await {
        if let Some(Event::Message(event)) = heard.event
            && let Some(message) = event.message
            && message.state() == MessageState::Sent
            && let Some((_, n)) = message.request_id.rsplit_once('-')
            && told.send((n.parse().unwrap(), Instant::now())).is_err()
        {
            return;
        }
    }
}

/// Services that nobody sends by, each on a host of its own.
async fn register(server: &Server, numbers: std::ops::Range<usize>) {
    /// Calls at once.
    const CALLS: usize = 32;
    let client = server.admin().await;
    let mut calling = JoinSet::new();
    for n in numbers {
        if calling.len() == CALLS {
            calling.join_next().await.unwrap().unwrap();
        }
        let mut client = client.clone();
        calling.spawn(async move {
            let at = SocketAddr::from((nth_host(n), 25));
            let (id, auth) = (format!("idle-{n}"), Auth::None(NoAuth {}));
            let request = registration(&id, at, TlsMode::Plaintext, auth, CONNECTIONS);
            client.create_service(request).await.unwrap();
        });
    }
    calling.join_all().await;
}

fn request(run: usize, watchers: usize, n: usize) -> SendRequest {
    let service = format!("news-{}", n % usize::from(ACTIVE));
    let mut request = letter(&service, format!("{run}-{n}"), BYTES);
    request
        .labels
        .insert(LABEL.into(), (n % watchers).to_string());
    request
}

/// In milliseconds, of sorted times.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let place = (times.len() * percent / 100).min(times.len() - 1);
    times[place].as_secs_f64() * 1e3
}
