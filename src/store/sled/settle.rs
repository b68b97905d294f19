//! Takes rows from the log to sled, on a thread of its own while the log goes on in its other file.
//!
//! Rows in the log are what they are, not how they changed: taken to sled twice, they are the same.
//! So nothing needs to happen at once there. Each part is synced before the next one, since sled
//! writes over what it has replaced as soon as that is written.

use std::fs::File;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::{iter, thread};

use ::sled::Db;

use super::disk::Disk;
use super::log::{Log, Record};
use super::record::Reference;
use super::segments;
use super::writer::{Health, fail};
use super::{OpenError, failpoint, format};
use crate::store::rows::base::Writes;

/// Rows of one part, and their bytes: for each row sled may write a page anew that holds sixteen such
/// rows, and what a part writes must stay below four of its segments.
const PART_ROWS: usize = 2048;
const PART_BYTES: usize = 512 * 1024;

/// Its name for failpoints.
const NAME: &str = "settle";

/// sled, and the file that its `flush` does not sync.
pub struct Rows {
    pub db: Db,
    pub file: File,
}

/// What the thread is to do.
#[derive(Default)]
pub struct Settling {
    task: Mutex<Task>,
    changed: Condvar,
}

#[derive(Default)]
enum Task {
    #[default]
    None,
    /// Take to sled what the log held up to this record.
    Settle(u64),
    Failed(String),
    End,
}

/// Tells the writer that the thread panicked: it would wait for good.
struct Watched<'a>(&'a Settling);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            *self.0.task() = Task::Failed("a thread of the store panicked".into());
            self.0.changed.notify_all();
        }
    }
}

impl Settling {
    /// Sets the thread to work; it must rest.
    pub fn begin(&self, number: u64) {
        *self.task() = Task::Settle(number);
        self.changed.notify_all();
    }

    /// Waits until the thread has nothing to do.
    pub fn rest(&self) -> Result<(), String> {
        let busy = |task: &mut Task| matches!(task, Task::Settle(_));
        let task = self.changed.wait_while(self.task(), busy);
        match &*task.unwrap_or_else(PoisonError::into_inner) {
            Task::Failed(why) => Err(why.clone()),
            _ => Ok(()),
        }
    }

    /// Ends the thread once it rests.
    pub fn end(&self) {
        // Why it failed has been told.
        let _ = self.rest();
        *self.task() = Task::End;
        self.changed.notify_all();
    }

    /// Works until it is ended, or until the disk fails.
    pub fn run(&self, disk: &Disk, health: &Health) {
        let _watched = Watched(self);
        loop {
            let idle = |task: &mut Task| matches!(task, Task::None);
            let task = self.changed.wait_while(self.task(), idle);
            let number = match *task.unwrap_or_else(PoisonError::into_inner) {
                Task::Settle(number) => number,
                _ => return,
            };
            let settled = disk.settle(number);
            if let Err(why) = &settled {
                fail(health, why);
            }
            *self.task() = settled.map_or_else(Task::Failed, |()| Task::None);
            self.changed.notify_all();
        }
    }

    fn task(&self) -> MutexGuard<'_, Task> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// Takes to sled what a crash left in the log, and has the log go on behind it.
    pub fn catch_up(&self, log: &mut Log, segments: &Path) -> Result<(), OpenError> {
        let failed = |error| OpenError::Failed(format!("the log can't be read: {error}"));
        let settled = format::settled(&self.db)?;
        let mut records = log.read(settled).map_err(failed)?;
        let number = records.last().map_or(settled, |record| record.number);
        // A group waits for its bodies before it is acknowledged, and the next one for it.
        if let Some(last) = records.pop_if(|last| !has_bodies(last, segments)) {
            let number = last.number;
            tracing::warn!(number, "a group that a crash cut short is dropped");
        }
        let mut writes = Writes::new();
        for mut record in records {
            writes.append(&mut record.writes);
        }
        settle(&self.db, &self.file, &writes, number).map_err(OpenError::rows)?;
        log.begin(number);
        Ok(())
    }

    /// Makes durable what sled was given.
    pub fn sync(&self) -> ::sled::Result<()> {
        sync(&self.db, &self.file)
    }
}

/// Whether all that the rows of a record refer to is there.
fn has_bodies(record: &Record, segments: &Path) -> bool {
    let rows = record.writes.values().flatten();
    rows.filter_map(|row| Reference::from_row(row))
        .all(|reference| segments::is_whole(segments, reference))
}

type Row<'a> = (&'a Vec<u8>, &'a Option<Vec<u8>>);

/// Takes rows to sled, in parts; once they are there it is known that the log is settled up to
/// `number`.
pub fn settle(db: &Db, file: &File, writes: &Writes, number: u64) -> ::sled::Result<()> {
    let rows: Vec<_> = writes.iter().collect();
    for part in parts(&rows) {
        failpoint::pass(NAME, "apply");
        for (key, row) in scattered(part) {
            match row {
                Some(row) => db.insert(key, &**row)?,
                None => db.remove(key)?,
            };
        }
        failpoint::pass(NAME, "applied");
        sync(db, file)?;
        failpoint::pass(NAME, "synced");
    }
    let (key, row) = format::settled_row(number);
    db.insert(key, row)?;
    sync(db, file)
}

/// The rows in parts that are as large as they may be.
fn parts<'a, 'r>(mut rows: &'a [Row<'r>]) -> impl Iterator<Item = &'a [Row<'r>]> {
    iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |(key, row): &Row<'_>| {
            bytes += key.len() + row.as_ref().map_or(0, Vec::len);
            bytes <= PART_BYTES
        };
        let fit = rows
            .iter()
            .take(PART_ROWS)
            .copied()
            .take_while(fits)
            .count();
        let (part, rest) = rows.split_at(fit.max(1).min(rows.len()));
        rows = rest;
        (!part.is_empty()).then_some(part)
    })
}

/// All of `rows`, not in their order: pages that are filled from left to right are split twice as
/// often, since each half that is left behind stays half empty.
fn scattered<T>(rows: &[T]) -> impl Iterator<Item = &T> {
    /// A prime that divides no part's length.
    const STRIDE: usize = 7919;
    const { assert!(PART_ROWS < STRIDE) };
    (0..rows.len()).map(|n| &rows[n * STRIDE % rows.len()])
}

fn sync(db: &Db, file: &File) -> ::sled::Result<()> {
    db.flush()?;
    file.sync_data()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_bounded_in_rows_and_in_bytes_and_hold_everything() {
        let row = |n: u32, bytes: usize| (n.to_be_bytes().to_vec(), Some(vec![0; bytes]));
        let small = (0..5_000).map(|n| row(n, 10));
        let large = (5_000..5_400).map(|n| row(n, 3_000));
        let removed = (6_000..6_010_u32).map(|n| (n.to_be_bytes().to_vec(), None));
        let huge = [row(7_000, PART_BYTES * 2), row(7_001, 1)];
        let writes: Writes = small.chain(large).chain(removed).chain(huge).collect();
        let rows: Vec<_> = writes.iter().collect();
        let mut seen = Vec::new();
        for part in parts(&rows) {
            let row_bytes = |row: &Row<'_>| row.0.len() + row.1.as_ref().map_or(0, Vec::len);
            let bytes: usize = part.iter().map(row_bytes).sum();
            assert!(part.len() == 1 || part.len() <= PART_ROWS && bytes <= PART_BYTES);
            seen.extend_from_slice(part);
        }
        assert_eq!(seen, rows);
        assert!(parts(&[]).next().is_none());
    }
}
