//! Messages: read, list, cancel.

use super::{Core, Result};
use crate::model::catalogue::{self, Subject};
use crate::model::event::Cursor;
use crate::model::message::FullMessage;
use crate::model::{Error, MessageId, Reason};
use crate::store::{MessageFilter, StoreError};

/// A message and the place of its newest event.
pub type Placed = (FullMessage, Cursor);

/// Reads a message.
///
/// # Errors
/// `NotFound`.
pub async fn get(core: &Core, id: &MessageId) -> Result<Placed> {
    let (message, sequence) = core
        .store
        .message(id)
        .await?
        .ok_or_else(|| Error::message_not_found(id))?;
    Ok((message, super::send::cursor(core, sequence).await?))
}

/// Lists messages, the newest first.
///
/// # Errors
/// Those of the store.
pub async fn list(
    core: &Core,
    filter: &MessageFilter,
    after: Option<&MessageId>,
    limit: usize,
) -> Result<Vec<Placed>> {
    let epoch = core.store.bounds().await?.epoch;
    let messages = core.store.messages(filter, after, limit).await?;
    Ok(messages
        .into_iter()
        .map(|(message, sequence)| (message, Cursor { epoch, sequence }))
        .collect())
}

/// Cancels what is still waiting.
///
/// # Errors
/// `NotFound`; `State` when it is being sent, or has ended otherwise.
pub async fn cancel(core: &Core, id: &MessageId) -> Result<Placed> {
    match core.store.cancel_message(core.env.now(), id).await {
        Ok(()) => get(core, id).await,
        Err(StoreError::NotFound) => Err(Error::message_not_found(id)),
        Err(StoreError::WrongState(state)) => {
            let detail = format!("the message is {state}");
            let diagnosis = catalogue::local(Reason::WrongState, &Subject::default(), &detail);
            Err(Error::state(format!("messages/{id}"), diagnosis))
        }
        Err(error) => Err(error.into()),
    }
}
