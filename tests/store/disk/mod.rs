//! What the store on disk promises beyond the contract: what it finds when it opens again.

mod churn;
mod crash;
mod damage;
mod device;
mod full;
mod open;
mod power;
mod rows;
mod segments;
mod trim;

use std::path::{Path, PathBuf};

use mailwright::env::Env;
use mailwright::metrics::Metrics;
use mailwright::store::sled::{OpenError, Options, SledStore};

use crate::fixtures::*;
use crate::folder;

/// A process of a seed of its own: what it draws is no other's.
fn open(folder: &Path, seed: u64, options: Options) -> Result<SledStore, OpenError> {
    SledStore::open(folder, &Env::manual(at(0), seed), &Metrics::new(), options)
}

/// Runs `life` on the store in a folder, as one process would, then closes it.
async fn lives<T>(folder: &Path, life: impl AsyncFnOnce(&Shared) -> T) -> T {
    let store: Shared = std::sync::Arc::new(open(folder, 7, folder::SMALL).unwrap());
    let lived = life(&store).await;
    drop(store);
    lived
}

/// The files of a folder whose names end so, in order.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(end))
        .collect();
    found.sort();
    found
}

/// sled itself, as the store opens it, while no store has it.
fn raw(folder: &Path) -> sled::Db {
    sled::Config::new()
        .path(folder.join("rows"))
        .segment_size(8 * 1024 * 1024)
        .open()
        .unwrap()
}

/// A message with a body of so many bytes.
fn bulky(n: u32, bytes: usize) -> mailwright::store::NewMessage {
    let mut new = message("news", n);
    new.body = body(n, bytes);
    new
}

/// The body of the n-th message.
fn body(n: u32, bytes: usize) -> mailwright::store::Sealed {
    let byte = |index| (n.wrapping_mul(31).wrapping_add(index) % 251) as u8;
    mailwright::store::Sealed((0..u32::try_from(bytes).unwrap()).map(byte).collect())
}
