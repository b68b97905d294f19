//! Access keys: create, list, revoke, and the way in for a server that has none.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Core, Result, to_its_end};
use crate::env::Env;
use crate::keys::{Presented, file};
use crate::model::catalogue::{self, Subject};
use crate::model::{AccessKey, AccessKeyId, Error, Reason, Rights, Secret, Timestamp};
use crate::store::{ACCESS_KEYS_MAX, Store, StoreError};

/// Rows that are read at a time.
const PAGE: usize = 500;

/// An access key to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccessKey {
    pub display_name: String,
    pub rights: Rights,
    pub expire_time: Option<Timestamp>,
}

/// Why there is no way in.
#[derive(Debug)]
pub enum NoEntry {
    Store(StoreError),
    File(PathBuf, io::Error),
}

/// Creates a key; with it, what its owner is told once.
///
/// # Errors
/// `Invalid` for an expire time that is not in the future; `NotFound` for a service of its that does
/// not exist; `State` where there are too many.
pub async fn create(core: &Arc<Core>, new: NewAccessKey) -> Result<(AccessKey, Secret)> {
    let now = core.env.now();
    if new.expire_time.is_some_and(|time| time <= now) {
        return Err(Error::invalid("expire_time", "must be in the future"));
    }
    let (secret, key) = Presented::generate(&core.env);
    let key = key.keep(now, new.display_name, new.rights, new.expire_time);
    let core = core.clone();
    to_its_end(async move {
        let _changing = core.keys.changing.lock().await;
        let created = core.store.create_access_key(now, key.clone()).await;
        created.map_err(|error| match error {
            StoreError::NoService(id) => Error::service_not_found(id),
            StoreError::TooManyKeys => wrong_state(
                "accessKeys",
                &format!(
                    "there are {ACCESS_KEYS_MAX} access keys, and none has ended: revoke some"
                ),
            ),
            other => other.into(),
        })?;
        core.keys.admit(&key);
        Ok((key, secret))
    })
    .await
}

/// Lists keys, the newest first.
///
/// # Errors
/// Those of the store.
pub async fn list(
    core: &Core,
    after: Option<&AccessKeyId>,
    limit: usize,
) -> Result<Vec<AccessKey>> {
    Ok(core.store.access_keys(after, limit).await?)
}

/// Revokes a key. Once this returns, it opens nothing, and its streams end.
///
/// # Errors
/// `NotFound`; `State` for the last ADMIN key that is live.
pub async fn revoke(core: &Arc<Core>, id: &AccessKeyId) -> Result<AccessKey> {
    let (core, id) = (core.clone(), id.clone());
    // A caller that goes away must not leave it half revoked.
    to_its_end(async move {
        let _changing = core.keys.changing.lock().await;
        let revoked = core.store.revoke_access_key(core.env.now(), &id).await;
        let key = revoked.map_err(|error| match error {
            StoreError::NotFound => Error::access_key_not_found(&id),
            StoreError::LastAdmin => wrong_state(
                &format!("accessKeys/{id}"),
                "it is the last live access key with ROLE_ADMIN: create another one first",
            ),
            other => other.into(),
        })?;
        core.keys.shut_out(&id);
        Ok(key)
    })
    .await
}

/// Tells the store when keys were last used.
///
/// # Errors
/// Those of the store.
pub async fn tell_uses(core: &Core) -> std::result::Result<(), StoreError> {
    let uses = core.keys.uses_to_tell();
    if !uses.is_empty() {
        core.store.record_key_uses(uses.clone()).await?;
        core.keys.uses_are_told(&uses);
    }
    Ok(())
}

/// Lets in the keys that are kept. Where no ADMIN key among them is live, makes one, whose file is
/// returned.
///
/// # Errors
/// Those of the store and of the file.
pub async fn open_door(core: &Core) -> std::result::Result<Option<PathBuf>, NoEntry> {
    let now = core.env.now();
    let (mut after, mut has_admin) = (None, false);
    loop {
        let page = core.store.access_keys(after.as_ref(), PAGE).await;
        let page = page.map_err(NoEntry::Store)?;
        for key in &page {
            has_admin |= key.is_admin() && key.is_live(now);
            core.keys.admit(key);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
            _ => break,
        }
    }
    if has_admin {
        return Ok(None);
    }
    let path = file::path(&core.config.data.folder);
    let found = file::read(&path).map_err(|error| NoEntry::File(path.clone(), error))?;
    // A file whose key is not kept comes from a start that was cut off, or from whoever set the
    // folder up; one whose key is kept has ended.
    if let Some(found) = found
        && let Some(key) = keep(core.store.as_ref(), &core.env, found).await?
    {
        core.keys.admit(&key);
    } else {
        let key = write_admin_key(core.store.as_ref(), &core.env, &path).await?;
        core.keys.admit(&key);
    }
    Ok(Some(path))
}

/// Makes one more ADMIN key, and writes it to this file before it is kept.
///
/// # Errors
/// Those of the store and of the file.
pub async fn write_admin_key(
    store: &dyn Store,
    env: &Env,
    path: &Path,
) -> std::result::Result<AccessKey, NoEntry> {
    let (secret, key) = Presented::generate(env);
    file::write(path, &secret).map_err(|error| NoEntry::File(path.into(), error))?;
    let kept = keep(store, env, key).await?;
    kept.ok_or(NoEntry::Store(StoreError::Exists))
}

/// None where its id was kept before.
async fn keep(
    store: &dyn Store,
    env: &Env,
    key: Presented,
) -> std::result::Result<Option<AccessKey>, NoEntry> {
    let now = env.now();
    let key = key.keep(now, "admin.key".to_owned(), Rights::admin(), None);
    match store.create_access_key(now, key.clone()).await {
        Ok(()) => Ok(Some(key)),
        Err(StoreError::Exists) => Ok(None),
        Err(error) => Err(NoEntry::Store(error)),
    }
}

fn wrong_state(subject: &str, detail: &str) -> Error {
    let diagnosis = catalogue::local(Reason::WrongState, &Subject::default(), detail);
    Error::state(subject, diagnosis)
}

impl std::fmt::Display for NoEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) => write!(f, "the access keys can't be read: {error:?}"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for NoEntry {}
