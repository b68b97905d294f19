//! Scale of state: what a hundred thousand services and a million queued messages cost.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use mailwright::rpc::proto::v1::SendRequest;

use crate::Bench;
use crate::disk::rate;
use crate::flow::{Sinks, send_all};
use crate::plot::{Curve, Panel, plot};
use crate::report::{Section, Stat, Table};
use crate::seed;
use crate::server::{SETTINGS, Server, letter};
use crate::whole::sent_events;

const SERVICES: usize = 100_000;

/// Queued messages; the services are there from the first of these on.
const SIZES: [usize; 5] = [0, 1_000, 10_000, 100_000, 1_000_000];

const BYTES: usize = 1_024;

/// Mailboxes that mail is delivered through, each to a sink of its own, and their connections.
const ACTIVE: u8 = 20;
const CONNECTIONS: u32 = 5;

/// Messages of one sample: accepted, and delivered once all are.
const SAMPLE: usize = 10_000;

/// When queued mail is due: not in this run.
const FAR: Duration = Duration::from_secs(20 * 24 * 3_600);

/// What is measured at one size of state.
#[derive(Default)]
struct Point {
    services: usize,
    queued: usize,
    start_ms: Stat,
    started_mib: Stat,
    used_mib: Stat,
    disk_mib: Stat,
    accept: Stat,
    deliver: Stat,
}

pub fn section(bench: &Bench) -> Section {
    let (services, most) = (bench.count(SERVICES), bench.count(SIZES[4]));
    let mut section = Section::new("state", "Scale of state");
    section.say(format!(
        "{services} services, each of a mailbox of its own, and up to {most} queued messages of 1 KiB that are spread \
         over them and due in twenty days. The services are put in the store by its own API while no server runs; the \
         messages come by SendStream. At each size the server is stopped and started {} times. A start is from `serve` \
         to its \"serving\", to within 10 ms; memory is the process's resident set right after, and behind the samples. \
         A sample is {} messages by four SendStreams to {ACTIVE} other services, due once all are accepted, and \
         delivered to as many smtp-sinks over {CONNECTIONS} connections each, without TLS, while one watches. The first \
         row is a store without any of that. {SETTINGS}",
        bench.samples,
        bench.count(SAMPLE),
    ));
    let points = measure(bench);
    let (empty, full) = (&points[1], &points[points.len() - 1]);
    let a_message = (full.started_mib.median() - empty.started_mib.median()) * f64::from(1 << 20)
        / full.queued.max(1) as f64;
    section.tables.push(table(&points));
    section.after.push(format!(
        "A queued message takes {a_message:.0} bytes of memory at {} of them. With all of it, accepting is {:.2} times as \
         fast as in the empty store, and delivering {:.2} times.",
        full.queued,
        full.accept.median() / points[0].accept.median(),
        full.deliver.median() / points[0].deliver.median(),
    ));
    section.after.push(draw(bench, &points));
    section
}

fn measure(bench: &Bench) -> Vec<Point> {
    let folder = bench.fresh("state");
    let sinks = Sinks::start(ACTIVE, &folder);
    let mut server = Server::start(&folder, &[]);
    bench.runtime.block_on(async {
        for (n, at) in sinks.addresses.iter().enumerate() {
            server.relay(&format!("news-{n}"), *at, CONNECTIONS).await;
        }
    });
    // Sessions open, files grow.
    bench
        .runtime
        .block_on(sample(bench, &server, &mut Point::default()));
    let mut points = vec![point(bench, &mut server, 0, 0)];
    let services = bench.count(SERVICES);
    server.stop();
    bench
        .runtime
        .block_on(seed::services(&folder.join("data"), services));
    server.begin();
    let mut queued = 0;
    for size in SIZES {
        let size = if size == 0 { 0 } else { bench.count(size) };
        eprintln!("state: {size} messages");
        let request = |n| later(services, queued + n);
        let took = bench
            .runtime
            .block_on(send_all(&server, size - queued, request));
        eprintln!("state: {:.0} messages/s came in", rate(size - queued, took));
        queued = size;
        points.push(point(bench, &mut server, services, queued));
    }
    points
}

fn point(bench: &Bench, server: &mut Server, services: usize, queued: usize) -> Point {
    let mut point = Point {
        services,
        queued,
        ..Point::default()
    };
    for _ in 0..bench.samples {
        server.stop();
        let begin = Instant::now();
        server.begin();
        point.start_ms.push(begin.elapsed().as_secs_f64() * 1e3);
        point.started_mib.push(resident_mib(server.id()));
        bench.runtime.block_on(sample(bench, server, &mut point));
        point.used_mib.push(resident_mib(server.id()));
        let data = server.folder.join("data");
        point
            .disk_mib
            .push(bytes_in(&data) as f64 / f64::from(1 << 20));
    }
    point
}

/// Accepts what is due a while later, and delivers it then. Where accepting takes longer than that while,
/// what was measured is neither: it is thrown away, and the next while is longer.
async fn sample(bench: &Bench, server: &Server, point: &mut Point) {
    let mut ahead = Duration::from_secs(5);
    loop {
        let (took, delivering) = accept_and_deliver(bench, server, ahead).await;
        if took < ahead {
            let total = bench.count(SAMPLE);
            point.accept.push(rate(total, took));
            point.deliver.push(rate(total - 1, delivering));
            return;
        }
        ahead = took * 2;
    }
}

/// How long accepting took, and then delivering: from the first one's end to the last one's, so that how
/// exactly it begins doesn't count.
async fn accept_and_deliver(
    bench: &Bench,
    server: &Server,
    ahead: Duration,
) -> (Duration, Duration) {
    let total = bench.count(SAMPLE);
    let due = SystemTime::now() + ahead;
    let run = due.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut sent = sent_events(server, 1).await;
    let request = |n: usize| {
        let service = format!("news-{}", n % usize::from(ACTIVE));
        SendRequest {
            send_time: Some(due.into()),
            ..letter(&service, format!("{}-{n}", run.as_micros()), BYTES)
        }
    };
    let took = send_all(server, total, request).await;
    let (_, first) = sent.recv().await.unwrap();
    let mut last = first;
    for _ in 1..total {
        last = sent.recv().await.unwrap().1;
    }
    (took, last - first)
}

/// A message that waits.
fn later(services: usize, n: usize) -> SendRequest {
    let due = SystemTime::now() + FAR;
    SendRequest {
        send_time: Some(due.into()),
        ..letter(&seed::id(n % services), format!("later-{n}"), BYTES)
    }
}

fn table(points: &[Point]) -> Table {
    let columns = [
        "services",
        "queued",
        "start, ms",
        "memory after start, MiB",
        "behind the samples, MiB",
        "data folder, MiB",
        "accepted/s",
        "SENT/s",
    ];
    let mut table = Table::new("Cost of state", &columns);
    for point in points {
        table.row(vec![
            point.services.to_string().into(),
            point.queued.to_string().into(),
            point.start_ms.clone().into(),
            point.started_mib.clone().into(),
            point.used_mib.clone().into(),
            point.disk_mib.clone().into(),
            point.accept.clone().into(),
            point.deliver.clone().into(),
        ]);
    }
    table
}

/// Draws the curves; the paragraph that shows them.
fn draw(bench: &Bench, points: &[Point]) -> String {
    // Of the empty store, nothing is drawn.
    let points = &points[1..];
    let curve = |name: &'static str, of: fn(&Point) -> &Stat| Curve {
        name,
        points: points
            .iter()
            .map(|point| (point.queued as f64, of(point).median()))
            .collect(),
    };
    let panels = [
        Panel {
            title: "start, ms",
            curves: vec![curve("start", |point| &point.start_ms)],
        },
        Panel {
            title: "resident memory, MiB",
            curves: vec![
                curve("after start", |point| &point.started_mib),
                curve("behind the samples", |point| &point.used_mib),
            ],
        },
        Panel {
            title: "messages a second",
            curves: vec![
                curve("accepted", |point| &point.accept),
                curve("SENT", |point| &point.deliver),
            ],
        },
    ];
    let svg = plot("queued messages", &panels);
    let path = bench.picture("state.svg");
    fs::write(&path, svg).unwrap();
    "![Start, memory and rates by queued messages](img/state.svg)".into()
}

/// What the process has in memory now.
fn resident_mib(id: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<f64>().ok()).unwrap() / 1024.0
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
            Ok(metadata) => metadata.len(),
            // A segment that was just emptied.
            Err(_) => 0,
        })
        .sum()
}
