//! The feed: events from a place on, filtered.

use super::{Core, Result};
use crate::model::event::{Change, Cursor, Event};
use crate::model::{Error, Labels, MessageId, ServiceId};
use crate::store::StoreError;

/// Events are read this many at a time.
const PAGE: usize = 256;

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

/// A stretch of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Those that pass the filter.
    pub events: Vec<Event>,
    /// The place behind all that was looked at.
    pub cursor: Cursor,
    /// Whether the log goes on behind it.
    pub more: bool,
}

/// The place where a watch begins.
///
/// # Errors
/// `OutOfRange` for a cursor of another store, from the future, or older than what is kept.
pub async fn start(core: &Core, start: Start) -> Result<Cursor> {
    let bounds = core.store.bounds().await?;
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

/// The next stretch of the log behind `cursor`.
///
/// # Errors
/// `OutOfRange` when a slow watcher fell behind what is kept.
pub async fn next(core: &Core, cursor: Cursor, filter: &Filter) -> Result<Page> {
    let events = core
        .store
        .events_after(cursor.sequence, PAGE)
        .await
        .map_err(|error| match error {
            StoreError::OutOfRange => {
                out_of_range("the events behind the cursor are no longer kept")
            }
            other => other.into(),
        })?;
    let more = events.len() == PAGE;
    let sequence = events
        .last()
        .map_or(cursor.sequence, |event| event.sequence);
    let events = events
        .into_iter()
        .filter(|event| filter.passes(event))
        .collect();
    Ok(Page {
        events,
        cursor: Cursor { sequence, ..cursor },
        more,
    })
}

fn out_of_range(what: &str) -> Error {
    Error::OutOfRange {
        description: format!(
            "{what}: take GetServerInfo's newest_cursor, read the state by ListMessages, and watch from there"
        ),
    }
}

impl Filter {
    fn passes(&self, event: &Event) -> bool {
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
