//! Reading the log.

use std::ops::Bound;

use super::state::State;
use crate::model::event::Event;
use crate::store::{LogBounds, Result, StoreError};

impl State {
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
        self.events
            .range((Bound::Excluded(sequence), Bound::Unbounded))
            .take(limit)
            .map(|entry| Ok(entry?.1))
            .collect()
    }
}
