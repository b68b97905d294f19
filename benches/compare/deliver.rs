//! From due to SENT recorded, beside programs that send without a queue, and Postfix, which has one.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use mailwright::rpc::proto::v1::{ResumeServiceRequest, SuspendServiceRequest};

use crate::Bench;
use crate::accept::stream_all;
use crate::disk::rate;
use crate::peers::{Load, lettre, nodemailer, smtp_source, versions};
use crate::postfix::Postfix;
use crate::program::free_port;
use crate::report::{Section, Stat, Table, Target};
use crate::server::{SETTINGS, Server, letter};
use crate::sink;

const KIB: usize = 1024;
pub const CONNECTIONS: [usize; 4] = [1, 3, 10, 50];

/// Who sends, in a table's order.
const NAMES: [&str; 5] = [
    "Mailwright",
    "nodemailer's pool",
    "lettre's pool",
    "smtp-source",
    "Postfix, from its queue",
];

/// The rates of all who send, by connections.
type Rates = [[Stat; NAMES.len()]; CONNECTIONS.len()];

/// To be read again when the figures change.
const MISSED: &str = "\
Why what is not met isn't, and what comes next. The two cores are full: sender, sink and this bench share them, \
and Mailwright writes three records a message where the others write none. Of its part, sled and the rows above \
it are the largest (see the profile below). Over few connections, where a wait counts more than work, it is \
further ahead. Next: as above, and a message that is claimed while the one before it is on its way, so that a \
connection never waits for a commit.";

pub fn section(bench: &Bench) -> Section {
    let mut rates = Rates::default();
    let mut sizes = <[[Stat; NAMES.len()]; 2]>::default();
    for round in 0..bench.samples {
        eprintln!("deliver: round {round}");
        let server = Server::start(&bench.fresh("deliver"), &[]);
        for (place, connections) in CONNECTIONS.into_iter().enumerate() {
            let count = |full: usize| bench.count(full).max(connections);
            let load = |full| plain(place, connections, 4 * KIB, count(full));
            all(
                bench,
                &server,
                &mut rates[place],
                [
                    load(queued(connections)),
                    load(4_000),
                    load(30 * connections),
                    load(10_000),
                ],
            );
            if connections >= 10 {
                let rate = from_the_queue(bench, load(1_500));
                rates[place][4].push(rate);
            }
        }
        for (place, (bytes, counts)) in [
            (32 * KIB, [3_000, 2_500, 300, 6_000]),
            (KIB * KIB, [200, 200, 100, 300]),
        ]
        .into_iter()
        .enumerate()
        {
            let load = |full: usize| plain(10 + place, 10, bytes, bench.count(full).max(10));
            all(bench, &server, &mut sizes[place], counts.map(load));
        }
    }
    describe(bench, rates, sizes)
}

/// To an address of loopback that no other run of this round uses, which makes it a mailbox of its own.
fn plain<'a>(mailbox: usize, connections: usize, bytes: usize, count: usize) -> Load<'a> {
    let address = Ipv4Addr::new(127, 77, 0, 1 + u8::try_from(mailbox).unwrap());
    Load {
        at: (address, free_port(address)).into(),
        connections,
        bytes,
        count,
        authority: None,
        logs_in: false,
    }
}

/// How many messages of ours a sample has: the length of a queue is part of what it costs.
pub fn queued(connections: usize) -> usize {
    match connections {
        1 => 2_000,
        2..10 => 3_000,
        _ => 5_000,
    }
}

/// One sample of everybody but Postfix, each to a sink of its own kind.
fn all(bench: &Bench, server: &Server, stats: &mut [Stat; NAMES.len()], loads: [Load<'_>; 4]) {
    let log = bench.folder.join("sink.log");
    let [own, nodemailers, lettres, sources] = loads;
    let sink = sink::smtp_sink(&log, own.at, None);
    let id = format!("relay-{}-{}", own.connections, own.bytes);
    let most = u32::try_from(own.connections).unwrap();
    bench.runtime.block_on(server.relay(&id, own.at, most));
    stats[0].push(ours(bench, server, &id, own));
    drop(sink);
    let with_sink = |load: Load<'_>, send: &dyn Fn(Load<'_>) -> f64| {
        let _sink = sink::smtp_sink(&log, load.at, None);
        send(load)
    };
    stats[1].push(with_sink(nodemailers, &|load| nodemailer(bench, load)));
    stats[2].push(with_sink(lettres, &|load| lettre(bench, load)));
    stats[3].push(with_sink(sources, &smtp_source));
}

/// Queues everything while the service is suspended, resumes it, and waits until the last is recorded
/// as SENT; messages a second.
pub fn ours(bench: &Bench, server: &Server, id: &str, load: Load<'_>) -> f64 {
    /// How fine the end is seen: a scrape takes some of the server's time.
    const LOOK: Duration = Duration::from_millis(20);
    let sent = || server.metric("mailwright_messages_ended_total", "state=\"SENT\"") as usize;
    bench.runtime.block_on(async {
        let service_id = id.to_owned();
        let suspend = SuspendServiceRequest { service_id };
        server.admin().await.suspend_service(suspend).await.unwrap();
        let requests = (0..load.count).map(|n| letter(id, n.to_string(), load.bytes));
        stream_all(server, requests.collect()).await;
    });
    let before = sent();
    let begin = bench.runtime.block_on(async {
        let mut admin = server.admin().await;
        let service_id = id.to_owned();
        let begin = Instant::now();
        let resume = ResumeServiceRequest { service_id };
        admin.resume_service(resume).await.unwrap();
        begin
    });
    while sent() < before + load.count {
        assert!(
            begin.elapsed() < Duration::from_secs(300),
            "{} of {}",
            sent() - before,
            load.count
        );
        thread::sleep(LOOK);
    }
    rate(load.count, begin.elapsed())
}

/// Postfix takes everything on hold, then lets it go; from then until its sink has the last one.
fn from_the_queue(bench: &Bench, load: Load<'_>) -> f64 {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST)));
    let postfix = Postfix::start(&bench.fresh("postfix"), at, load.at, load.connections);
    smtp_source(Load {
        at,
        connections: 10,
        ..load
    });
    let log = bench.folder.join("sink.log");
    let sink = sink::smtp_sink(&log, load.at, Some(load.count));
    let begin = Instant::now();
    postfix.release();
    sink.ended();
    rate(load.count, begin.elapsed())
}

fn describe(bench: &Bench, rates: Rates, sizes: [[Stat; NAMES.len()]; 2]) -> Section {
    let mut section = Section::new("deliver", "Deliver: from due to SENT recorded");
    section.versions = versions(bench);
    section.say(
        "Everybody sends finished messages of the same size over so many connections to Postfix's `smtp-sink` on \
loopback, without TLS. Mailwright's wait in its queue on disk while the service is suspended; the clock runs from \
ResumeService until the last is recorded as SENT, and each message goes through three more commits meanwhile: who has it, \
that the final dot may go out, and what came of it. A connection takes a hundred messages, as nodemailer's does. Of Mailwright's, \
2,000 to 5,000 are in the queue when the clock starts.",
    );
    section.say(SETTINGS);
    section.say(
        "What can't be compared: **nodemailer**, **lettre** and **smtp-source** keep nothing. They send from memory, record \
nothing, and forget everything when they end; the start of their processes is not counted, except `smtp-source`'s, \
which takes milliseconds. **Postfix** is the one with a queue on disk: it takes the messages on hold first, the clock \
runs from `postsuper -H ALL` until the sink has the last one, and for each it removes a file without a sync. lettre \
never sets TCP_NODELAY and writes body and dot apart, so each of its messages waits for a delayed acknowledgement.",
    );
    let mut columns = vec!["4 KiB".to_owned()];
    columns.extend(CONNECTIONS.map(|n| format!("{n} connections")));
    columns[1] = "1 connection".into();
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new("Messages a second", &columns);
    for (who, name) in NAMES.iter().enumerate() {
        let mut row = vec![(*name).into()];
        row.extend(rates.iter().map(|of| of[who].clone().into()));
        table.row(row);
    }
    section.tables.push(table);
    let mut table = Table::new(
        "Messages a second by size, over 10 connections",
        &["", "32 KiB", "1 MiB"],
    );
    for (who, name) in NAMES.iter().enumerate().take(4) {
        let mut row = vec![(*name).into()];
        row.extend(sizes.iter().map(|of| of[who].clone().into()));
        table.row(row);
    }
    section.tables.push(table);
    section.say(
        "Left out since they add nothing: large messages over other numbers of connections, and Postfix over fewer than \
ten, where its queue manager is what is slow.",
    );
    let ratio = |place: usize, to: usize| rates[place][0].over(&rates[place][to]);
    let target = Target::at_least;
    section.after.push(MISSED.into());
    section.targets = vec![
        target("10 connections, to nodemailer", "×", 3.0, 6.0, ratio(2, 1)),
        target("50 connections, to smtp-source", "×", 0.6, 1.0, ratio(3, 3)),
    ];
    section
}
