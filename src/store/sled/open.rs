//! Opening: the lock, the folders, sled with what a crash may have left of it, the format.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

use ::sled::Db;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::{Semaphore, watch};

use super::bodies::Bodies;
use super::copy::is_restoring;
use super::disk::Disk;
use super::format::{STEPS, Step};
use super::lock::Lock;
use super::log::Log;
use super::segments::Segments;
use super::settle::Rows;
use super::space::Space;
use super::writer::{Health, Writer, fail};
use super::{Inlets, OpenError, Options, SledStore, format, sync_folder};
use crate::env::Env;
use crate::metrics::Metrics;

/// Pages that sled keeps in memory, in bytes.
const CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// sled's own segments. It reuses one once what replaces its content is written, synced or not, and
/// three segments more are begun. A part of what is settled writes less than that, and our sync follows
/// each part, so what is overwritten has been replaced durably. The size is four times what a page may
/// reach before sled keeps it in an unsynced file.
const SLED_SEGMENT_BYTES: usize = 8 * 1024 * 1024;

/// Bodies that may wait to be kept, in KiB.
pub const WAITING_KIB: usize = 128 * 1024;

impl SledStore {
    /// Opens the store in `folder`, which is made when it isn't there. Its commits are counted in
    /// `metrics`.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        folder: &Path,
        env: &Env,
        metrics: &Metrics,
        options: Options,
    ) -> Result<Self, OpenError> {
        if is_restoring(folder) {
            let why =
                "a restore into the data folder did not end: empty the folder, then restore again";
            return Err(OpenError::Failed(why.into()));
        }
        Self::open_any(folder, env, metrics, options)
    }

    /// As [`SledStore::open`], also into a folder that is being restored.
    pub(super) fn open_any(
        folder: &Path,
        env: &Env,
        metrics: &Metrics,
        options: Options,
    ) -> Result<Self, OpenError> {
        let (rows, bodies) = (folder.join("rows"), folder.join("segments"));
        let records = folder.join("log");
        for path in [folder, &rows, &bodies, &records] {
            make_folder(path).map_err(|error| OpenError::io("make", path, &error))?;
        }
        let lock = Lock::take(&folder.join("lock"), env.now())?;
        // First: where the disk is full, the others need what it gives up.
        let space = Space::new(folder, options.reserve_bytes);
        await_release(&rows).map_err(|error| OpenError::io("lock", &rows, &error))?;
        let db = open_sled(&rows)?;
        let epoch = format::open(&db, u64::from_le_bytes(env.random()), STEPS)?;
        let file = File::open(rows.join("db"));
        let file = file.map_err(|error| OpenError::io("open", &rows, &error))?;
        let held = Rows { db, file };
        let mut log =
            Log::open(&records).map_err(|error| OpenError::io("open", &records, &error))?;
        bring_up(&held, &mut log, &bodies, STEPS)?;
        let segments = Segments::open(&bodies, options.segment_bytes, &format::live(&held.db)?)
            .map_err(|error| OpenError::io("open", &bodies, &error))?;
        let disk = Disk::new(held, log, segments, space);
        for path in [&rows, folder] {
            sync_folder(path).map_err(|error| OpenError::io("sync", path, &error))?;
        }
        Self::start(epoch, Arc::new(disk), (env, metrics), lock)
            .map_err(|error| OpenError::Failed(format!("can't start a thread: {error}")))
    }

    fn start(
        epoch: u64,
        disk: Arc<Disk>,
        (env, metrics): (&Env, &Metrics),
        lock: Lock,
    ) -> io::Result<Self> {
        let (mails, from_mails) = mpsc::channel();
        let (jobs, from_jobs) = mpsc::channel();
        let health = Arc::new(watch::Sender::new(None));
        let commits = watch::Sender::new(0);
        let bodies = Bodies {
            disk: disk.clone(),
            mails: from_mails,
            jobs: jobs.clone(),
            health: health.clone(),
        };
        let writer = Writer {
            disk: disk.clone(),
            jobs: from_jobs,
            health: health.clone(),
            commits: commits.clone(),
            env: env.clone(),
            metrics: metrics.clone(),
        };
        let settle = {
            let (disk, health) = (disk.clone(), health.clone());
            move || disk.settling.run(&disk, &health)
        };
        let threads = vec![
            begin("mailwright-bodies", &health, || bodies.run())?,
            begin("mailwright-rows", &health, || writer.run())?,
            begin("mailwright-settle", &health, settle)?,
        ];
        Ok(Self {
            epoch,
            disk,
            inlets: Mutex::new(Some(Inlets { mails, jobs })),
            waiting: Arc::new(Semaphore::new(WAITING_KIB)),
            threads: Mutex::new(threads),
            health,
            commits,
            _lock: lock,
        })
    }
}

/// Makes the rows what this version of the program knows. What a crash left in the log is in the format
/// that they had, so it is taken to them before they are migrated.
fn bring_up(held: &Rows, log: &mut Log, bodies: &Path, steps: &[Step]) -> Result<(), OpenError> {
    held.catch_up(log, bodies)?;
    format::migrate(held, steps)
}

/// Tells that a thread panicked: whoever waits for it would wait for good.
struct Watched(Arc<Health>);

impl Drop for Watched {
    fn drop(&mut self) {
        if thread::panicking() {
            fail(&self.0, "a thread of the store panicked");
        }
    }
}

fn begin(
    name: &str,
    health: &Arc<Health>,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let watched = Watched(health.clone());
    thread::Builder::new().name(name.into()).spawn(move || {
        let _watched = watched;
        run();
    })
}

/// Waits until sled has let go of its file. Its threads may keep that for a moment after it was closed
/// in this process; no other has it, since the folder's lock is ours.
fn await_release(rows: &Path) -> io::Result<()> {
    let file = match File::open(rows.join("db")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        tracing::info!(path = %rows.display(), "waiting for whoever still has the rows");
        flock(&file, FlockOperation::LockExclusive)?;
    }
    Ok(())
}

/// Opens sled over what a crash may have left: a snapshot is only a short cut through its log, so
/// one that is half-written or damaged is set aside.
fn open_sled(rows: &Path) -> Result<Db, OpenError> {
    let failed = |error: io::Error| OpenError::io("tidy", rows, &error);
    for path in snapshots(rows).map_err(failed)? {
        if path.extension().is_some_and(|end| end == "generating") {
            tracing::warn!(path = %path.display(), "removing a half-written snapshot");
            fs::remove_file(path).map_err(failed)?;
        }
    }
    let config = ::sled::Config::new()
        .path(rows)
        .cache_capacity(CACHE_BYTES)
        .segment_size(SLED_SEGMENT_BYTES);
    match config.open() {
        Err(::sled::Error::Corruption { .. }) => {
            for path in snapshots(rows).map_err(failed)? {
                tracing::warn!(path = %path.display(), "setting a damaged snapshot aside");
                set_aside(&path).map_err(failed)?;
            }
            config.open().map_err(OpenError::rows)
        }
        opened => opened.map_err(OpenError::rows),
    }
}

fn snapshots(rows: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(rows)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn set_aside(path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    fs::rename(path, path.with_file_name(format!("aside.{name}")))
}

pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(test)]
mod tests {
    use ::sled::{Batch, Tree};

    use super::super::log::record;
    use super::*;
    use crate::store::rows::base::Writes;

    fn doubles(tree: &Tree, batch: &mut Batch) -> ::sled::Result<()> {
        for row in tree.scan_prefix(b"\x01") {
            let (key, row) = row?;
            batch.insert(key, &[row[0] * 2]);
        }
        Ok(())
    }

    /// The rows and the log in a folder, as a process finds them.
    fn find(folder: &Path) -> (Rows, Log) {
        let db = open_sled(&folder.join("rows")).unwrap();
        let file = File::open(folder.join("rows/db")).unwrap();
        (Rows { db, file }, Log::open(&folder.join("log")).unwrap())
    }

    #[test]
    fn what_an_unclean_stop_left_in_the_log_is_migrated_with_the_rest() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tmp/bring_up");
        let _ = fs::remove_dir_all(&folder);
        for part in ["rows", "log"] {
            make_folder(&folder.join(part)).unwrap();
        }
        let (held, mut log) = find(&folder);
        format::open(&held.db, 5, &[]).unwrap();
        held.db.insert(b"\x01settled", &[3]).unwrap();
        held.sync().unwrap();
        let unsettled = Writes::from([(b"\x01unsettled".to_vec(), Some(vec![4]))]);
        log.append(record(&unsettled)).unwrap();
        log.sync().unwrap();
        drop((held, log));
        // The second start has nothing left to do.
        for _ in 0..2 {
            await_release(&folder.join("rows")).unwrap();
            let (held, mut log) = find(&folder);
            format::open(&held.db, 6, &[doubles]).unwrap();
            bring_up(&held, &mut log, &folder, &[doubles]).unwrap();
            assert_eq!(log.number(), 1);
            let row = |key: &[u8]| held.db.get(key).unwrap().unwrap()[0];
            assert_eq!((row(b"\x01settled"), row(b"\x01unsettled")), (6, 8));
        }
    }
}
