//! What the disk does by itself: the measure of everything that must be durable.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::report::Stat;

/// `fdatasync` after each append of 4 KiB, taken between the samples of others.
pub struct Disk {
    file: File,
    path: PathBuf,
    each: Vec<Duration>,
    /// Syncs a second, a round each.
    pub rate: Stat,
    /// The median time of one, in microseconds, a round each.
    pub median_us: Stat,
}

impl Disk {
    pub fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join("appended");
        let file = append(&path);
        Self {
            file,
            path,
            each: Vec::new(),
            rate: Stat::default(),
            median_us: Stat::default(),
        }
    }

    /// Some syncs of this round.
    pub fn sample(&mut self, times: usize) {
        for _ in 0..times {
            let begin = Instant::now();
            self.file.write_all(&[7; 4096]).unwrap();
            self.file.sync_data().unwrap();
            self.each.push(begin.elapsed());
        }
    }

    /// The round is over: what was sampled in it is one figure.
    pub fn end_round(&mut self) {
        let mut each = std::mem::take(&mut self.each);
        self.rate.push(rate(each.len(), each.iter().sum()));
        each.sort_unstable();
        self.median_us
            .push(each[each.len() / 2].as_secs_f64() * 1e6);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The next run's would be another anyway.
        let _ = fs::remove_file(&self.path);
    }
}

/// The least that can keep records: one thread appends whatever waits, syncs once, answers all.
pub struct RawLog(mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>);

impl RawLog {
    pub fn open(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join("raw.log");
        let mut file = append(&path);
        let (sender, records) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>();
        thread::spawn(move || {
            while let Ok(first) = records.recv() {
                let batch: Vec<_> = std::iter::once(first).chain(records.try_iter()).collect();
                let bytes: Vec<u8> = batch
                    .iter()
                    .flat_map(|(record, _)| record.iter().copied())
                    .collect();
                file.write_all(&bytes).unwrap();
                file.sync_data().unwrap();
                for (_, answer) in batch {
                    // Who waited may have gone with the sample.
                    let _ = answer.send(());
                }
            }
            let _ = fs::remove_file(path);
        });
        Self(sender)
    }

    /// Appends and waits until it is synced.
    pub async fn append(&self, record: Vec<u8>) {
        let (answer, answered) = oneshot::channel();
        self.0.send((record, answer)).unwrap();
        answered.await.unwrap();
    }
}

/// So many tasks that append one record after the other; records a second.
pub async fn append_all(
    log: &std::sync::Arc<RawLog>,
    tasks: usize,
    bytes: usize,
    total: usize,
) -> f64 {
    let begin = Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        let log = log.clone();
        waiting.spawn(async move {
            for _ in 0..total / tasks {
                log.append(vec![7; bytes]).await;
            }
        });
    }
    waiting.join_all().await;
    rate(total / tasks * tasks, begin.elapsed())
}

/// So many in that time, a second.
pub fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn append(path: &Path) -> File {
    let open = OpenOptions::new().create(true).append(true).open(path);
    open.unwrap()
}
