//! Many messages go through and few live: the disk holds what lives, not what lived.
//!
//! `MESSAGES=1000000 cargo test --release --test store churn -- --nocapture` is the long run; it
//! prints how the disk fared on its way. No other test of this kind may run beside it: each run
//! begins by removing the folders of the one before.

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

/// The promise: the folder takes no more than so many times what lives in it (bodies, and rows with
/// their keys), and so much beside it. sled's file alone goes up and down between 50 and 145 MB,
/// however little lives.
const MULTIPLE: u64 = 4;
const BESIDE_BYTES: u64 = 160 << 20;

/// What the process takes in memory at most, in the long run.
const RESIDENT_MAX_BYTES: u64 = 400 << 20;

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
#[derive(Clone, Copy)]
struct Sample {
    segments: u64,
    log: u64,
    /// sled's file.
    rows: u64,
    snapshots: u64,
    blobs: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_holds_what_lives_and_not_what_lived() {
    let asked = std::env::var("MESSAGES").map(|text| text.parse().unwrap());
    let messages = *asked.as_ref().unwrap_or(&10_000);
    let live = (messages / 25).min(2_000);
    // Less mail in smaller segments.
    let options = Options {
        segment_bytes: u64::from(live) * (64 << 10),
        reserve_bytes: 0,
    };
    let folder = folder::fresh();
    let churn = Arc::new(Churn::new(&folder, options, messages, live));
    churn.clone().run().await;
    check_bodies(&churn.store, messages, &churn.living()).await;

    let (living, samples) = (churn.living(), churn.samples.lock().unwrap().clone());
    drop(Arc::into_inner(churn).unwrap());
    let lives = (living.len() * BODY_BYTES) as u64 + bytes_of_rows(&folder);
    for sample in &samples {
        let taken = sample.segments + sample.log + sample.rows + sample.snapshots + sample.blobs;
        assert!(
            taken <= MULTIPLE * lives + BESIDE_BYTES,
            "{taken} of {lives}"
        );
        assert_eq!(sample.blobs, 0, "sled never syncs them");
    }
    println!("{lives} bytes live at the end");
    let resident = resident();
    println!("{resident} bytes in memory at most");
    // Beside other tests it would count theirs.
    assert!(asked.is_err() || resident <= RESIDENT_MAX_BYTES);

    let store: Shared = Arc::new(open(&folder, 8, options).unwrap());
    store.recover(at(0)).await.unwrap();
    check_bodies(&store, messages, &living).await;
}

impl Churn {
    fn new(folder: &Path, options: Options, messages: u32, live: u32) -> Self {
        Self {
            store: Arc::new(open(folder, 7, options).unwrap()),
            folder: folder.to_owned(),
            messages,
            live,
            next: AtomicU32::new(1),
            living: Mutex::default(),
            room: Semaphore::new(live as usize),
            moved: watch::Sender::new(()),
            over: watch::Sender::new(false),
            samples: Mutex::default(),
        }
    }

    // The long run tells how fast it was; nothing depends on it.
    #[allow(clippy::disallowed_methods)]
    async fn run(self: Arc<Self>) {
        for id in SERVICES {
            let mut service = service(id, id);
            service.config.delivery.max_connections = Some(u32::try_from(CLAIMS).unwrap());
            create_tested(&self.store, service).await;
        }
        let begin = std::time::Instant::now();
        let (mut senders, mut deliverers) = (JoinSet::new(), JoinSet::new());
        for _ in 0..SENDERS {
            senders.spawn(self.clone().send());
        }
        for _ in 0..DELIVERERS {
            deliverers.spawn(self.clone().deliver());
        }
        senders.join_all().await;
        let seconds = begin.elapsed().as_secs_f64();
        println!("{:.0} messages/s", f64::from(self.messages) / seconds);
        self.over.send_replace(true);
        deliverers.join_all().await;
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

    fn sample(&self, n: u32) {
        let rows = self.folder.join("rows");
        let db = rows.join("db").metadata().unwrap();
        let sample = Sample {
            segments: taken(&self.folder.join("segments")),
            log: taken(&self.folder.join("log")),
            rows: db.blocks() * 512,
            snapshots: taken(&rows).saturating_sub(db.blocks() * 512),
            blobs: taken(&rows.join("blobs")),
        };
        println!(
            "{n} messages, {} live: segments {}, log {}, rows {} (length {}), snapshots {}, blobs {}",
            self.living().len(),
            sample.segments,
            sample.log,
            sample.rows,
            db.len(),
            sample.snapshots,
            sample.blobs,
        );
        self.samples.lock().unwrap().push(sample);
    }
}

/// Every body that lives is there, byte for byte, and of the others none that is asked for.
async fn check_bodies(store: &Shared, messages: u32, living: &BTreeSet<u32>) {
    for n in living {
        let kept = store.body(&mid(*n)).await;
        assert_eq!(kept, Ok(Some(body(*n, BODY_BYTES))), "{n}");
    }
    for n in (1..=messages).step_by(7).filter(|n| !living.contains(n)) {
        assert_eq!(store.body(&mid(n)).await, Ok(None), "{n}");
    }
}

/// Keys and rows in sled.
fn bytes_of_rows(folder: &Path) -> u64 {
    let db = raw(folder);
    let sizes = db.iter().map(|pair| {
        let (key, row) = pair.unwrap();
        (key.len() + row.len()) as u64
    });
    sizes.sum()
}

/// The most that this process had in memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = parse(most.unwrap().trim().trim_end_matches(" kB"));
    kib * 1024
}

/// One message a millisecond.
fn time(n: u32) -> Timestamp {
    at(0) + Duration::from_millis(n.into())
}

/// What the files of a folder take on the disk; some may go meanwhile.
fn taken(folder: &Path) -> u64 {
    let sizes = files(folder, "").into_iter().filter_map(|path| {
        let file = path.metadata().ok()?;
        file.is_file().then(|| file.blocks() * 512)
    });
    sizes.sum()
}
