//! Gives back the space of what no longer lives.
//!
//! A segment of which nothing lives is deleted. Of one of which little lives, what lives is
//! appended to the current segment and synced, then the rows refer to that, then it is deleted: a
//! crash at any step loses nothing, and what it leaves behind is found dead later. A turn does a
//! bounded part of this on the writer's thread, which alone writes rows, so that no row changes
//! meanwhile.

use std::collections::BTreeSet;

use super::disk::{Disk, Sight};
use super::failpoint;
use super::record::{self, Reference};
use super::space::is_full;
use crate::store::rows::State;
use crate::store::rows::base::Writes;

/// A turn copies about this much, and looks at so many records.
const TURN_MAX_BYTES: u64 = 4 * 1024 * 1024;
const TURN_MAX_RECORDS: u32 = 4096;

/// Its name for failpoints.
const NAME: &str = "compact";

/// How far compaction has come.
#[derive(Default)]
pub struct Compactor {
    /// The segment being emptied, and where to go on in it.
    at: Option<(u32, u64)>,
    /// Segments that can't be emptied: a record is damaged, or they are said to hold more than they
    /// do. They stay, and so does what can be read in them.
    stuck: BTreeSet<u32>,
    /// Deleted segments whose rows are still there.
    retired: Vec<u32>,
}

impl Compactor {
    /// Does a part of what there is to do; whether there was anything.
    ///
    /// # Errors
    /// Those of [`Disk::write`].
    pub fn turn(&mut self, disk: &Disk) -> Result<bool, String> {
        if let Some(number) = disk.segments.dead() {
            failpoint::pass(NAME, "delete");
            disk.segments
                .remove(number)
                .map_err(|error| format!("delete segment {number}: {error}"))?;
            failpoint::pass(NAME, "deleted");
            self.retired.push(number);
            return Ok(true);
        }
        if !self.retired.is_empty() {
            let retired = std::mem::take(&mut self.retired);
            return self.write(disk, Writes::new(), &retired, &[]);
        }
        let begin = |number| (number, disk.segments.extent(number).0);
        let sparse = || disk.segments.sparse(&self.stuck);
        match self.at.or_else(|| sparse().map(begin)) {
            Some((number, offset)) => self.empty(disk, number, offset),
            None => Ok(false),
        }
    }

    fn empty(&mut self, disk: &Disk, number: u32, mut offset: u64) -> Result<bool, String> {
        self.at = None;
        let Ok(file) = disk.segments.file(number) else {
            return Ok(true);
        };
        let (_, end) = disk.segments.extent(number);
        let layers = disk.layers();
        let state = State::over(Sight::of(disk, &layers));
        let (mut moves, mut copies) = (Writes::new(), Vec::new());
        let mut copied = 0;
        for _ in 0..TURN_MAX_RECORDS {
            let Some((key, size)) = record::peek(&file, offset, end) else {
                offset = end;
                break;
            };
            let reference = Reference {
                segment: number,
                offset,
                size,
            };
            offset += u64::from(size);
            let row = state.row(&key).map_err(|error| format!("{error:?}"))?;
            if row != Some(reference.to_row()) {
                continue;
            }
            let record = match record::read(&file, reference) {
                Ok(record) => record,
                Err(error) => {
                    self.give_up(number, &format!("{error:?}"));
                    drop(state);
                    drop(layers);
                    return self.swap(disk, moves, copies).map(|_| true);
                }
            };
            match disk.segments.append(&key, &record.row) {
                Ok(copy) => {
                    copies.push(copy);
                    moves.insert(key, Some(copy.to_row()));
                }
                // There is time: it goes on after the next group.
                Err(error) if is_full(&error) => {
                    drop(state);
                    drop(layers);
                    return self.swap(disk, moves, copies).map(|_| false);
                }
                Err(error) => return Err(format!("append to a segment: {error}")),
            }
            copied += u64::from(size);
            if copied >= TURN_MAX_BYTES {
                break;
            }
        }
        drop(state);
        drop(layers);
        self.swap(disk, moves, copies)?;
        if offset < end {
            self.at = Some((number, offset));
        } else if disk.segments.dead() != Some(number) {
            self.give_up(number, "more is said to live in it than it holds");
        }
        Ok(true)
    }

    fn give_up(&mut self, number: u32, why: &str) {
        tracing::error!(segment = number, why, "a segment can't be compacted");
        self.stuck.insert(number);
    }

    /// Syncs the copies, then lets the rows refer to them.
    fn swap(&self, disk: &Disk, moves: Writes, copies: Vec<Reference>) -> Result<bool, String> {
        if copies.is_empty() {
            return Ok(false);
        }
        failpoint::pass(NAME, "copied");
        disk.segments
            .sync()
            .map_err(|error| format!("sync a segment: {error}"))?;
        failpoint::pass(NAME, "copy_synced");
        let written = self.write(disk, moves, &[], &[NAME]);
        for copy in copies {
            disk.segments.settle(copy);
        }
        written
    }

    fn write(
        &self,
        disk: &Disk,
        writes: Writes,
        retired: &[u32],
        names: &[&str],
    ) -> Result<bool, String> {
        let layers = disk.layers();
        let group = disk.group(&Sight::of(disk, &layers), writes, retired)?;
        drop(layers);
        disk.write(group, None, names)
    }
}
