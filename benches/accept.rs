//! Durable acknowledgements a second of the store on disk, beside what the same disk does in the
//! same run: an `fdatasync` after each append of 4 KiB.
//!
//! `cargo bench --bench accept`. Disks and their neighbours change from minute to minute, so each
//! figure is printed with its ratio to a reference taken between its samples: only ratios compare.
//! What is acknowledged is in the log; how fast sled takes it from there shows where many wait, once
//! the log has turned over twice.

#![allow(clippy::unwrap_used)]
// A benchmark is the one place that looks at a clock, and shows nothing else.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use tokio::runtime::Runtime;

use mailwright::env::Env;
use mailwright::model::message::{Message, Priority};
use mailwright::model::service::{
    Auth, Delivery, LastTest, OnUncertain, Sender, Service, ServiceConfig, SmtpEndpoint, TlsMode,
};
use mailwright::model::state::MessageState;
use mailwright::model::{Labels, MessageId, Timestamp};
use mailwright::store::sled::{Options, SledStore};
use mailwright::store::{Enqueued, Load, NewMessage, OutboxBounds, Sealed, Store};

const BODIES: [usize; 2] = [1024, 32 * 1024];
const WAITERS: [u64; 4] = [1, 8, 64, 256];

/// What is measured, in one go.
#[derive(Default)]
struct Tally {
    count: u64,
    time: Duration,
}

impl Tally {
    fn add(&mut self, count: u64, time: Duration) -> Duration {
        self.count += count;
        self.time += time;
        time
    }

    fn a_second(&self) -> f64 {
        self.count as f64 / self.time.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .without_plots()
        .configure_from_args();
    let runtime = Runtime::new().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-accept");
    let _ = fs::remove_dir_all(&folder);
    let mut lines = Vec::new();
    let mut group = criterion.benchmark_group("accept");
    fdatasync(&mut group, &folder);
    for bytes in BODIES {
        for waiters in WAITERS {
            let (store, disk) = accept(&mut group, &runtime, &folder, bytes, waiters);
            if store.count > 0 {
                let (store, disk) = (store.a_second(), disk.a_second());
                lines.push(format!(
                    "{:>3} KiB {waiters:>4} waiters: {store:>7.0} acknowledgements/s, {disk:>6.0} fdatasync/s, ratio {:>6.2}",
                    bytes / 1024,
                    store / disk,
                ));
            }
        }
    }
    group.finish();
    let _ = fs::remove_dir_all(&folder);
    lines.iter().for_each(|line| println!("{line}"));
    criterion.final_summary();
}

/// What the disk alone does.
struct Disk(File);

impl Disk {
    fn new(folder: &Path) -> Self {
        let path = folder.join("appended");
        let open = OpenOptions::new().create(true).append(true).open(path);
        Self(open.unwrap())
    }

    fn sync(&mut self, times: u64) -> Duration {
        let begin = Instant::now();
        for _ in 0..times {
            self.0.write_all(&[7; 4096]).unwrap();
            self.0.sync_data().unwrap();
        }
        begin.elapsed()
    }
}

fn fdatasync(group: &mut BenchmarkGroup<'_, WallTime>, folder: &Path) {
    group.throughput(Throughput::Elements(1));
    group.bench_function("fdatasync", |bencher| {
        let folder = fresh(folder);
        fs::create_dir_all(&folder).unwrap();
        let mut disk = Disk::new(&folder);
        bencher.iter_custom(|rounds| disk.sync(rounds));
        fs::remove_dir_all(folder).unwrap();
    });
}

/// So many waiters, each of which sends its next message when the one before is acknowledged; and
/// what the disk did between them.
fn accept(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    folder: &Path,
    bytes: usize,
    waiters: u64,
) -> (Tally, Tally) {
    /// Syncs of the disk alone before each sample.
    const SYNCS: u64 = 100;
    let (mut stored, mut synced) = (Tally::default(), Tally::default());
    group.throughput(Throughput::Elements(waiters));
    group.bench_function(BenchmarkId::new(format!("{bytes}"), waiters), |bencher| {
        let folder = fresh(folder);
        let env = Env::manual(at(0), 7);
        let store = Arc::new(
            SledStore::open(
                &folder,
                &env,
                &mailwright::metrics::Metrics::new(),
                Options::default(),
            )
            .unwrap(),
        );
        runtime.block_on(begin(&*store));
        let mut disk = Disk::new(&folder);
        let next = Arc::new(AtomicU64::new(0));
        bencher.iter_custom(|rounds| {
            synced.add(SYNCS, disk.sync(SYNCS));
            let begin = Instant::now();
            runtime.block_on(wait(&store, &next, bytes, waiters, rounds));
            stored.add(waiters * rounds, begin.elapsed())
        });
        drop(store);
        fs::remove_dir_all(folder).unwrap();
    });
    (stored, synced)
}

async fn wait(
    store: &Arc<SledStore>,
    next: &Arc<AtomicU64>,
    bytes: usize,
    waiters: u64,
    rounds: u64,
) {
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..waiters {
        let (store, next) = (store.clone(), next.clone());
        waiting.spawn(async move {
            for _ in 0..rounds {
                let new = message(next.fetch_add(1, Ordering::Relaxed), bytes);
                let kept = store.enqueue(at(1), new).await.unwrap();
                assert!(matches!(kept, Enqueued::Accepted { .. }));
            }
        });
    }
    waiting.join_all().await;
}

fn fresh(folder: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    folder.join(COUNT.fetch_add(1, Ordering::Relaxed).to_string())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_000_000 + seconds)
}

/// Creates a service and lets a test of it pass.
async fn begin(store: &dyn Store) {
    let config = ServiceConfig {
        display_name: "News".into(),
        smtp: SmtpEndpoint {
            host: "smtp.example.com".into(),
            port: 587,
            tls: TlsMode::Starttls,
        },
        sender: Sender {
            address: "news@example.com".parse().unwrap(),
            name: String::new(),
            reply_to: None,
            allowed_addresses: Vec::new(),
        },
        auth: Auth::Password {
            username: "news".into(),
        },
        delivery: Delivery::default(),
        labels: Labels::default(),
    };
    let service = Service::new("news".parse().unwrap(), config, at(0));
    let id = service.id.clone();
    let passed = LastTest {
        time: at(0),
        to: "admin@example.com".parse().unwrap(),
        passed: true,
        message_id: MessageId::generate(at(0), [0; 10]),
        diagnosis: None,
    };
    store.create_service(at(0), service, None).await.unwrap();
    store.record_test(at(0), &id, passed, None).await.unwrap();
}

/// The n-th message, with a request id, as a careful caller gives one.
fn message(n: u64, bytes: usize) -> NewMessage {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    NewMessage {
        message: Message {
            id: MessageId::generate(at(1), random),
            service_id: "news".parse().unwrap(),
            request_id: Some(format!("request-{n}").parse().unwrap()),
            content_digest: [7; 32],
            from: "news@example.com".parse().unwrap(),
            from_name: "News".into(),
            state: MessageState::Queued,
            priority: Priority::Normal,
            on_uncertain: OnUncertain::Resend,
            labels: Labels::default(),
            send_time: at(1),
            expire_time: at(100_000),
            next_attempt_time: at(1),
            create_time: at(1),
            update_time: at(1),
            end_time: None,
            message_id_header: format!("<{n}@example.com>"),
            size_bytes: bytes as u64,
            recipient_count: 1,
            attempts: 0,
            deferrals: 0,
            problem: None,
            body_key: vec![7; 72],
            trace: None,
        },
        recipients: vec!["someone@example.net".parse().unwrap()],
        body: Sealed(vec![7; bytes]),
        bounds: OutboxBounds {
            mailbox: ENDLESS,
            all: ENDLESS,
        },
    }
}

const ENDLESS: Load = Load {
    messages: u64::MAX,
    bytes: u64::MAX,
};
