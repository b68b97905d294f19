//! A copy of everything while mail goes on, and a store made of one.
//!
//! All rows are copied page by page; what is written meanwhile is noted, and copied again, until so
//! little is left that the writer can wait for it: that last part is of one instant, and all before it
//! is as it was then.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::Sender;

use super::disk::Disk;
use super::{OpenError, Options, SledStore, sync_folder};
use crate::env::Env;
use crate::metrics::Metrics;
use crate::store::archive::CopiedRow;
use crate::store::{Result, StoreError};

/// A page of a copy, in rows and bytes: readers of a page hold the writer up.
const PAGE_ROWS: usize = 512;
const PAGE_BYTES: usize = 1024 * 1024;

/// So many rows may be copied while the writer waits.
const LAST_ROWS: usize = 512;

/// Copying what was written while the rest was copied is given up after so many rounds: then the
/// writer waits, however much is left.
const ROUNDS_MAX: usize = 16;

/// Keys that are noted at most: a copy that is so slow is given up.
const NOTED_MAX: usize = 4_000_000;

/// In a folder into which a restore has not ended.
const RESTORING: &str = "restoring";

/// Keys that were written since a copy began.
#[derive(Default)]
pub struct Notes(Mutex<Option<BTreeSet<Vec<u8>>>>);

/// One copy at a time; notes end with it.
struct Noting<'a>(&'a Notes);

impl Notes {
    /// Whether a copy is being made.
    pub fn wanted(&self) -> bool {
        self.lock().is_some()
    }

    /// Notes keys whose rows can be read by now.
    pub fn add(&self, keys: Vec<Vec<u8>>) {
        if let Some(noted) = &mut *self.lock() {
            noted.extend(keys);
        }
    }

    fn begin(&self) -> Option<Noting<'_>> {
        let mut noted = self.lock();
        if noted.is_some() {
            return None;
        }
        *noted = Some(BTreeSet::new());
        Some(Noting(self))
    }

    fn count(&self) -> usize {
        self.lock().as_ref().map_or(0, BTreeSet::len)
    }

    fn take(&self) -> Vec<Vec<u8>> {
        let mut noted = self.lock();
        let noted = noted.as_mut().map(std::mem::take).unwrap_or_default();
        noted.into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Option<BTreeSet<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

impl SledStore {
    /// As [`Store::copy`].
    ///
    /// [`Store::copy`]: crate::store::Store::copy
    pub(super) async fn copy_all(&self, pages: Sender<Vec<CopiedRow>>) -> Result<()> {
        let notes = &self.disk.notes;
        let _noting = notes.begin().ok_or(StoreError::Exists)?;
        // The group that is being written now was not noted: it is durable behind this.
        self.write("copy", |_| Ok(())).await?;
        let mut behind: Option<Vec<u8>> = None;
        loop {
            let from = behind.take();
            let page = self
                .page(move |disk| {
                    disk.view(|state| state.copy_behind(from.as_deref(), PAGE_ROWS, PAGE_BYTES))
                })
                .await?;
            let Some((last, _)) = page.last() else { break };
            behind = Some(last.clone());
            send(&pages, page).await?;
        }
        for _ in 0..ROUNDS_MAX {
            if notes.count() <= LAST_ROWS {
                break;
            }
            for keys in notes.take().chunks(PAGE_ROWS) {
                let keys = keys.to_vec();
                let page = self
                    .page(move |disk| disk.view(|state| state.copy_of(&keys)))
                    .await?;
                send(&pages, page).await?;
            }
        }
        let disk = self.disk.clone();
        // Not what its neighbours in the group write: of that, the copy would have a part only.
        let last = self
            .write("copy", move |state| state.copy_of_base(&disk.notes.take()))
            .await?;
        send(&pages, last).await
    }

    async fn page(
        &self,
        copy: impl FnOnce(&Disk) -> Result<Vec<CopiedRow>> + Send + 'static,
    ) -> Result<Vec<CopiedRow>> {
        self.healthy()?;
        if self.disk.notes.count() > NOTED_MAX {
            let why = "the copy is read so slowly that too much changes meanwhile";
            return Err(StoreError::Unavailable(why.into()));
        }
        let disk: Arc<Disk> = self.disk.clone();
        tokio::task::spawn_blocking(move || copy(&disk))
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    /// Makes a store in an empty folder, to [`SledStore::paste`] into. No process can use it before
    /// [`SledStore::end_restore`].
    ///
    /// # Errors
    /// When the folder holds anything but the vault's key file; see [`OpenError`].
    pub fn begin_restore(
        folder: &Path,
        env: &Env,
        metrics: &Metrics,
        options: Options,
    ) -> std::result::Result<Self, OpenError> {
        let failed = |error: &io::Error| OpenError::io("restore into", folder, error);
        super::open::make_folder(folder).map_err(|error| failed(&error))?;
        for entry in fs::read_dir(folder).map_err(|error| failed(&error))? {
            let name = entry.map_err(|error| failed(&error))?.file_name();
            // The root of a file system has the one, and the other must be brought anyway.
            if name != "lost+found" && name != "vault.key" {
                let why = format!(
                    "the folder is not empty: {} is in it",
                    name.to_string_lossy()
                );
                return Err(OpenError::Failed(why));
            }
        }
        let marker = folder.join(RESTORING);
        File::create(&marker)
            .and_then(|file| file.sync_all())
            .and_then(|()| sync_folder(folder))
            .map_err(|error| failed(&error))?;
        Self::open_any(folder, env, metrics, options)
    }

    /// Puts rows of a copy, durably.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn paste(&self, rows: Vec<CopiedRow>) -> Result<()> {
        self.write("paste", move |state| {
            state.paste(rows);
            Ok(())
        })
        .await
    }

    /// Closes a store that was restored, and lets processes use it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn end_restore(self, folder: &Path) -> std::result::Result<(), OpenError> {
        self.close();
        drop(self);
        fs::remove_file(folder.join(RESTORING))
            .and_then(|()| sync_folder(folder))
            .map_err(|error| OpenError::io("restore into", folder, &error))
    }
}

/// Whether a restore into this folder was begun and has not ended.
pub fn is_restoring(folder: &Path) -> bool {
    folder.join(RESTORING).exists()
}

async fn send(pages: &Sender<Vec<CopiedRow>>, page: Vec<CopiedRow>) -> Result<()> {
    let sent = pages.send(page).await;
    sent.map_err(|_| StoreError::Unavailable("nobody takes the copy any more".into()))
}
