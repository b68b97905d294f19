//! Large rows, above all message bodies, in append-only files.
//!
//! A file begins with its mark and holds records: length, CRC-32, the key of the row, the row. What
//! a crash left torn at the end of a file is never referred to: a record is synced before the row
//! that refers to it is written. Each start begins a new file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::record::{self, Record, Reference};
use super::{lock, sync_folder};
use crate::store::{Result, StoreError};

/// A segment begins with this: a name and the version of what follows.
const MARK: [u8; 8] = *b"mwseg\0\0\x01";

/// A segment is compacted when less than this of it lives.
const LIVE_MIN_PERCENT: u64 = 30;

/// All segments of a store.
pub struct Segments {
    folder: PathBuf,
    segment_bytes: u64,
    inner: Mutex<Inner>,
    /// Whether a sync failed. The kernel tells that once, to whoever asks first: here it holds for
    /// all who share the file. Taken after `inner`, never before.
    sync_failed: Mutex<bool>,
    synced: Mutex<Synced>,
    synced_more: Condvar,
}

/// How far appended records are durable.
#[derive(Default)]
struct Synced {
    segment: u32,
    end: u64,
    given_up: bool,
}

struct Inner {
    files: BTreeMap<u32, Segment>,
    /// Where to append; none until something is.
    current: Option<u32>,
    next: u32,
}

struct Segment {
    file: Arc<File>,
    size: u64,
    live: u64,
    /// Records whose rows may yet come.
    awaited: u32,
}

impl Segments {
    /// Opens the folder, given how many bytes live in which segment; removes what holds nothing.
    ///
    /// # Errors
    /// When a file can't be read, or one is missing in which something lives.
    pub fn open(folder: &Path, segment_bytes: u64, live: &BTreeMap<u32, u64>) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut next = live.keys().next_back().map_or(1, |last| last + 1);
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let Some(number) = number_of(&path) else {
                continue;
            };
            next = next.max(number + 1);
            match live.get(&number) {
                Some(live) if *live > 0 => {
                    files.insert(number, Segment::open(&path, *live)?);
                }
                _ => fs::remove_file(&path)?,
            }
        }
        let missing = |(number, live): &(&u32, &u64)| **live > 0 && !files.contains_key(number);
        if let Some((number, _)) = live.iter().find(missing) {
            let path = path_of(folder, *number);
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("{} is missing, and mail in it with it", path.display()),
            ));
        }
        sync_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            segment_bytes,
            inner: Mutex::new(Inner {
                files,
                current: None,
                next,
            }),
            sync_failed: Mutex::new(false),
            synced: Mutex::default(),
            synced_more: Condvar::new(),
        })
    }

    /// Appends a row. It is durable after [`Segments::sync`], and awaited until
    /// [`Segments::settle`].
    pub fn append(&self, key: &[u8], row: &[u8]) -> io::Result<Reference> {
        let bytes = record::write(key, row)?;
        let size = bytes.len() as u64;
        let mut inner = self.lock();
        let number = match inner.current {
            Some(number) if self.takes(&inner.files[&number], size) => number,
            _ => self.begin(&mut inner)?,
        };
        let segment = inner
            .files
            .get_mut(&number)
            .expect("the current segment stays until another one is");
        if let Err(error) = segment.file.write_all_at(&bytes, segment.size) {
            segment.file.set_len(segment.size)?;
            return Err(error);
        }
        let reference = Reference {
            segment: number,
            offset: segment.size,
            size: record::size(bytes.len()),
        };
        segment.size += size;
        segment.awaited += 1;
        Ok(reference)
    }

    /// Makes what was appended durable.
    pub fn sync(&self) -> io::Result<()> {
        let current = {
            let inner = self.lock();
            inner.current.map(|number| {
                let segment = &inner.files[&number];
                (number, segment.size, segment.file.clone())
            })
        };
        current.map_or(Ok(()), |(number, end, file)| {
            self.sync_file(number, end, &file)
        })
    }

    /// Waits until a record is durable that somebody else syncs.
    pub fn await_synced(&self, reference: Reference) -> io::Result<()> {
        let end = reference.offset + u64::from(reference.size);
        let synced = lock(&self.synced);
        let behind = |synced: &Synced| (synced.segment, synced.end) < (reference.segment, end);
        let waits = |synced: &mut Synced| behind(synced) && !synced.given_up;
        let synced = self.synced_more.wait_while(synced, waits);
        match behind(&synced.unwrap_or_else(PoisonError::into_inner)) {
            true => Err(io::Error::other("nobody syncs them any more")),
            false => Ok(()),
        }
    }

    /// Whoever syncs bodies has ended or failed: none is waited for any more.
    pub fn give_up(&self) {
        lock(&self.synced).given_up = true;
        self.synced_more.notify_all();
    }

    /// No row will come any more for what was appended there, unless it has come by now.
    pub fn settle(&self, reference: Reference) {
        if let Some(segment) = self.lock().files.get_mut(&reference.segment) {
            segment.awaited -= 1;
        }
    }

    /// Counts what came to live and what ceased to; returns how much lives in the segments that
    /// this changed.
    pub fn count(&self, born: &[Reference], died: &[Reference]) -> BTreeMap<u32, u64> {
        let mut inner = self.lock();
        let mut changed = BTreeMap::new();
        for (reference, born) in with(born, true).chain(with(died, false)) {
            if let Some(segment) = inner.files.get_mut(&reference.segment) {
                let size = u64::from(reference.size);
                segment.live = match born {
                    true => segment.live + size,
                    false => segment.live.saturating_sub(size),
                };
                changed.insert(reference.segment, segment.live);
            }
        }
        changed
    }

    /// The file of a segment; what is read from it later is still there.
    pub fn file(&self, number: u32) -> Result<Arc<File>> {
        self.lock()
            .files
            .get(&number)
            .map(|segment| segment.file.clone())
            .ok_or_else(|| StoreError::Corrupt(format!("segment {number} is missing")))
    }

    /// The record of a reference, checked.
    pub fn read(&self, reference: Reference) -> Result<Record> {
        record::read(&*self.file(reference.segment)?, reference)
    }

    /// A segment that is not appended to, and of which nothing lives.
    pub fn dead(&self) -> Option<u32> {
        self.lock().sealed(|_, segment| segment.live == 0)
    }

    /// A segment that is not appended to, and of which little lives; none of `but`.
    pub fn sparse(&self, but: &BTreeSet<u32>) -> Option<u32> {
        self.lock()
            .sealed(|number, segment| segment.is_sparse() && !but.contains(&number))
    }

    /// Where the segment's first record begins, and where its last one ends.
    pub fn extent(&self, number: u32) -> (u64, u64) {
        let inner = self.lock();
        let end = inner.files.get(&number).map_or(0, |segment| segment.size);
        (MARK.len() as u64, end)
    }

    /// What all files hold, live or dead.
    pub fn bytes(&self) -> u64 {
        self.lock().files.values().map(|segment| segment.size).sum()
    }

    /// Deletes a segment.
    pub fn remove(&self, number: u32) -> io::Result<()> {
        self.lock().files.remove(&number);
        fs::remove_file(path_of(&self.folder, number))?;
        sync_folder(&self.folder)
    }

    /// Whether a segment is still appended to. One of which little lives ends early, so that what
    /// is dead in it can go.
    fn takes(&self, segment: &Segment, size: u64) -> bool {
        let worn = segment.size >= self.segment_bytes / 8 && segment.is_sparse();
        segment.size + size <= self.segment_bytes && !worn
    }

    /// Begins a new segment; the one before is durable then.
    fn begin(&self, inner: &mut Inner) -> io::Result<u32> {
        if let Some(number) = inner.current {
            let segment = &inner.files[&number];
            self.sync_file(number, segment.size, &segment.file)?;
        }
        let number = inner.next;
        let path = path_of(&self.folder, number);
        let made = Segment::create(&path).and_then(|segment| {
            sync_folder(&self.folder)?;
            Ok(segment)
        });
        let segment = match made {
            Ok(segment) => segment,
            Err(error) => {
                // It holds nothing, and the next attempt makes it anew.
                let _ = fs::remove_file(&path);
                return Err(error);
            }
        };
        inner.files.insert(number, segment);
        inner.current = Some(number);
        inner.next += 1;
        Ok(number)
    }

    /// Syncs a file, unless a sync has failed: a second one would say that all is well. The error
    /// is none of want of space, after which it could be tried again.
    fn sync_file(&self, number: u32, end: u64, file: &File) -> io::Result<()> {
        let mut failed = self
            .sync_failed
            .lock()
            .expect("no code panics while it holds this lock");
        if *failed {
            return Err(io::Error::other("an earlier sync failed"));
        }
        file.sync_data().map_err(|error| {
            *failed = true;
            io::Error::other(error)
        })?;
        let mut synced = lock(&self.synced);
        (synced.segment, synced.end) = (synced.segment, synced.end).max((number, end));
        self.synced_more.notify_all();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

impl Inner {
    fn sealed(&self, wanted: impl Fn(u32, &Segment) -> bool) -> Option<u32> {
        self.files
            .iter()
            .filter(|(number, _)| self.current != Some(**number))
            .find(|(number, segment)| segment.awaited == 0 && wanted(**number, segment))
            .map(|(number, _)| *number)
    }
}

impl Segment {
    fn is_sparse(&self) -> bool {
        self.live * 100 < self.size * LIVE_MIN_PERCENT
    }

    fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        file.write_all_at(&MARK, 0)?;
        file.sync_all()?;
        Ok(Self {
            file: Arc::new(file),
            size: MARK.len() as u64,
            live: 0,
            awaited: 0,
        })
    }

    fn open(path: &Path, live: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut mark = [0; MARK.len()];
        file.read_exact_at(&mut mark, 0)?;
        if mark != MARK {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is no segment that this program reads", path.display()),
            ));
        }
        Ok(Self {
            size: file.metadata()?.len(),
            file: Arc::new(file),
            live,
            awaited: 0,
        })
    }
}

/// Whether what is referred to is there; it is durable then.
pub fn is_whole(folder: &Path, reference: Reference) -> bool {
    File::open(path_of(folder, reference.segment))
        .is_ok_and(|file| record::read(&file, reference).is_ok() && file.sync_data().is_ok())
}

fn with(references: &[Reference], born: bool) -> impl Iterator<Item = (&Reference, bool)> {
    references.iter().map(move |reference| (reference, born))
}

fn path_of(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:08}.seg"))
}

fn number_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(".seg")?.parse().ok()
}
