//! A copy of everything, streamed while mail goes on; and what becomes of one that is brought back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Core, Result};
use crate::model::diagnosis::Scope;
use crate::model::message::Message;
use crate::model::{Error, MessageId, Reason, ServiceId, Timestamp};
use crate::store::archive::{CopiedRow, Writer};
use crate::store::{MessageFilter, SecretsWrite, ServiceChange, ServiceFilter, Store, StoreError};

/// A part of a copy is no larger, in bytes.
const CHUNK_MAX_BYTES: usize = 1024 * 1024;

/// Services, or messages, that are read at once.
const PAGE: usize = 256;

/// Sends a copy of everything, in parts.
///
/// # Errors
/// `Exhausted` while another one is made; those of the store.
pub async fn export(core: &Arc<Core>, chunks: mpsc::Sender<Vec<u8>>) -> Result<()> {
    let time = core.env.now();
    // Also those that a rotation forgets meanwhile.
    let mut keys = core.store.vault_keys().await?.unwrap_or_default();
    tracing::info!("a backup begins");
    let (pages, mut copied) = mpsc::channel::<Vec<CopiedRow>>(1);
    let (mut writer, head) = Writer::begin();
    let parts = chunks.clone();
    let write = async move {
        send(&parts, head).await?;
        while let Some(page) = copied.recv().await {
            send(&parts, writer.rows(&page)).await?;
        }
        Ok::<_, StoreError>(writer)
    };
    // Where one fails, the other hears of it by their channel.
    let (copy, written) = tokio::join!(core.store.copy(pages), write);
    copy.map_err(|error| match error {
        StoreError::Exists => another(),
        error => error.into(),
    })?;
    let log = core.store.bounds().await?;
    keys.keys
        .extend(core.store.vault_keys().await?.unwrap_or_default().keys);
    let version = env!("CARGO_PKG_VERSION");
    let end = written?.end(version, time, log, &keys);
    send(&chunks, end).await?;
    tracing::info!("a backup was made");
    Ok(())
}

async fn send(
    chunks: &mpsc::Sender<Vec<u8>>,
    bytes: Vec<u8>,
) -> std::result::Result<(), StoreError> {
    for chunk in bytes.chunks(CHUNK_MAX_BYTES) {
        let sent = chunks.send(chunk.to_vec()).await;
        sent.map_err(|_| StoreError::Unavailable("nobody takes the backup any more".into()))?;
    }
    Ok(())
}

fn another() -> Error {
    Error::Exhausted {
        reason: Reason::RateLimited,
        scope: Scope::Server,
        subject: "backups".into(),
        description: "another backup is being made".into(),
        retry_after: Duration::from_secs(60),
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    pub services: u64,
    pub messages: u64,
    /// Those of them that had not ended: they may have been sent since.
    pub unfinished: u64,
}

/// Makes a restored store safe to use: ends the claims that it had, and unless `resume`, suspends all
/// services, since mail that had not ended at `backup_time` may have been sent since.
///
/// # Errors
/// Those of the store.
pub async fn settle(
    store: &dyn Store,
    now: Timestamp,
    backup_time: Timestamp,
    resume: bool,
) -> Result<Restored> {
    store.recover(now).await?;
    let mut restored = Restored::default();
    let mut after: Option<ServiceId> = None;
    loop {
        let rows = store
            .services(&ServiceFilter::default(), after.as_ref(), PAGE)
            .await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.service.id.clone());
        restored.services += rows.len() as u64;
        for row in rows.into_iter().filter(|_| !resume) {
            let mut service = row.service;
            service.suspended = true;
            service.restore_time = Some(backup_time);
            service.revision += 1;
            service.update_time = now;
            let change = ServiceChange {
                service,
                secrets: SecretsWrite::Keep,
                forget_token: false,
                try_again: false,
            };
            store.replace_service(now, change).await?;
        }
    }
    let mut after: Option<MessageId> = None;
    loop {
        let messages = store
            .messages(&MessageFilter::default(), after.as_ref(), PAGE)
            .await?;
        let Some((last, _)) = messages.last() else {
            break;
        };
        after = Some(last.message.id.clone());
        let unfinished = |message: &Message| !message.state.has_ended();
        restored.messages += messages.len() as u64;
        let unfinished = messages
            .iter()
            .filter(|(full, _)| unfinished(&full.message));
        restored.unfinished += unfinished.count() as u64;
    }
    Ok(restored)
}
