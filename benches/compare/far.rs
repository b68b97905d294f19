//! Delivery to a server that is a round trip of 20 ms away, where what is said at once counts.

use std::net::Ipv4Addr;

use crate::Bench;
use crate::deliver::ours;
use crate::peers::{Load, lettre, nodemailer, smtp_source, versions};
use crate::program::free_port;
use crate::report::{Section, Stat, Table, Target};
use crate::server::{SETTINGS, Server};
use crate::{delay, sink};

const CONNECTIONS: [usize; 3] = [1, 10, 50];
const NAMES: [&str; 4] = [
    "Mailwright",
    "nodemailer's pool",
    "lettre's pool",
    "smtp-source",
];

/// To be read again when the figures change.
const MISSED: &str = "\
Why it is not met, and what comes next. Everybody who pipelines needs two round trips a message, and \
nodemailer's newest does, too: one for the envelope, one for the final dot. RFC 2920 §3.1 lets the next envelope \
go behind the dot, which makes it one. For that the next message must be claimed while this one's body travels, \
beyond what the mailbox's connections allow now, and two messages share a session. That is the next step.";

pub fn section(bench: &Bench) -> Section {
    let mut rates = <[[Stat; NAMES.len()]; CONNECTIONS.len()]>::default();
    for round in 0..bench.samples {
        eprintln!("far: round {round}");
        let server = Server::start(&bench.fresh("far"), &[]);
        for (place, connections) in CONNECTIONS.into_iter().enumerate() {
            for (stat, sample) in rates[place]
                .iter_mut()
                .zip(one(bench, &server, connections))
            {
                stat.push(sample);
            }
        }
    }
    describe(bench, &rates)
}

/// One sample of everybody.
fn one(bench: &Bench, server: &Server, connections: usize) -> [f64; NAMES.len()] {
    let log = bench.folder.join("sink.log");
    let near = Ipv4Addr::new(127, 77, 1, 1);
    let near = (near, free_port(near)).into();
    // An address is a mailbox of its own.
    let far = Ipv4Addr::new(127, 77, 2, u8::try_from(connections).unwrap());
    let far = (far, free_port(far)).into();
    let _sink = sink::smtp_sink(&log, near, None);
    let _line = delay::start(&log, far, near);
    let load = |each: usize| Load {
        at: far,
        connections,
        bytes: 4096,
        count: bench.count(connections * each).max(connections),
        authority: None,
        logs_in: false,
    };
    let id = format!("far-{connections}");
    let most = u32::try_from(connections).unwrap();
    bench.runtime.block_on(server.relay(&id, far, most));
    [
        ours(bench, server, &id, load(60)),
        nodemailer(bench, load(50)),
        lettre(bench, load(12)),
        smtp_source(load(20)),
    ]
}

fn describe(bench: &Bench, rates: &[[Stat; NAMES.len()]; CONNECTIONS.len()]) -> Section {
    let mut section = Section::new("far", "Deliver: 20 ms away");
    section.versions = versions(bench);
    section.say(
        "As above, 4 KiB without TLS, through a proxy on loopback that holds back everything for 10 ms each way, in order \
(`benches/compare/delay.rs`; its timer is a millisecond coarse, and TCP's handshake is not delayed). On such a line what \
counts is how many round trips a message takes. Opening the connections counts, for everybody.",
    );
    section.say(SETTINGS);
    let mut table = Table::new(
        "Messages a second",
        &["4 KiB", "1 connection", "10 connections", "50 connections"],
    );
    for (who, name) in NAMES.iter().enumerate() {
        let mut row = vec![(*name).into()];
        row.extend(rates.iter().map(|of| of[who].clone().into()));
        table.row(row);
    }
    section.tables.push(table);
    for (place, connections) in CONNECTIONS.iter().enumerate() {
        let what = format!("20 ms, {connections} connections, to nodemailer");
        let ratio = rates[place][0].over(&rates[place][1]);
        let target = Target::at_least(&what, "×", 1.5, 2.0, ratio);
        section.targets.push(target);
    }
    section.after.push(MISSED.into());
    section
}
