//! Where the cycles go: the server while it takes in and delivers, looked at by perf.
//!
//! `make profile` builds the program so that its stacks can be walked, and calls this alone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Bench;
use crate::disk::rate;
use crate::flow::{Flow, NOTHING_WAITS, Sinks};
use crate::machine;
use crate::report::{Section, Stat, Table};
use crate::server::{Server, letter};

const BYTES: usize = 1_024;

/// Mailboxes that mail goes through, each to a sink of its own, and their connections.
const ACTIVE: u8 = 20;
const CONNECTIONS: u32 = 5;

/// Samples a second; no divisor of what the server does every so often.
const HERTZ: u32 = 499;

/// What a sample is counted to: the innermost of its frames that one of these is part of, the first of
/// them if several are.
const COSTS: [(&str, &[&str]); 15] = [
    ("kernel: syncing the disk", &["fdatasync", "fsync"]),
    (
        "kernel: writing files",
        &["ksys_write", "pwrite64", "writev"],
    ),
    ("kernel: sockets", &["sys_sendto", "sys_recvfrom", "tcp_"]),
    ("kernel: waiting and waking", &["futex", "epoll", "eventfd"]),
    ("kernel: random bytes", &["getrandom"]),
    (
        "allocating",
        &[
            "malloc",
            "cfree",
            "_int_free",
            "realloc",
            "calloc",
            "rdl_alloc",
            "rust_dealloc",
            "unlink_chunk",
            "mprotect",
            "munmap",
            "sys_brk",
        ],
    ),
    (
        "copying and comparing bytes",
        &["memmove", "memcpy", "memcmp", "memset"],
    ),
    (
        "ciphers and hashes",
        &["chacha20", "poly1305", "sha2::", "sha256", "crc32fast"],
    ),
    ("records to bytes and back", &["postcard::", "serde"]),
    ("the store, above sled", &["mailwright::store::"]),
    ("sled", &["sled::"]),
    ("gRPC and HTTP/2", &["h2::", "hyper", "tonic", "prost"]),
    ("SMTP and MIME", &["mailwright::smtp::", "lettre::"]),
    ("the rest of Mailwright", &["mailwright::"]),
    ("tokio", &["tokio::"]),
];

/// What was done about the largest costs; to be read again when the figures change.
const DONE: &str = "\
**The largest costs, and what was done about each**

- *sled*: what outlives a turn of the log goes there row by row, on a thread of its own. A message has seven rows \
where it had ten, only the last value of a key goes there, in an order that halves the splits of pages, and nothing \
larger than 3 KiB does. Next: a tree that need not survive a crash by itself, since the log does that for it.
- *Copying and comparing bytes*: mostly keys with long common beginnings, compared in the layers above sled. A claim \
walks three ranges where it walked eleven, and stretches that hold nothing any more are remembered. What only the \
first message over a connection needs is on the heap: each delivery had moved 37 KiB three times. Next: keys that \
begin with what differs.
- *Allocating*: mimalloc in place of glibc's, and rows that every transaction reads stay decoded between them.
- *The store, above sled*: a loop looks before it begins a transaction, and asks only for what it does itself. The \
commit that records how one message ended claims the next one. Next: events of one commit in one row.
- *The kernel*: whatever waits shares a sync; a small body is read on the spot where it is in memory, not on another \
thread; envelope and body travel while the commit that lets the final dot go is synced.";

pub fn section(bench: &Bench) -> Section {
    let mut section = Section::new("profile", "Where the cycles go");
    section
        .versions
        .push(machine::version("perf", &["--version"]));
    section.say(format!(
        "The server while one SendStream keeps 256 messages of 1 KiB under way, spread over {ACTIVE} mailboxes that \
         deliver to as many smtp-sinks over {CONNECTIONS} connections each, without TLS: {HERTZ} samples a second of \
         every thread. A sample counts to the innermost of its frames that is told apart here; what is open in a \
         caller's frame (copying, allocating, ciphers) is not counted to the caller."
    ));
    let data = bench.folder.join("perf.data");
    let a_second = record(bench, &data);
    let folded = fold(bench, &data);
    let picture = bench.picture("profile.svg");
    draw(bench, &folded, &picture);
    let _ = fs::remove_file(data);
    let stacks = fs::read_to_string(&folded).unwrap();
    section.tables.push(table("By what it does", &stacks, cost));
    section.tables.push(table("By thread", &stacks, thread));
    section.after.push(format!(
        "{a_second:.0} messages a second were accepted meanwhile.\n\n![Flame graph](img/profile.svg)\n\n{DONE}"
    ));
    section
}

/// Has perf look at the server under load; how many messages a second were accepted.
fn record(bench: &Bench, data: &Path) -> f64 {
    let folder = bench.fresh("profile");
    let sinks = Sinks::start(ACTIVE, &folder);
    let server = Server::start(&folder, &[]);
    let seconds = if bench.quick { 3 } else { 20 };
    let id = server.id().to_string();
    bench.runtime.block_on(async {
        for (n, at) in sinks.addresses.iter().enumerate() {
            server.relay(&format!("news-{n}"), *at, CONNECTIONS).await;
        }
        let flow = Flow::open(&server, 1, NOTHING_WAITS).await;
        let begin = Instant::now();
        let (over, mut is_over) = tokio::sync::oneshot::channel();
        let arguments = [
            "record",
            "-q",
            "-g",
            "-F",
            &HERTZ.to_string(),
            "-p",
            &id,
            "-o",
        ];
        let mut perf = Command::new("perf");
        perf.args(arguments)
            .arg(data)
            .args(["--", "sleep", &seconds.to_string()]);
        std::thread::spawn(move || {
            run(&mut perf);
            over.send(())
        });
        let mut sent = 0;
        while is_over.try_recv().is_err() {
            let service = format!("news-{}", sent % usize::from(ACTIVE));
            flow.send(sent, letter(&service, format!("profile-{sent}"), BYTES))
                .await;
            sent += 1;
        }
        rate(flow.close().await, begin.elapsed())
    })
}

/// One line a stack, with how often it was seen.
fn fold(bench: &Bench, data: &Path) -> std::path::PathBuf {
    let (script, folded) = (data.with_extension("script"), data.with_extension("folded"));
    let mut perf = Command::new("perf");
    perf.args(["script", "--no-inline", "-i"]).arg(data);
    run(perf.stdout(File::create(&script).unwrap()));
    let mut collapse = Command::new(bench.tools.join("bin/inferno-collapse-perf"));
    collapse.arg("--all").arg(&script);
    run(collapse.stdout(File::create(&folded).unwrap()));
    let _ = fs::remove_file(script);
    folded
}

fn draw(bench: &Bench, folded: &Path, picture: &Path) {
    let mut flames = Command::new(bench.tools.join("bin/inferno-flamegraph"));
    flames.args(["--title", "mailwright serve: accepting and delivering"]);
    // What is narrower than a hundredth of the width in all says nothing, and makes the file large.
    flames.args(["--minwidth", "0.1", "--hash"]).arg(folded);
    run(flames.stdout(File::create(picture).unwrap()));
}

fn table(title: &str, stacks: &str, kind: fn(&str) -> &str) -> Table {
    let (mut costs, mut total) = (BTreeMap::<&str, u64>::new(), 0);
    for line in stacks.lines() {
        let (stack, count) = line.rsplit_once(' ').unwrap();
        let count: u64 = count.parse().unwrap();
        *costs.entry(kind(stack)).or_default() += count;
        total += count;
    }
    let mut sorted: Vec<_> = costs.into_iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut table = Table::new(title, &["", "% of the server's time on the processors"]);
    for (name, count) in sorted {
        let percent = count as f64 * 100.0 / total.max(1) as f64;
        table.row(vec![name.into(), Stat(vec![percent]).into()]);
    }
    table
}

fn thread(stack: &str) -> &str {
    stack.split(';').next().unwrap_or(stack)
}

fn cost(stack: &str) -> &str {
    let of = |frame: &str| {
        COSTS
            .iter()
            .find(|(_, parts)| parts.iter().any(|part| frame.contains(part)))
    };
    let innermost = stack.rsplit(';').find_map(of);
    innermost.map_or("whatever else", |(name, _)| name)
}

fn run(command: &mut Command) {
    let status = command.stdin(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| {
        panic!("{command:?} does not run ({error}): make profile installs what it needs")
    });
    assert!(status.success(), "{command:?}: {status}");
}
