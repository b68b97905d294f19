//! The process whose power is cut: it does at once whatever a server does with its store, and tells
//! what it was told.
//!
//! Its rows are as large as sled may be given, and rewritten often, so that sled's log goes round
//! through its segments; now and then one batch is larger than a segment.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use mailwright::model::Labels;
use mailwright::store::{Claimed, NewMessage};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::*;
use super::ledger::{MARK, request};

/// Messages that may wait for delivery at once.
const BACKLOG: usize = 200;

/// Messages of a service that is suspended and resumed, all in one batch: each has a row and an event
/// of 2.5 KB, so that a batch is larger than a segment of sled's.
const HELD: u32 = 2_000;

const SERVICES: [&str; 4] = ["news-0", "news-1", "news-2", "news-3"];

struct Writer {
    store: Shared,
    next: AtomicU32,
    clock: AtomicI64,
    backlog: Semaphore,
}

/// Lives in a folder until it is killed; its first message has this number, and this is its time.
pub async fn live(folder: &Path, first: u32, clock: i64) {
    let options = Options {
        segment_bytes: 8 * 1024 * 1024,
        reserve_bytes: 0,
    };
    let store: Shared = Arc::new(open(folder, first.into(), options).unwrap());
    if store.service(&svc("oauth")).await.unwrap().is_none() {
        prepare(&store).await;
    }
    store.recover(at(clock)).await.unwrap();
    let writer = Arc::new(Writer {
        store,
        next: AtomicU32::new(first),
        clock: AtomicI64::new(clock),
        backlog: Semaphore::new(BACKLOG),
    });
    let mut busy = JoinSet::new();
    for service in SERVICES.iter().cycle().take(24) {
        busy.spawn(writer.clone().sends(service));
    }
    for _ in 0..2 {
        busy.spawn(writer.clone().delivers());
    }
    busy.spawn(writer.clone().refreshes());
    busy.spawn(writer.clone().holds_and_releases());
    busy.spawn(writer.clone().trims());
    busy.join_next().await.unwrap().unwrap();
}

async fn prepare(store: &Shared) {
    for service in SERVICES.iter().chain(&["held"]) {
        ready(store, service).await;
    }
    let mut sending = JoinSet::new();
    for n in 0..HELD {
        let mut new = large(mail("held", n, 0));
        (new.message.send_time, new.body) = (at(FAR), body(n, 100));
        let store = store.clone();
        sending.spawn(async move { enqueue(&store, 0, new).await });
    }
    sending.join_all().await;
    // Last, so that its presence tells that all of the others are there.
    authorized(store, "oauth").await;
}

/// A time that never comes.
const FAR: i64 = 1_000_000_000;

impl Writer {
    async fn sends(self: Arc<Self>, service: &'static str) {
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            let now = self.clock.fetch_add(1, Ordering::Relaxed);
            let mut new = mail(service, n, now);
            let later = n.is_multiple_of(10);
            if later {
                // Old ones among young ones: something to move when segments are compacted.
                new.message.send_time = at(now + 1_500);
            } else {
                self.backlog.acquire().await.unwrap().forget();
            }
            let bytes = bytes(n, later);
            new.body = body(n, bytes);
            let (_, sequence) = enqueue(&self.store, now, new).await;
            tell(format!("accepted {n} {bytes}"));
            tell(format!("newest {sequence}"));
            tell(format!("clock {now}"));
        }
    }

    async fn delivers(self: Arc<Self>) {
        let mut changed = self.store.changed();
        loop {
            let now = at(self.clock.load(Ordering::Relaxed));
            let claimed = self.store.claim_due(now, 16).await.unwrap();
            if claimed.is_empty() {
                changed.changed().await.unwrap();
            }
            let mut delivering = JoinSet::new();
            for claimed in claimed {
                delivering.spawn(self.clone().deliver(claimed));
            }
            while let Some(delivered) = delivering.join_next().await {
                delivered.unwrap();
            }
        }
    }

    async fn deliver(self: Arc<Self>, claimed: Claimed) {
        let header = claimed.message.message.message_id_header;
        let n: u32 = parse(header.trim_start_matches('<').split('@').next().unwrap());
        let now = self.clock.load(Ordering::Relaxed);
        let claim = claimed.claim;
        self.store.mark_dot(at(now), &claim).await.unwrap();
        tell(format!("dotted {n}"));
        if n % 8 == 3 && claim.attempt == 1 {
            tell(format!("deferring {n}"));
            let later = deferred(&claim, now + 20, true);
            self.store.finish(at(now), &claim, later).await.unwrap();
            return;
        }
        tell(format!("ending {n} {now}"));
        let ended = accepted(&claim);
        self.store.finish(at(now), &claim, ended).await.unwrap();
        tell(format!("finished {n}"));
        self.backlog.add_permits(1);
    }

    async fn refreshes(self: Arc<Self>) {
        loop {
            let token_row = self.store.token(&svc("oauth")).await.unwrap().unwrap();
            let new = token("oauth", token_row.generation);
            let now = at(self.clock.load(Ordering::Relaxed));
            let generation = self.store.save_token(now, new).await.unwrap();
            tell(format!("token {generation}"));
        }
    }

    async fn holds_and_releases(self: Arc<Self>) {
        let mut changed = self.store.changed();
        for suspended in [true, false].into_iter().cycle() {
            let now = self.clock.load(Ordering::Relaxed);
            suspend(&self.store, now, "held", suspended).await;
            tell(format!("newest {}", newest(&self.store).await));
            for _ in 0..100 {
                changed.changed().await.unwrap();
            }
        }
    }

    async fn trims(self: Arc<Self>) {
        let mut changed = self.store.changed();
        loop {
            let now = self.clock.load(Ordering::Relaxed);
            let before = (now - 400).max(0);
            tell(format!("trimming {before}"));
            let (now, before) = (at(now), at(before));
            self.store.trim(now, before, before).await.unwrap();
            for _ in 0..150 {
                changed.changed().await.unwrap();
            }
        }
    }
}

/// Tells a fact, all of it at once. Without anyone to be told, it ends.
fn tell(fact: String) {
    use std::io::Write;
    let line = format!("{MARK}{fact}\n");
    if std::io::stderr().write_all(line.as_bytes()).is_err() {
        std::process::exit(1);
    }
}

fn mail(service: &str, n: u32, now: i64) -> NewMessage {
    let mut new = message(service, n);
    new.message.request_id = Some(request(n));
    (new.message.create_time, new.message.send_time) = (at(now), at(now));
    new.message.next_attempt_time = at(now);
    new.message.expire_time = at(FAR);
    if n.is_multiple_of(3) {
        return large(new);
    }
    new
}

/// With rows of almost as much as goes to sled.
fn large(mut new: NewMessage) -> NewMessage {
    let pair = |n| (format!("label-{n}"), "x".repeat(200));
    new.message.labels = Labels((0..11).map(pair).collect());
    new
}

/// 1 KiB to 5 MB: most are small, few are large.
fn bytes(n: u32, later: bool) -> usize {
    let n = n as usize;
    match n % 400 {
        7 if !later => 5_000_000,
        100..105 => 200_000 + n % 100_000,
        _ => 1_024 + n * 37 % 8_000,
    }
}
