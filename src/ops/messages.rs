//! Messages: read, list, cancel, and what a person does about those that have ended.

use super::send::{DEFAULT_EXPIRY, EXPIRE_AHEAD_MAX};
use super::{Core, Result};
use crate::model::catalogue::{self, Subject};
use crate::model::event::Cursor;
use crate::model::message::FullMessage;
use crate::model::{Error, MessageId, Reason, Rights, Timestamp};
use crate::store::{MessageFilter, Resolution, StoreError};

/// A message and the place of its newest event.
pub type Placed = (FullMessage, Cursor);

/// Whether a message exists for whoever has these rights. It answers the same, and takes as long,
/// where there is none and where it is another service's.
///
/// # Errors
/// `NotFound`.
pub async fn is_seen(core: &Core, rights: &Rights, id: &MessageId) -> Result<()> {
    let services = &rights.service_ids;
    if services.is_empty() || core.store.is_message_of(id, services).await? {
        Ok(())
    } else {
        Err(Error::message_not_found(id))
    }
}

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
        Err(error) => Err(refused(id, error)),
    }
}

/// Sends again, to those who have not accepted it, what has ended without all of them. Its new
/// expire time is by default the one it has, but at least 24 hours from now.
///
/// # Errors
/// `Invalid` for an expire time out of bounds; `NotFound`; `State` when it is under way, has ended
/// otherwise, or can't be sent any more.
pub async fn retry(core: &Core, id: &MessageId, expire_time: Option<Timestamp>) -> Result<Placed> {
    let now = core.env.now();
    let expire_time = match expire_time {
        Some(time) if time <= now => {
            return Err(Error::invalid("expire_time", "must be in the future"));
        }
        Some(time) if time > now + EXPIRE_AHEAD_MAX => {
            let rule = "must be at most 32 days ahead";
            return Err(Error::invalid("expire_time", rule));
        }
        Some(time) => time,
        None => {
            let (full, _) = get(core, id).await?;
            full.message.expire_time.max(now + DEFAULT_EXPIRY)
        }
    };
    let done = core.store.retry_message(now, id, expire_time).await;
    // As it was queued: a delivery may have it by now.
    let (message, sequence) = done.map_err(|error| refused(id, error))?;
    Ok((message, super::send::cursor(core, sequence).await?))
}

/// Ends what is UNCERTAIN by what a person found out.
///
/// # Errors
/// `NotFound`; `State` unless it is UNCERTAIN, or was resolved so already.
pub async fn resolve(core: &Core, id: &MessageId, resolution: Resolution) -> Result<Placed> {
    let now = core.env.now();
    let done = core.store.resolve_message(now, id, resolution).await;
    let (message, sequence) = done.map_err(|error| refused(id, error))?;
    Ok((message, super::send::cursor(core, sequence).await?))
}

/// Why a message was not changed.
fn refused(id: &MessageId, error: StoreError) -> Error {
    let detail = match error {
        StoreError::NotFound => return Error::message_not_found(id),
        StoreError::WrongState(state) => format!("the message is {state}"),
        StoreError::CannotRetry(why) => format!("the message can't be sent again, {why}"),
        error => return error.into(),
    };
    let diagnosis = catalogue::local(Reason::WrongState, &Subject::default(), &detail);
    Error::state(format!("messages/{id}"), diagnosis)
}
