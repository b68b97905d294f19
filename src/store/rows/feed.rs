//! The log: appending to it, and reading it.

use std::ops::Bound;

use super::base::{Base, Order};
use super::state::State;
use super::tables::{EVENTS, LOG, LogRow};
use crate::model::Timestamp;
use crate::model::event::{Change, Event};
use crate::store::{LogBounds, Result, StoreError};

impl<B: Base> State<B> {
    pub fn bounds(&self, epoch: u64) -> Result<LogBounds> {
        let log = self.log()?;
        Ok(LogBounds {
            epoch,
            oldest: log.oldest,
            newest: log.newest,
        })
    }

    pub fn events_after(&self, sequence: u64, limit: usize) -> Result<Vec<Event>> {
        let log = self.log()?;
        if !(log.oldest..=log.newest).contains(&sequence) {
            return Err(StoreError::OutOfRange);
        }
        let behind = (Bound::Excluded(sequence), Bound::Unbounded);
        self.rows(EVENTS, behind, Order::Ascending)
            .take(limit)
            .map(|entry| Ok(entry?.1))
            .collect()
    }

    /// The ends of the log.
    pub(super) fn log(&self) -> Result<LogRow> {
        Ok(self.get(LOG, &())?.unwrap_or_default())
    }

    /// Appends to the log; returns the event's place.
    pub(super) fn emit(&mut self, time: Timestamp, change: Change) -> Result<u64> {
        let mut log = self.log()?;
        log.newest += 1;
        let event = Event {
            sequence: log.newest,
            time,
            change,
        };
        self.add(EVENTS, &log.newest, &event);
        self.put(LOG, &(), &log);
        Ok(log.newest)
    }
}
