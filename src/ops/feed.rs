//! The feed: events from a place on, filtered.

use std::sync::Arc;

use super::recent::{Behind, Ticket};
use super::{Core, Result};
use crate::model::event::{Change, Cursor, Event};
use crate::model::{Error, Labels, MessageId, ServiceId};
use crate::store::{LogBounds, StoreError};

/// Events that are read for all watchers at a time.
const TAKEN_IN: usize = 64;

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Cursor(Cursor),
    Now,
    Oldest,
}

/// What a watcher wants to see: all conditions must hold, an empty one always does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub service_ids: Vec<ServiceId>,
    pub message_ids: Vec<MessageId>,
    pub labels: Labels,
    pub kinds: Vec<Kind>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Message,
    Service,
}

/// A stretch of the log, of which a watcher has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// How many of its events passed the filter.
    pub told: usize,
    /// The place behind it.
    pub cursor: Cursor,
    /// Whether the log goes on behind it.
    pub more: bool,
}

/// Somebody who watches.
pub struct Watch {
    core: Arc<Core>,
    filter: Arc<Filter>,
    cursor: Cursor,
    /// A place that the log has reached.
    known: u64,
    ticket: Ticket,
}

/// Begins to watch.
///
/// # Errors
/// `OutOfRange` for a cursor of another store, from the future, or older than what is kept.
pub async fn watch(core: &Arc<Core>, start: Start, filter: Filter) -> Result<Watch> {
    let bounds = core.store.bounds().await?;
    let cursor = place(start, bounds)?;
    let filter = Arc::new(filter);
    Ok(Watch {
        core: core.clone(),
        ticket: core.recent.join(filter.clone(), bounds.newest),
        filter,
        cursor,
        known: bounds.newest,
    })
}

fn place(start: Start, bounds: LogBounds) -> Result<Cursor> {
    let at = |sequence| Cursor {
        epoch: bounds.epoch,
        sequence,
    };
    match start {
        Start::Now => Ok(at(bounds.newest)),
        Start::Oldest => Ok(at(bounds.oldest)),
        Start::Cursor(cursor) if cursor.epoch != bounds.epoch => {
            Err(out_of_range("the cursor is of another store"))
        }
        Start::Cursor(cursor) if cursor.sequence > bounds.newest => {
            Err(out_of_range("the cursor is in the future of this store"))
        }
        Start::Cursor(cursor) if cursor.sequence < bounds.oldest => Err(out_of_range(
            "the events behind the cursor are no longer kept",
        )),
        Start::Cursor(cursor) => Ok(cursor),
    }
}

impl Watch {
    /// The log that is watched.
    pub fn epoch(&self) -> u64 {
        self.cursor.epoch
    }

    /// Waits for the next stretch of the log, at most `limit` events long, and has `tell` tell
    /// those that pass the filter. It may be given up and called again.
    ///
    /// # Errors
    /// `OutOfRange` when a slow watcher fell behind what is kept.
    pub async fn next(&mut self, limit: usize, mut tell: impl FnMut(Event)) -> Result<Stretch> {
        self.ticket.turn().await;
        let read = self.read(limit).await;
        let mut stretch = Stretch {
            told: 0,
            cursor: self.cursor,
            more: false,
        };
        if let Ok((events, more)) = &read {
            for event in events.iter().filter(|event| self.filter.passes(event)) {
                tell(Event::clone(event));
                stretch.told += 1;
            }
            if let Some(last) = events.last() {
                self.cursor.sequence = last.sequence;
            }
            stretch.cursor = self.cursor;
            stretch.more = *more || self.cursor.sequence < self.known;
        }
        self.ticket.done(stretch.more);
        read.map(|_| stretch)
    }

    /// Lets the next stretch come though nothing may have happened, and the next ones reach the
    /// present end of the log.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ask(&mut self) -> Result<()> {
        self.known = self.core.store.bounds().await?.newest;
        self.ticket.ask();
        Ok(())
    }

    /// What there is behind the cursor, and whether there may be more.
    async fn read(&mut self, limit: usize) -> Result<(Vec<Arc<Event>>, bool)> {
        let place = self.cursor.sequence;
        match self.ticket.behind(place, self.known, limit) {
            Behind::NothingUpTo(end) => {
                self.cursor.sequence = end;
                Ok((Vec::new(), false))
            }
            Behind::Events(events) => {
                let more = events.len() == limit;
                Ok((events, more))
            }
            // What there is behind that, only another look at the ticket tells.
            Behind::Elsewhere => Ok((self.stored(limit).await?, true)),
        }
    }

    async fn stored(&self, limit: usize) -> Result<Vec<Arc<Event>>> {
        let place = self.cursor.sequence;
        let read = self.core.store.events_after(place, limit).await;
        let events = read.map_err(|error| match error {
            StoreError::OutOfRange => {
                out_of_range("the events behind the cursor are no longer kept")
            }
            other => other.into(),
        })?;
        Ok(events.into_iter().map(Arc::new).collect())
    }
}

/// Reads for all watchers what is new in the log.
///
/// # Errors
/// Those of the store.
pub async fn take_in(core: &Core) -> std::result::Result<(), StoreError> {
    while let Some(place) = core.recent.wanted_behind() {
        match core.store.events_after(place, TAKEN_IN).await {
            Ok(events) => {
                let more = events.len() == TAKEN_IN;
                core.recent.take_in(events);
                if !more {
                    break;
                }
            }
            // What was not read in time is no longer kept; each watcher learns that for itself.
            Err(StoreError::OutOfRange) => {
                let newest = core.store.bounds().await?.newest;
                core.recent.restart(newest);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns when somebody has begun to watch.
pub async fn wanted(core: &Core) {
    core.recent.wanted().await;
}

fn out_of_range(what: &str) -> Error {
    Error::OutOfRange {
        description: format!(
            "{what}: take GetServerInfo's newest_cursor, read the state by ListMessages, and watch from there"
        ),
    }
}

impl Filter {
    /// Whether whoever has this filter is told of the event.
    pub(super) fn passes(&self, event: &Event) -> bool {
        let (kind, service, message, labels) = match &event.change {
            Change::Message(change) => {
                let message = &change.message;
                (
                    Kind::Message,
                    &message.service_id,
                    Some(&message.id),
                    &message.labels,
                )
            }
            Change::Service(change) => (
                Kind::Service,
                &change.service.id,
                None,
                &change.service.config.labels,
            ),
        };
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (self.service_ids.is_empty() || self.service_ids.contains(service))
            && (self.message_ids.is_empty()
                || message.is_some_and(|id| self.message_ids.contains(id)))
            && labels.include(&self.labels)
    }
}
