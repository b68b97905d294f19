//! Rows as bytes, of all tables alike: out of a store, and into an empty one.

use std::ops::RangeInclusive;

use super::base::{Base, Order};
use super::state::State;
use crate::store::Result;
use crate::store::archive::CopiedRow;

/// The tags that tables have.
const TAGS: RangeInclusive<u8> = 1..=u8::MAX;

impl<B: Base> State<B> {
    /// The rows behind a key, at most `limit`, and no more once they take `bytes`.
    pub fn copy_behind(
        &self,
        key: Option<&[u8]>,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<CopiedRow>> {
        let start = match key {
            Some(key) => [key, &[0]].concat(),
            None => vec![*TAGS.start()],
        };
        let end = vec![*TAGS.end()];
        let (mut rows, mut taken) = (Vec::new(), 0);
        for pair in self.pairs(start..end, Order::Ascending).take(limit) {
            let (key, row) = pair?;
            let record = self.resolve(row)?;
            taken += key.len() + record.len();
            rows.push((key, Some(record)));
            if taken >= bytes {
                break;
            }
        }
        Ok(rows)
    }

    /// The rows of these keys, also of those that have none.
    pub fn copy_of(&self, keys: &[Vec<u8>]) -> Result<Vec<CopiedRow>> {
        let copy = |key: &Vec<u8>| {
            let row = self.row(key)?;
            let record = row.map(|row| self.resolve(row)).transpose()?;
            Ok((key.clone(), record))
        };
        keys.iter().map(copy).collect()
    }

    /// As [`State::copy_of`], of what was there before anything was written above it.
    pub fn copy_of_base(&self, keys: &[Vec<u8>]) -> Result<Vec<CopiedRow>> {
        let copy = |key: &Vec<u8>| {
            let row = self.base_row(key)?;
            let record = row.map(|row| self.resolve(row)).transpose()?;
            Ok((key.clone(), record))
        };
        keys.iter().map(copy).collect()
    }

    /// Puts rows as they were copied.
    pub fn paste(&mut self, rows: Vec<CopiedRow>) {
        for (key, record) in rows {
            self.write(key, record);
        }
    }
}
