//! What the writer and readers see of the store, and how a group of transactions becomes durable.
//!
//! Rows are in one sled tree, above it what is in the log alone, and large ones in segments. Readers
//! see what is durable and nothing else: a group's rows are laid above the others once its record
//! and the bodies that it refers to are synced, so that neither an event nor a message is seen that a
//! power cut could take back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use ::sled::{Db, IVec};

use super::copy::Notes;
use super::layers::Layers;
use super::log::{self, Log};
use super::record::Reference;
use super::segments::Segments;
use super::settle::{Rows, Settling, settle};
use super::space::{Space, is_full};
use super::{failpoint, format, lock};
use crate::model::MessageId;
use crate::store::rows::State;
use crate::store::rows::base::{Base, Decoded, Order, Pair, Writes};
use crate::store::rows::tables::BODIES;
use crate::store::{Result, StoreError, Usage};

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
    log: Mutex<Log>,
    layers: RwLock<Layers>,
    pub settling: Settling,
}

/// What is durable, as it is while nobody writes.
pub struct View<'a> {
    disk: &'a Disk,
    layers: &'a Layers,
}

/// What the writer sees. It reads no row of a group twice from sled, since finding one there is dear,
/// and the writing of the group must know each row it replaces.
pub struct Sight<'a> {
    view: View<'a>,
    seen: RefCell<Seen>,
}

/// Rows of sled, as they are until the group is written.
type Seen = BTreeMap<Vec<u8>, Option<IVec>>;

/// A group, ready to be written.
#[derive(Default)]
pub struct Group {
    /// What it changes.
    writes: Writes,
    born: Vec<Reference>,
    died: Vec<Reference>,
    /// Rows that this group itself put in segments.
    moved: Vec<Reference>,
}

impl Disk {
    /// Puts the parts together. Everything in the log must be in sled.
    pub fn new(rows: Rows, log: Log, segments: Segments, space: Space) -> Self {
        Self {
            db: rows.db,
            file: rows.file,
            segments,
            space,
            notes: Notes::default(),
            log: Mutex::new(log),
            layers: RwLock::default(),
            settling: Settling::default(),
        }
    }

    /// What is in the log alone; nothing is written as long as it is held.
    pub fn layers(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is durable.
    pub fn view<T>(&self, read: impl FnOnce(&State<View<'_>>) -> Result<T>) -> Result<T> {
        let layers = self.layers();
        read(&State::over(View {
            disk: self,
            layers: &layers,
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

    /// Makes a group durable, on behalf of the transactions `names`, once `bodies` are; whether
    /// there was anything to write.
    ///
    /// # Errors
    /// After one, nobody knows what is on the disk: nothing may be acknowledged any more.
    pub fn write(
        &self,
        mut group: Group,
        bodies: Option<Reference>,
        names: &[&str],
    ) -> std::result::Result<bool, String> {
        let pass = |step| names.iter().for_each(|name| failpoint::pass(name, step));
        if group.writes.is_empty() {
            return Ok(false);
        }
        for (segment, bytes) in self.segments.count(&group.born, &group.died) {
            let (key, row) = format::live_row(segment, bytes);
            group.writes.insert(key, Some(row));
        }
        // Where room is scarce, whoever writes must learn at once whether sled finds some.
        let ample = self.space.tend();
        let mut log = lock(&self.log);
        let record = log::record(&group.writes);
        if !log.has_room(record.len()) {
            self.settle_later(&mut log)?;
        }
        let noted = match self.notes.wanted() {
            true => group
                .writes
                .keys()
                .filter(|key| key[0] != 0)
                .cloned()
                .collect(),
            false => Vec::new(),
        };
        pass("apply");
        log.append(record).map_err(said("write the log"))?;
        pass("applied");
        log.sync().map_err(said("sync the log"))?;
        pass("flushed");
        if let Some(last) = bodies {
            self.segments
                .await_synced(last)
                .map_err(said("keep bodies"))?;
        }
        pass("synced");
        // One by one: `append` would make the whole map anew for each group.
        self.change(|layers| layers.lay(group.writes));
        self.notes.add(noted);
        for reference in group.moved {
            self.segments.settle(reference);
        }
        match ample {
            true => Ok(true),
            false => {
                self.settle_later(&mut log)?;
                self.settling.rest().map(|()| true)
            }
        }
    }

    /// What it takes.
    pub fn usage(&self) -> Usage {
        Usage {
            log: self.file.metadata().map_or(0, |file| file.len()) + log::BYTES,
            segments: self.segments.bytes(),
            free: self.space.free(),
        }
    }

    /// Takes all of the log to sled.
    pub fn settle_all(&self) -> std::result::Result<(), String> {
        self.settle_later(&mut lock(&self.log))?;
        self.settling.rest()
    }

    /// Turns the log over: what is in it goes to sled meanwhile.
    fn settle_later(&self, log: &mut Log) -> std::result::Result<(), String> {
        self.settling.rest()?;
        self.change(Layers::turn);
        log.turn().map_err(said("turn the log over"))?;
        self.settling.begin(log.number());
        Ok(())
    }

    /// Takes to sled what the log held before its last turn, up to record `number`.
    pub fn settle(&self, number: u64) -> std::result::Result<(), String> {
        let old = self.layers().old();
        settle(&self.db, &self.file, &old, number).map_err(settled)?;
        self.change(Layers::forget_old);
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Layers)) {
        change(&mut self.layers.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Makes `writes` ready to be written; `sight` is what they were computed from. `retired` are
    /// segments that no longer exist.
    pub fn group(
        &self,
        sight: &Sight<'_>,
        writes: Writes,
        retired: &[u32],
    ) -> std::result::Result<Group, String> {
        let mut group = Group::default();
        let mut kept = Vec::with_capacity(writes.len());
        for (key, mut row) in writes {
            let reference = sight
                .compare(&key, row.as_deref())
                .map_err(|error| format!("read: {error:?}"))?;
            let Compared::Changed(old) = reference else {
                continue;
            };
            group.died.extend(old);
            if let Some(bytes) = row.as_mut().filter(|row| row.len() > INLINE_MAX_BYTES) {
                let reference = self.set_aside(&key, bytes)?;
                group.moved.push(reference);
                *bytes = reference.to_row();
            }
            group
                .born
                .extend(row.as_deref().and_then(Reference::from_row));
            kept.push((key, row));
        }
        // They are in order, and a map is made at once of what is.
        group.writes = kept.into_iter().collect();
        for segment in retired {
            group.writes.insert(format::live_key(*segment), None);
        }
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

/// What a write does to a row.
enum Compared {
    Same,
    /// It replaces one that refers there, if it does.
    Changed(Option<Reference>),
}

impl<'a> Sight<'a> {
    /// Looks anew, as after each group.
    pub fn of(disk: &'a Disk, layers: &'a Layers) -> Self {
        Self {
            view: View { disk, layers },
            seen: RefCell::default(),
        }
    }

    fn compare(&self, key: &[u8], row: Option<&[u8]>) -> Result<Compared> {
        let compare = |old: Option<&[u8]>| match old == row {
            true => Compared::Same,
            false => Compared::Changed(old.and_then(Reference::from_row)),
        };
        match self.view.layers.get(key) {
            Some(old) => Ok(compare(old.as_deref())),
            None => Ok(compare(self.below(key)?.as_deref())),
        }
    }

    /// The row of a key in sled.
    fn below(&self, key: &[u8]) -> Result<Option<IVec>> {
        let mut seen = self.seen.borrow_mut();
        if let Some(row) = seen.get(key) {
            return Ok(row.clone());
        }
        let row = self.view.disk.db.get(key).map_err(unread)?;
        seen.insert(key.to_vec(), row.clone());
        Ok(row)
    }
}

impl Base for Sight<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.view.layers.get(key) {
            Some(row) => Ok(row.clone()),
            None => Ok(self.below(key)?.map(|row| row.to_vec())),
        }
    }

    fn add(&self, key: &[u8]) {
        self.seen.borrow_mut().insert(key.to_vec(), None);
    }

    fn range(
        &self,
        keys: Range<Vec<u8>>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair>> + '_> {
        self.view.range(keys, order)
    }

    fn resolve(&self, row: Vec<u8>) -> Result<Vec<u8>> {
        self.view.resolve(row)
    }

    fn known(&self, key: &[u8]) -> Option<Decoded> {
        self.view.known(key)
    }

    fn remember(&self, key: &[u8], row: &Decoded, bytes: usize) {
        self.view.remember(key, row, bytes);
    }
}

impl Base for View<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.layers.get(key) {
            Some(row) => Ok(row.clone()),
            None => {
                let row = self.disk.db.get(key).map_err(unread)?;
                Ok(row.map(|row| row.to_vec()))
            }
        }
    }

    fn range(
        &self,
        keys: Range<Vec<u8>>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair>> + '_> {
        let keys = self.layers.without_gap(keys, order);
        let below = self.disk.rows(keys.clone(), order);
        self.layers.through(below, keys, order)
    }

    fn resolve(&self, row: Vec<u8>) -> Result<Vec<u8>> {
        self.disk.record(row)
    }

    fn known(&self, key: &[u8]) -> Option<Decoded> {
        self.layers.known(key)
    }

    fn remember(&self, key: &[u8], row: &Decoded, bytes: usize) {
        self.layers.remember(key, row, bytes);
    }
}

fn said<E: Display>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}

/// In the words of the system where it is what failed.
fn settled(error: ::sled::Error) -> String {
    match error {
        ::sled::Error::Io(error) => said("settle")(error),
        other => said("settle")(other),
    }
}

fn unread(error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Io(error) => StoreError::Unavailable(error.to_string()),
        other => StoreError::Corrupt(other.to_string()),
    }
}
