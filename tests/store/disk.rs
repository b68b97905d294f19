//! What only a store on disk can promise: that it is there again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailwright::env::Env;
use mailwright::store::sled::{OpenError, SledStore};
use mailwright::store::{Enqueued, Store};

use crate::fixtures::*;
use crate::folder::{SMALL, fresh};

fn open(folder: &Path) -> Result<Arc<SledStore>, OpenError> {
    let env = Env::manual(at(0), folder.as_os_str().len() as u64);
    SledStore::open(folder, &env, SMALL).map(Arc::new)
}

/// A store with one ready service and `count` messages of 3 KiB each, closed again.
async fn filled(count: u32) -> PathBuf {
    let folder = fresh();
    let store = open(&folder).unwrap();
    let shared: Shared = store.clone();
    ready(&shared, "news").await;
    for n in 1..=count {
        let mut new = message("news", n);
        new.body.0 = body(n);
        assert!(matches!(
            shared.enqueue(at(1), new).await,
            Ok(Enqueued::Accepted { .. })
        ));
    }
    store.close();
    folder
}

fn body(n: u32) -> Vec<u8> {
    vec![u8::try_from(n % 251).unwrap(); 3 * 1024]
}

async fn holds_all(store: &SledStore, count: u32) {
    for n in 1..=count {
        let kept = store.body(&mid(n)).await.unwrap().unwrap();
        assert_eq!(kept.0, body(n), "message {n}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = filled(40).await;
    let store = open(&folder).unwrap();
    holds_all(&store, 40).await;
    let (before, events) = (
        store.bounds().await.unwrap(),
        store.events_after(0, 1_000).await.unwrap(),
    );
    store.close();
    drop(store);

    let again = open(&folder).unwrap();
    assert_eq!(again.bounds().await.unwrap(), before);
    assert_eq!(again.events_after(0, 1_000).await.unwrap(), events);
    assert!(!again.claim_due(at(2), 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_second_owner_is_refused_and_told_who_has_the_folder() {
    let folder = filled(1).await;
    let store = open(&folder).unwrap();
    let Err(OpenError::Owned { by }) = open(&folder).map(|_| ()) else {
        panic!("two owners");
    };
    assert!(by.contains(&std::process::id().to_string()), "{by}");
    drop(store);
    assert!(open(&folder).is_ok());
}

#[tokio::test]
async fn a_half_written_snapshot_blocks_nothing() {
    let folder = filled(5).await;
    for name in ["snap.0000000000000FFF.generating", "snap.0000000000000FFE"] {
        fs::write(folder.join("rows").join(name), b"torn").unwrap();
    }
    holds_all(&open(&folder).unwrap(), 5).await;
}

#[tokio::test]
async fn a_torn_tail_of_a_segment_is_let_be() {
    let folder = filled(30).await;
    let segments = fs::read_dir(folder.join("segments")).unwrap();
    let mut paths: Vec<PathBuf> = segments.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 1, "the messages fill more than one segment");
    let mut newest = OpenOptions::new()
        .append(true)
        .open(paths.last().unwrap())
        .unwrap();
    newest.write_all(&[0xff; 777]).unwrap();
    let store = open(&folder).unwrap();
    holds_all(&store, 30).await;
    let mut more = message("news", 99);
    more.body.0 = body(99);
    store.enqueue(at(3), more).await.unwrap();
    assert_eq!(store.body(&mid(99)).await.unwrap().unwrap().0, body(99));
}

#[tokio::test]
async fn a_newer_format_is_refused_untouched() {
    let folder = filled(1).await;
    let rows = folder.join("rows");
    let db = sled::Config::new()
        .path(&rows)
        .segment_size(8 * 1024 * 1024)
        .open()
        .unwrap();
    db.insert(b"\0format", &99u64.to_be_bytes()).unwrap();
    db.flush().unwrap();
    drop(db);
    let refused = open(&folder).map(|_| ());
    assert!(
        matches!(refused, Err(OpenError::TooNew { found: 99, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn no_large_value_reaches_sled() {
    let folder = filled(30).await;
    let db = sled::Config::new()
        .path(folder.join("rows"))
        .segment_size(8 * 1024 * 1024)
        .open()
        .unwrap();
    let largest = db.iter().map(|pair| pair.unwrap().1.len()).max().unwrap();
    assert!(largest <= 3 * 1024, "{largest} bytes");
}
