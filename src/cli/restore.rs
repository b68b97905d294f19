//! `mailwright restore`: a data folder made of a backup.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::sync::mpsc;

use super::{Failed, backup};
use crate::env::Env;
use crate::metrics::Metrics;
use crate::ops::backup::{Restored, settle};
use crate::store::archive::{self, CopiedRow, Manifest};
use crate::store::sled::{Options, SledStore};

/// Rows that are put at once, in bytes, give or take one.
const GROUP_BYTES: usize = 1024 * 1024;

/// Groups that are read ahead.
const AHEAD: usize = 4;

/// Options of `restore`.
#[derive(Args)]
pub struct Restore {
    /// The backup
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The data folder to make; it must be empty but for vault.key, or not there
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Leave services as they were, although mail that had not ended may have been sent since
    #[arg(long)]
    resume: bool,
}

impl Restore {
    /// Verifies the backup, then makes the folder.
    ///
    /// # Errors
    /// When the backup is damaged, or the folder can't be used; after an error the folder can't be
    /// served from.
    pub async fn run(self) -> Result<(), Failed> {
        let manifest = backup::verify(&self.from)?;
        let failed = |error| Failed::new(1, format!("{}: {error}", self.data.display()));
        let env = Env::system();
        let store = SledStore::begin_restore(&self.data, &env, &Metrics::new(), Options::default())
            .map_err(failed)?;
        put_all(&self.from, &store).await?;
        let restored = settle(&store, env.now(), manifest.time, self.resume).await?;
        store.end_restore(&self.data).map_err(failed)?;
        tell(&self.data, &manifest, restored, self.resume);
        Ok(())
    }
}

async fn put_all(from: &Path, store: &SledStore) -> Result<(), Failed> {
    let (sender, mut groups) = mpsc::channel::<Vec<CopiedRow>>(AHEAD);
    let from = from.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut file =
            BufReader::new(File::open(&from).map_err(|error| archive::told(&error.to_string()))?);
        let (mut group, mut bytes) = (Vec::new(), 0);
        let gone = || archive::told("the store took no more");
        archive::read(&mut file, |(key, record)| {
            bytes += key.len() + record.as_ref().map_or(0, Vec::len);
            group.push((key, record));
            if bytes < GROUP_BYTES {
                return Ok(());
            }
            bytes = 0;
            sender
                .blocking_send(std::mem::take(&mut group))
                .map_err(|_| gone())
        })?;
        sender.blocking_send(group).map_err(|_| gone())
    });
    while let Some(group) = groups.recv().await {
        store
            .paste(group)
            .await
            .map_err(|error| Failed::new(1, format!("the store: {error:?}")))?;
    }
    Ok(reading.await??)
}

fn tell(folder: &Path, manifest: &Manifest, restored: Restored, resume: bool) {
    let Restored {
        services,
        messages,
        unfinished,
    } = restored;
    println!(
        "{}: {services} services and {messages} messages as of {}.",
        folder.display(),
        manifest.time
    );
    let keys: Vec<_> = manifest.key_ids.iter().map(ToString::to_string).collect();
    println!(
        "To serve it, bring vault key {}: it was not in the backup.",
        keys.join(", ")
    );
    println!("Cursors from before are OUT_OF_RANGE: watchers begin anew.");
    if resume {
        println!(
            "CAREFUL: {unfinished} messages had not ended. Those that were sent since will be sent AGAIN."
        );
    } else {
        println!(
            "All services are SUSPENDED: {unfinished} messages had not ended, and may have been sent since. Look at what is HELD, cancel what the recipients have, then resume each service."
        );
    }
    println!(
        "Don't serve this copy while the one that it was made of still runs: they would use each other's tokens up."
    );
}
