//! What is durable in the log and not yet in sled, and what is remembered of all that is durable: where
//! nothing is, and what some rows were decoded to.

use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, PoisonError};
use std::{iter, mem};

use super::gaps::Gaps;
use super::known::Known;
use super::lock;
use crate::store::Result;
use crate::store::rows::base::{Decoded, Order, Pair, Writes, through};

/// Rows above those in sled, in two layers.
#[derive(Default)]
pub struct Layers {
    /// Of the log's present turn.
    young: Writes,
    /// Of the turn before, while it goes to sled.
    old: Arc<Writes>,
    /// Where readers need not look.
    gaps: Mutex<Gaps>,
    known: Mutex<Known>,
}

impl Layers {
    /// The row of a key, if it is in the log.
    pub fn get(&self, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Lays rows above the others.
    pub fn lay(&mut self, writes: Writes) {
        let gaps = self.gaps.get_mut().unwrap_or_else(PoisonError::into_inner);
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (key, row) in &writes {
            known.forget(key);
            if row.is_some() {
                gaps.fill(key);
            }
        }
        self.young.extend(writes);
    }

    /// What is young becomes old; nothing else may be.
    pub fn turn(&mut self) {
        self.old = Arc::new(mem::take(&mut self.young));
    }

    /// What goes to sled.
    pub fn old(&self) -> Arc<Writes> {
        self.old.clone()
    }

    /// What was old is in sled.
    pub fn forget_old(&mut self) {
        self.old = Arc::default();
    }

    /// What remains of a range when a stretch at its beginning, of which it is known that it is empty,
    /// is left out.
    pub fn without_gap(&self, keys: Range<Vec<u8>>, order: Order) -> Range<Vec<u8>> {
        match order {
            Order::Ascending => lock(&self.gaps).behind(keys.start)..keys.end,
            Order::Descending => keys,
        }
    }

    /// What a range of `below` looks like through the layers.
    pub fn through<'a>(
        &'a self,
        below: Box<dyn Iterator<Item = Result<Pair>> + 'a>,
        keys: Range<Vec<u8>>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair>> + 'a> {
        let old = through(&self.old, below, keys.clone(), order);
        let mut rows = through(&self.young, old, keys.clone(), order);
        if order == Order::Descending {
            return rows;
        }
        let mut unread = Some(keys);
        Box::new(iter::from_fn(move || {
            let next = rows.next();
            if let Some(keys) = unread.take() {
                match &next {
                    Some(Ok((first, _))) => self.note_gap(keys.start, first),
                    None => self.note_gap(keys.start, &keys.end),
                    Some(Err(_)) => {}
                }
            }
            next
        }))
    }

    /// Remembers that the first row behind `start` is at `end`, where a walk there passes what was
    /// removed.
    fn note_gap(&self, start: Vec<u8>, end: &[u8]) {
        if start.as_slice() >= end {
            return;
        }
        let between = (Bound::Included(&*start), Bound::Excluded(end));
        let passes = |layer: &Writes| layer.range::<[u8], _>(between).next().is_some();
        if passes(&self.young) || passes(&self.old) {
            lock(&self.gaps).note(start, end.to_vec());
        }
    }

    /// What a row was decoded to, if that is remembered.
    pub fn known(&self, key: &[u8]) -> Option<Decoded> {
        lock(&self.known).get(key)
    }

    /// Remembers what a row of so many bytes was decoded to.
    pub fn remember(&self, key: &[u8], row: &Decoded, bytes: usize) {
        lock(&self.known).remember(key, row, bytes);
    }
}
