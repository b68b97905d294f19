//! Many messages go through and few live: the disk holds what lives, not what lived.
//!
//! `MESSAGES=1000000 cargo test --release --test store churn -- --nocapture` is the long run; it
//! prints how the disk fared on its way.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailwright::model::Timestamp;
use mailwright::store::{Claimed, Enqueued};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::*;

const BODY_BYTES: usize = 4 * 1024;

/// What is kept of ended messages, in messages accepted since.
const KEPT: u32 = 5;

/// Services, each of its own mailbox.
const SERVICES: [&str; 4] = ["one", "two", "three", "four"];

/// Who sends at once, and who delivers.
const SENDERS: usize = 256;
const DELIVERERS: usize = 4;
const CLAIMS: usize = 128;

/// One run.
struct Churn {
    store: Shared,
    folder: PathBuf,
    /// How many go through, and how many of them live at a time.
    messages: u32,
    live: u32,
    next: AtomicU32,
    /// What is accepted and not ended.
    living: Mutex<BTreeSet<u32>>,
    /// One permit for each that may yet live.
    room: Semaphore,
    /// Changes after whatever changes `living`.
    moved: watch::Sender<()>,
    over: watch::Sender<bool>,
    samples: Mutex<Vec<Sample>>,
}

/// What the folder takes on the disk, in bytes.
#[derive(Clone, Copy, Debug)]
struct Sample {
    messages: u32,
    living: usize,
    segments: u64,
    /// sled's file: what it takes, and how long it is.
    rows: u64,
    rows_length: u64,
    snapshots: u64,
    blobs: u64,
    resident: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_holds_what_lives_and_not_what_lived() {
    let messages = std::env::var("MESSAGES").map_or(20_000, |text| text.parse().unwrap());
    let live = (messages / 100).min(2_000);
    let options = Options {
        segment_bytes: if live < 2_000 { 2 << 20 } else { 128 << 20 },
        reserve_bytes: 0,
    };
    let folder = folder::fresh();
    let churn = Arc::new(Churn {
        store: Arc::new(open(&folder, 7, options).unwrap()),
        folder: folder.clone(),
        messages,
        live,
        next: AtomicU32::new(1),
        living: Mutex::default(),
        room: Semaphore::new(live as usize),
        moved: watch::Sender::new(()),
        over: watch::Sender::new(false),
        samples: Mutex::default(),
    });
    churn.clone().run().await;
    churn.check_bodies(&churn.store).await;
    let living = churn.living();
    let samples = churn.samples.lock().unwrap().clone();
    for sample in &samples {
        println!("{sample:?}");
    }
    assert_eq!(Arc::strong_count(&churn), 1);
    let churn = Arc::into_inner(churn).unwrap();
    drop(churn);
    let begin = std::time::Instant::now();
    let db = raw(&folder);
    println!("opened raw in {:?}", begin.elapsed());
    let mut sum = [(0u64, 0u64); 32];
    for row in db.iter() {
        let (k, v) = row.unwrap();
        sum[k[0] as usize].0 += 1;
        sum[k[0] as usize].1 += (k.len() + v.len()) as u64;
    }
    for (tag, (n, b)) in sum.iter().enumerate().filter(|(_, s)| s.0 > 0) {
        println!(
            "table {tag}: {n} rows, {b} bytes, {:.0} each",
            *b as f64 / *n as f64
        );
    }
    println!("rows {}", sum.iter().map(|s| s.1).sum::<u64>());
    drop(db);
    println!("{} live", living.len());
}

impl Churn {
    async fn run(self: Arc<Self>) {
        let begin = std::time::Instant::now();
        for id in SERVICES {
            let mut service = service(id, id);
            service.config.delivery.max_connections = Some(CLAIMS as u32);
            create_tested(&self.store, service).await;
        }
        let (mut senders, mut deliverers) = (JoinSet::new(), JoinSet::new());
        for _ in 0..SENDERS {
            senders.spawn(self.clone().send());
        }
        for _ in 0..DELIVERERS {
            deliverers.spawn(self.clone().deliver());
        }
        senders.join_all().await;
        println!(
            "{:.0} messages/s",
            f64::from(self.messages) / begin.elapsed().as_secs_f64()
        );
        self.over.send_replace(true);
        deliverers.join_all().await;
        self.sample(self.messages);
    }

    async fn send(self: Arc<Self>) {
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if n > self.messages {
                return;
            }
            self.room.acquire().await.unwrap().forget();
            let kept = self.store.enqueue(time(n), self.message(n)).await.unwrap();
            assert!(matches!(kept, Enqueued::Accepted { .. }));
            self.living.lock().unwrap().insert(n);
            self.moved.send_replace(());
            if n.is_multiple_of(self.live) {
                let before = time(n.saturating_sub(KEPT * self.live));
                self.store.trim(time(n), before, before).await.unwrap();
            }
            if n.is_multiple_of(self.messages / 20) {
                self.sample(n);
            }
        }
    }

    /// The n-th message: a tenth of what lives stays from the beginning to the end, four tenths
    /// stay for long, the rest is sent as soon as it can be.
    fn message(&self, n: u32) -> mailwright::store::NewMessage {
        let mut new = message(SERVICES[n as usize % SERVICES.len()], n);
        new.body = body(n, BODY_BYTES);
        new.message.request_id = Some(parse(&format!("request-{n}")));
        new.message.expire_time = at(1_000_000_000);
        new.message.send_time = if n <= self.live / 10 {
            at(500_000_000)
        } else if n.is_multiple_of(25) {
            time(n + 10 * self.live)
        } else {
            time(n)
        };
        new
    }

    /// Delivers what is due while nearly as many live as may.
    async fn deliver(self: Arc<Self>) {
        let (mut over, mut changed) = (self.over.subscribe(), self.moved.subscribe());
        while !*over.borrow() {
            changed.borrow_and_update();
            let mut claimed = Vec::new();
            if self.living().len() * 10 >= self.live as usize * 9 {
                let now = time(self.next.load(Ordering::Relaxed));
                claimed = self.store.claim_due(now, CLAIMS).await.unwrap();
            }
            if claimed.is_empty() {
                tokio::select! {
                    biased;
                    _ = over.changed() => {}
                    _ = changed.changed() => {}
                }
            }
            let mut ending = JoinSet::new();
            for claimed in claimed {
                ending.spawn(self.clone().end(claimed));
            }
            ending.join_all().await;
        }
    }

    async fn end(self: Arc<Self>, claimed: Claimed) {
        let (claim, now) = (claimed.claim, time(self.next.load(Ordering::Relaxed)));
        self.store.mark_dot(now, &claim).await.unwrap();
        self.store
            .finish(now, &claim, accepted(&claim))
            .await
            .unwrap();
        let header = &claimed.message.message.message_id_header;
        let n = header[1..].split_once('@').unwrap().0.parse().unwrap();
        assert!(self.living.lock().unwrap().remove(&n));
        self.moved.send_replace(());
        self.room.add_permits(1);
    }

    fn living(&self) -> BTreeSet<u32> {
        self.living.lock().unwrap().clone()
    }

    async fn check_bodies(&self, store: &Shared) {
        for n in self.living() {
            assert_eq!(store.body(&mid(n)).await, Ok(Some(body(n, BODY_BYTES))));
        }
    }

    fn sample(&self, messages: u32) {
        let rows = self.folder.join("rows");
        let db = std::fs::metadata(rows.join("db")).unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let hwm = |line: &str| {
            Some(
                line.strip_prefix("VmHWM:")?
                    .trim()
                    .strip_suffix(" kB")?
                    .parse::<u64>()
                    .unwrap(),
            )
        };
        let sample = Sample {
            messages,
            living: self.living().len(),
            segments: taken(&self.folder.join("segments")),
            rows: db.blocks() * 512,
            rows_length: db.len(),
            snapshots: taken(&rows) - db.blocks() * 512,
            blobs: taken(&rows.join("blobs")),
            resident: status.lines().find_map(hwm).unwrap() * 1024,
        };
        eprintln!("{sample:?}");
        self.samples.lock().unwrap().push(sample);
    }
}

/// One message a millisecond.
fn time(n: u32) -> Timestamp {
    at(0) + Duration::from_millis(n.into())
}

/// What the files of a folder take on the disk.
fn taken(folder: &Path) -> u64 {
    let sizes = files(folder, "").into_iter().filter_map(|path| {
        let file = path.metadata().ok()?;
        file.is_file().then(|| file.blocks() * 512)
    });
    sizes.sum()
}
