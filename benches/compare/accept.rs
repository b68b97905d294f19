//! From Send to the durable answer, beside the disk, a raw log, and Postfix.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mailwright::rpc::proto::v1::send_stream_response::Result::Accepted;
use mailwright::rpc::proto::v1::{SendRequest, SendStreamRequest};
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::Bench;
use crate::disk::{Disk, RawLog, append_all, rate};
use crate::peers::{Load, smtp_source, versions};
use crate::postfix::Postfix;
use crate::program::free_port;
use crate::report::{Section, Stat, Table, Target};
use crate::server::{SETTINGS, Server, letter};
use crate::sink;

const KIB: usize = 1024;
/// What the server takes on one stream at once.
const IN_FLIGHT: usize = 256;
/// Sessions to Postfix; it has no more processes than two hundred.
const SESSIONS: [usize; 4] = [1, 10, 50, 100];

/// All figures, a sample a round.
#[derive(Default)]
struct Figures {
    stream: Stat,
    streams: Stat,
    unary: Stat,
    one: Stat,
    one_p99: Stat,
    many: Stat,
    many_p99: Stat,
    large: Stat,
    raw: Stat,
    raw_large: Stat,
    postfix: [Stat; SESSIONS.len()],
}

/// To be read again when the figures change.
const MISSED: &str = "\
Why what is not met isn't, and what comes next. *64 callers*: each call costs the two cores, which clients and \
server share, more than a quarter of a millisecond, so 64 of them queue for the processors, not for the disk; and while a \
turn of the log goes to sled, its syncs stand before theirs. Next: fewer and cheaper rows (events of one commit \
in one), and a tree that needs no sync of its own. *32 KiB*: a raw log copies once. Here a body is received \
through HTTP/2, hashed for its request id, rendered, sealed and checksummed. Next: seal and checksum in one \
pass, while it is written.";

pub fn section(bench: &Bench) -> Section {
    let mut disk = Disk::new(&bench.fresh("disk"));
    let mut figures = Figures::default();
    for round in 0..bench.samples {
        eprintln!("accept: round {round}");
        ours(bench, &mut disk, &mut figures);
        raw(bench, &mut figures);
        postfix(bench, &mut figures);
    }
    describe(bench, &disk, figures)
}

fn ours(bench: &Bench, disk: &mut Disk, figures: &mut Figures) {
    let folder = bench.fresh("accept");
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST)));
    let _sink = sink::smtp_sink(&bench.folder.join("sink.log"), at, None);
    let server = Server::start(&folder, &[]);
    let syncs = bench.count(200);
    bench.runtime.block_on(async {
        server.relay("news", at, 10).await;
        // What no sample counts: first pages of files, first connections.
        stream(&server, "warm", KIB, bench.count(2_000)).await;
        disk.sample(syncs);
        let count = bench.count(20_000);
        figures.stream.push(stream(&server, "a", KIB, count).await);
        figures.streams.push(streams(&server, 4, KIB, count).await);
        disk.sample(syncs);
        let (rate, _) = unary(&server, "b", 256, KIB, count).await;
        figures.unary.push(rate);
        disk.sample(syncs);
        let (rate, times) = unary(&server, "c", 1, KIB, bench.count(2_000)).await;
        figures.one.push(rate);
        figures.one_p99.push(percentile_us(times, 99));
        disk.sample(syncs);
        let (rate, times) = unary(&server, "d", 64, KIB, count).await;
        figures.many.push(rate);
        figures.many_p99.push(percentile_us(times, 99));
        disk.sample(syncs);
        let count = bench.count(6_000);
        figures
            .large
            .push(stream(&server, "e", 32 * KIB, count).await);
        disk.sample(syncs);
        disk.end_round();
    });
}

fn raw(bench: &Bench, figures: &mut Figures) {
    let log = Arc::new(RawLog::open(&bench.fresh("raw")));
    let run = |bytes, count| {
        let all = append_all(&log, IN_FLIGHT, bytes, bench.count(count).max(IN_FLIGHT));
        bench.runtime.block_on(all)
    };
    figures.raw.push(run(KIB, 200_000));
    figures.raw_large.push(run(32 * KIB, 15_000));
}

fn postfix(bench: &Bench, figures: &mut Figures) {
    let any = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST)));
    let postfix = Postfix::start(&bench.fresh("postfix"), any(), any(), 10);
    for (sessions, stat) in SESSIONS.into_iter().zip(&mut figures.postfix) {
        let load = Load {
            at: postfix.at,
            connections: sessions,
            bytes: KIB,
            count: bench.count(1_500).max(sessions),
            authority: None,
            logs_in: false,
        };
        stat.push(smtp_source(load));
        postfix.clear();
    }
}

fn describe(bench: &Bench, disk: &Disk, figures: Figures) -> Section {
    let mut section = Section::new("accept", "Accept: from Send to the durable answer");
    section.versions = versions(bench);
    section.say(
        "One client process, real sockets, one server on a fresh data folder for each round; its messages are \
due in an hour, so that nothing is delivered meanwhile. Each answer comes after its message is synced. `SendStream` \
keeps 256 requests unanswered on one stream; unary callers share four connections. Message sizes are those of the \
message as sent; the server renders it. The disk alone is measured between the samples.",
    );
    section.say(SETTINGS);
    section.say(
        "Postfix takes messages of the same size from `smtp-source` over SMTP, each session kept open, and puts \
them on hold, so that it does nothing but accept; `in_flow_delay = 0`, no limits. It syncs each message in a file of its \
own, and shares no sync. What it doesn't do: seal bodies, know a request id, tell a feed. What we don't do: take \
part in SMTP with the client. The raw log is what no mail program is: one file, one thread, records without an index, \
one `fdatasync` for all who wait. nodemailer, lettre and email-oauth2-proxy accept nothing durably: they are not here.",
    );
    let mut table = Table::new(
        "Messages a second, and the time that 99 of 100 calls take at most",
        &["", "a second", "p99 µs", "× fdatasync/s"],
    );
    let mut row = |name: &str, rate: &Stat, p99: Option<&Stat>| {
        let p99 = p99.map_or("".into(), |p99| p99.clone().into());
        let ratio = rate.over(&disk.rate).into();
        table.row(vec![name.into(), rate.clone().into(), p99, ratio]);
    };
    row("fdatasync after 4 KiB", &disk.rate, None);
    row("SendStream, 1 KiB, 256 in flight", &figures.stream, None);
    row(
        "4 SendStreams, 1 KiB, 1,024 in flight",
        &figures.streams,
        None,
    );
    row("Send, 1 KiB, 256 callers", &figures.unary, None);
    row(
        "Send, 1 KiB, 64 callers",
        &figures.many,
        Some(&figures.many_p99),
    );
    row(
        "Send, 1 KiB, 1 caller",
        &figures.one,
        Some(&figures.one_p99),
    );
    row("SendStream, 32 KiB, 256 in flight", &figures.large, None);
    row("raw log, 1 KiB, 256 waiting", &figures.raw, None);
    row("raw log, 32 KiB, 256 waiting", &figures.raw_large, None);
    for (sessions, stat) in SESSIONS.iter().zip(&figures.postfix) {
        row(&format!("Postfix, 1 KiB, {sessions} sessions"), stat, None);
    }
    section.tables.push(table);
    let mut times = Table::new("One fdatasync", &["", "µs"]);
    times.row(vec!["median".into(), disk.median_us.clone().into()]);
    section.tables.push(times);
    section.targets = targets(disk, &figures);
    section.after.push(MISSED.into());
    section
}

fn targets(disk: &Disk, figures: &Figures) -> Vec<Target> {
    let best = |stats: &[Stat]| {
        let best = stats
            .iter()
            .max_by(|a, b| a.median().total_cmp(&b.median()));
        best.unwrap().clone()
    };
    let own_best = best(&[
        figures.stream.clone(),
        figures.streams.clone(),
        figures.unary.clone(),
    ]);
    let beyond = Stat(figures.one_p99.0.iter().map(|p99| p99 - 300.0).collect());
    let target = Target::at_least;
    vec![
        target(
            "SendStream, 1 KiB, 256 in flight, to fdatasync/s",
            "×",
            3.0,
            8.0,
            figures.stream.over(&disk.rate),
        ),
        target(
            "Send, 1 KiB, 256 callers, to fdatasync/s",
            "×",
            1.5,
            3.0,
            figures.unary.over(&disk.rate),
        ),
        target(
            "to Postfix, each at its best",
            "×",
            10.0,
            20.0,
            own_best.over(&best(&figures.postfix)),
        ),
        Target::at_most(
            "one caller: p99 less 0.3 ms, in medians of an fdatasync",
            "×",
            8.0,
            5.0,
            beyond.over(&disk.median_us),
        ),
        Target::at_most(
            "64 callers: p99, in medians of an fdatasync",
            "×",
            30.0,
            20.0,
            figures.many_p99.over(&disk.median_us),
        ),
        target(
            "32 KiB, to the raw log",
            "×",
            0.5,
            0.8,
            figures.large.over(&figures.raw_large),
        ),
    ]
}

/// Due in an hour.
fn later(run: &str, n: usize, bytes: usize) -> SendRequest {
    SendRequest {
        send_time: Some((SystemTime::now() + Duration::from_secs(3600)).into()),
        ..letter("news", format!("{run}-{n}"), bytes)
    }
}

async fn stream(server: &Server, run: &str, bytes: usize, total: usize) -> f64 {
    let requests = (0..total).map(|n| later(run, n, bytes)).collect();
    let begin = Instant::now();
    stream_all(server, requests).await;
    rate(total, begin.elapsed())
}

async fn streams(server: &Server, streams: usize, bytes: usize, total: usize) -> f64 {
    let each = total / streams;
    let mut parts = Vec::new();
    for part in 0..streams {
        let run = format!("part-{part}");
        parts.push((0..each).map(|n| later(&run, n, bytes)).collect::<Vec<_>>());
    }
    let begin = Instant::now();
    let streams = parts.into_iter().map(|part| stream_all(server, part));
    futures(streams).await;
    rate(total, begin.elapsed())
}

/// All of them side by side.
async fn futures(all: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if all.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// All requests over one stream on a connection of its own, 256 of them unanswered.
pub async fn stream_all(server: &Server, requests: Vec<SendRequest>) {
    let mut client = server.mail().await;
    let total = requests.len();
    let (sender, sending) = tokio::sync::mpsc::channel(IN_FLIGHT);
    let mut requests = requests
        .into_iter()
        .enumerate()
        .map(|(n, request)| SendStreamRequest {
            tag: n.to_string(),
            request: Some(request),
        });
    for request in requests.by_ref().take(IN_FLIGHT) {
        sender.send(request).await.unwrap();
    }
    let answers = client.send_stream(ReceiverStream::new(sending)).await;
    let mut answers = answers.unwrap().into_inner();
    for _ in 0..total {
        let answer = answers.next().await.unwrap().unwrap();
        assert!(matches!(answer.result, Some(Accepted(_))), "{answer:?}");
        if let Some(request) = requests.next() {
            sender.send(request).await.unwrap();
        }
    }
}

/// `total` calls of Send by so many callers, four connections together; messages a second, and the
/// time that each took.
async fn unary(
    server: &Server,
    run: &str,
    callers: usize,
    bytes: usize,
    total: usize,
) -> (f64, Vec<Duration>) {
    let mut connections = Vec::new();
    for _ in 0..callers.min(4) {
        connections.push(server.mail().await);
    }
    let begin = Instant::now();
    let mut calling = JoinSet::new();
    for caller in 0..callers {
        let mut client = connections[caller % connections.len()].clone();
        let run = format!("{run}-{caller}");
        calling.spawn(async move {
            let mut times = Vec::new();
            for n in 0..total.div_ceil(callers) {
                let request = later(&run, n, bytes);
                let begin = Instant::now();
                client.send(request).await.unwrap();
                times.push(begin.elapsed());
            }
            times
        });
    }
    let times = calling.join_all().await.concat();
    (rate(times.len(), begin.elapsed()), times)
}

/// In microseconds.
fn percentile_us(mut times: Vec<Duration>, percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e6
}
