//! Rows in one sled tree, large ones in segments; what readers see of them, and how a group of
//! transactions becomes durable.
//!
//! Readers see what is durable and nothing else: while a group is being written, what it replaces
//! is laid above the tree, so that neither an event nor a message is seen that a power cut could
//! take back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use ::sled::{Batch, Db, IVec};

use super::copy::Notes;
use super::record::Reference;
use super::segments::Segments;
use super::space::{Space, is_full};
use super::{failpoint, format};
use crate::model::MessageId;
use crate::store::rows::State;
use crate::store::rows::base::{Base, Order, Pair, Writes, through};
use crate::store::rows::tables::BODIES;
use crate::store::{Result, StoreError};

/// Rows larger than this go to a segment: sled keeps up to 16 of them on a page, and pages that
/// pass a quarter of its segment in files that it never syncs.
pub const INLINE_MAX_BYTES: usize = 3 * 1024;

/// Everything on disk.
pub struct Disk {
    db: Db,
    /// sled's own file: its `flush` does not sync.
    file: File,
    pub segments: Segments,
    pub space: Space,
    pub notes: Notes,
    /// What the group being written replaces.
    hidden: RwLock<Writes>,
}

/// What a reader sees, as long as it looks.
pub struct View<'a> {
    disk: &'a Disk,
    hidden: &'a Writes,
}

/// What the writer sees: the tree as it is between two groups. It reads no row of a group twice,
/// since finding one in sled is dear, and the writing of the group must know each row it replaces.
pub struct Sight {
    disk: Arc<Disk>,
    seen: RefCell<Seen>,
}

/// Rows of the tree, as they are until the group is written.
pub type Seen = BTreeMap<Vec<u8>, Option<IVec>>;

/// A group, ready to be written.
#[derive(Default)]
struct Group {
    batch: Batch,
    /// What it replaces.
    replaced: Writes,
    born: Vec<Reference>,
    died: Vec<Reference>,
    /// Rows that this group itself put in segments.
    moved: Vec<Reference>,
}

impl Disk {
    /// Puts the parts together. `rows` is sled's folder.
    pub fn new(db: Db, rows: &Path, segments: Segments, space: Space) -> io::Result<Self> {
        Ok(Self {
            db,
            file: File::open(rows.join("db"))?,
            segments,
            space,
            notes: Notes::default(),
            hidden: RwLock::default(),
        })
    }

    /// Reads what is durable.
    pub fn view<T>(&self, read: impl FnOnce(&State<View<'_>>) -> Result<T>) -> Result<T> {
        let hidden = self.hidden.read().unwrap_or_else(PoisonError::into_inner);
        read(&State::over(View {
            disk: self,
            hidden: &hidden,
        }))
    }

    /// Where the body of a message is. What is read from the file later is still there, whatever
    /// becomes of the segment.
    pub fn body(&self, id: &MessageId) -> Result<Option<(Arc<File>, Reference)>> {
        let key = BODIES.key(id);
        self.view(|state| {
            let row = state.row(&key)?;
            let reference = row.as_deref().and_then(Reference::from_row);
            reference
                .map(|reference| Ok((self.segments.file(reference.segment)?, reference)))
                .transpose()
        })
    }

    /// Makes all of `writes` durable at once, on behalf of the transactions `names`; whether there
    /// was anything to write. `seen` are rows that were read since the last group, `retired` are
    /// segments that no longer exist.
    ///
    /// # Errors
    /// After one, nobody knows what is on the disk: nothing may be acknowledged any more.
    pub fn write(
        &self,
        writes: Writes,
        seen: &Seen,
        retired: &[u32],
        names: &[&str],
    ) -> std::result::Result<bool, String> {
        let pass = |step| names.iter().for_each(|name| failpoint::pass(name, step));
        self.space.tend();
        let mut group = self.group(writes, seen)?;
        for segment in retired {
            group.batch.remove(format::live_key(*segment));
        }
        if group.replaced.is_empty() && retired.is_empty() {
            return Ok(false);
        }
        for (segment, bytes) in self.segments.count(&group.born, &group.died) {
            let (key, row) = format::live_row(segment, bytes);
            group.batch.insert(key, row);
        }
        let noted = match self.notes.wanted() {
            true => group.replaced.keys().cloned().collect(),
            false => Vec::new(),
        };
        self.hide(group.replaced);
        pass("apply");
        self.db.apply_batch(group.batch).map_err(failed("apply"))?;
        pass("applied");
        self.db.flush().map_err(failed("flush"))?;
        pass("flushed");
        self.file.sync_data().map_err(said("fdatasync"))?;
        pass("synced");
        self.hide(Writes::new());
        self.notes.add(noted);
        for reference in group.moved {
            self.segments.settle(reference);
        }
        Ok(true)
    }

    /// Makes what sled holds durable.
    pub fn sync(&self) -> std::result::Result<(), String> {
        self.db.flush().map_err(failed("flush"))?;
        self.file.sync_data().map_err(said("fdatasync"))
    }

    fn group(&self, writes: Writes, seen: &Seen) -> std::result::Result<Group, String> {
        let mut group = Group::default();
        let mut replaced = Vec::with_capacity(writes.len());
        for (key, row) in writes {
            let old = match seen.get(&key) {
                Some(row) => row.clone(),
                None => self.db.get(&key).map_err(failed("read"))?,
            };
            if old.as_deref() == row.as_deref() {
                continue;
            }
            group
                .died
                .extend(old.as_deref().and_then(Reference::from_row));
            match row {
                None => group.batch.remove(&*key),
                Some(mut row) => {
                    if row.len() > INLINE_MAX_BYTES {
                        let reference = self.set_aside(&key, &row)?;
                        group.moved.push(reference);
                        row = reference.to_row();
                    }
                    group.born.extend(Reference::from_row(&row));
                    group.batch.insert(&*key, row);
                }
            }
            replaced.push((key, old.map(|row| row.to_vec())));
        }
        // They are in order, and a map is made at once of what is.
        group.replaced = replaced.into_iter().collect();
        if !group.moved.is_empty() {
            // Before anything refers to them.
            self.segments.sync().map_err(said("sync a segment"))?;
        }
        Ok(group)
    }

    fn set_aside(&self, key: &[u8], row: &[u8]) -> std::result::Result<Reference, String> {
        self.segments
            .append(key, row)
            .or_else(|error| match is_full(&error) && self.space.give_up() {
                true => self.segments.append(key, row),
                false => Err(error),
            })
            .map_err(said("append to a segment"))
    }

    fn hide(&self, replaced: Writes) {
        *self.hidden.write().unwrap_or_else(PoisonError::into_inner) = replaced;
    }

    fn get_row(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let row = self.db.get(key).map_err(unread)?;
        Ok(row.map(|row| row.to_vec()))
    }

    fn rows(
        &self,
        keys: Range<Vec<u8>>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair>> + '_> {
        if keys.start >= keys.end {
            return Box::new(std::iter::empty());
        }
        let pairs = self.db.range(keys).map(|pair| {
            let (key, row) = pair.map_err(unread)?;
            Ok((key.to_vec(), row.to_vec()))
        });
        match order {
            Order::Ascending => Box::new(pairs),
            Order::Descending => Box::new(pairs.rev()),
        }
    }

    fn record(&self, row: Vec<u8>) -> Result<Vec<u8>> {
        match Reference::from_row(&row) {
            Some(reference) => Ok(self.segments.read(reference)?.row),
            None => Ok(row),
        }
    }
}

impl Sight {
    /// Looks anew, as after each group.
    pub fn of(disk: &Arc<Disk>) -> Self {
        Self {
            disk: disk.clone(),
            seen: RefCell::default(),
        }
    }

    /// What has been read so far.
    pub fn seen(&mut self) -> Seen {
        self.seen.take()
    }
}

impl Base for Sight {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut seen = self.seen.borrow_mut();
        let row = match seen.get(key) {
            Some(row) => row,
            None => {
                let row = self.disk.db.get(key).map_err(unread)?;
                seen.entry(key.to_vec()).or_insert(row)
            }
        };
        Ok(row.as_ref().map(|row| row.to_vec()))
    }

    fn range(
        &self,
        keys: Range<Vec<u8>>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair>> + '_> {
        self.disk.rows(keys, order)
    }

    fn resolve(&self, row: Vec<u8>) -> Result<Vec<u8>> {
        self.disk.record(row)
    }
}

impl Base for View<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.hidden.get(key) {
            Some(row) => Ok(row.clone()),
            None => self.disk.get_row(key),
        }
    }

    fn range(
        &self,
        keys: Range<Vec<u8>>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair>> + '_> {
        let below = self.disk.rows(keys.clone(), order);
        through(self.hidden, below, keys, order)
    }

    fn resolve(&self, row: Vec<u8>) -> Result<Vec<u8>> {
        self.disk.record(row)
    }
}

fn said<E: Display>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}

/// As [`said`], in the words of the system where it is what failed.
fn failed(what: &'static str) -> impl Fn(::sled::Error) -> String {
    move |error| match error {
        ::sled::Error::Io(error) => said(what)(error),
        other => said(what)(other),
    }
}

fn unread(error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Io(error) => StoreError::Unavailable(error.to_string()),
        other => StoreError::Corrupt(other.to_string()),
    }
}
