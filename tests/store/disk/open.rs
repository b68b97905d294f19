//! Opening: one owner, one format, and everything that was there.

use std::os::unix::fs::MetadataExt;

use mailwright::model::message::Outcome;
use mailwright::store::sled::{OpenError, Options};
use mailwright::store::{ServiceFilter, Store, StoreError};

use super::full::is_full;
use super::*;

#[tokio::test]
async fn the_next_process_finds_everything() {
    let folder = folder::fresh();
    let (bounds, log, claim) = lives(&folder, async |store| {
        authorized(store, "oauth").await;
        ready(store, "news").await;
        for n in 1..=20 {
            let mut new = bulky(n, 1_000);
            new.message.request_id = Some(parse(&format!("request-{n}")));
            enqueue(store, 0, new).await;
        }
        let claim = claim(store, 0).await.remove(0).claim;
        store.mark_dot(at(1), &claim).await.unwrap();
        let bounds = store.bounds().await.unwrap();
        (bounds, events(store, 0).await, claim)
    })
    .await;
    lives(&folder, async |store| {
        assert_eq!(store.bounds().await.unwrap(), bounds);
        assert_eq!(events(store, 0).await, log);
        let services = store.services(&ServiceFilter::default(), None, 9).await;
        assert_eq!(services.unwrap().len(), 2);
        let token = store.token(&svc("oauth")).await.unwrap().unwrap();
        assert_eq!((token.generation, token.sealed), (1, sealed("token")));
        for n in 1..=20 {
            assert_eq!(store.body(&mid(n)).await, Ok(Some(body(n, 1_000))));
            let request = parse(&format!("request-{n}"));
            let known = store.request(&svc("news"), &request).await.unwrap();
            assert_eq!(known.unwrap().0.id, mid(n));
        }
        store.recover(at(50)).await.unwrap();
        assert!(full(store, 1).await.attempts[0].uncertain);
        let ended = store.finish(at(50), &claim, accepted(&claim)).await;
        assert_eq!(ended, Err(StoreError::Stale));
    })
    .await;
}

#[test]
fn a_store_waits_for_rows_that_are_still_being_let_go() {
    let folder = folder::fresh();
    drop(open(&folder, 1, folder::SMALL).unwrap());
    let rows = raw(&folder);
    let opening = std::thread::spawn({
        let folder = folder.clone();
        move || open(&folder, 2, folder::SMALL).map(drop)
    });
    let inode = std::fs::metadata(folder.join("rows/db")).unwrap().ino();
    let waits = |locks: &str| {
        let mut lines = locks.lines().filter(|line| line.contains("->"));
        lines.any(|line| line.contains(&format!(":{inode} ")))
    };
    while !waits(&std::fs::read_to_string("/proc/locks").unwrap()) {
        assert!(!opening.is_finished());
        std::thread::yield_now();
    }
    drop(rows);
    opening.join().unwrap().unwrap();
}

#[tokio::test]
async fn the_epoch_is_drawn_once_and_each_store_has_its_own() {
    let (one, other) = (folder::fresh(), folder::fresh());
    let mut epochs = Vec::new();
    for (folder, seed) in [(&one, 1), (&one, 2), (&other, 3)] {
        let store = open(folder, seed, folder::SMALL).unwrap();
        epochs.push(store.bounds().await.unwrap().epoch);
    }
    assert_eq!(epochs[0], epochs[1]);
    assert_ne!(epochs[0], epochs[2]);
}

#[tokio::test]
async fn a_second_owner_is_refused_and_told_who_is_the_first() {
    let folder = folder::fresh();
    let first = open(&folder, 1, folder::SMALL).unwrap();
    let Err(OpenError::Owned { by }) = open(&folder, 2, folder::SMALL) else {
        panic!("two have the same folder");
    };
    assert!(
        by.contains(&format!("process {}", std::process::id())),
        "{by}"
    );
    drop(first);
    assert!(open(&folder, 2, folder::SMALL).is_ok());
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let folder = folder::fresh();
    drop(open(&folder, 1, folder::SMALL).unwrap());
    let version = 2u64.to_be_bytes();
    raw(&folder).insert(b"\0format", &version).unwrap();
    let refused = open(&folder, 1, folder::SMALL).err();
    let (found, known) = (2, 1);
    assert_eq!(refused, Some(OpenError::TooNew { found, known }));
    let kept = raw(&folder).get(b"\0format").unwrap().unwrap();
    assert_eq!(&*kept, version);
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is() {
    let store = open(&folder::fresh(), 1, folder::SMALL).unwrap();
    store.close();
    let refused = store.recover(at(0)).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_full_disk_refuses_new_mail_and_lets_the_old_end() {
    let folder = folder::fresh();
    lives(&folder, async |store| {
        ready(store, "news").await;
        enqueue(store, 0, bulky(1, 1_000)).await;
    })
    .await;
    // No disk has so much room.
    let full = Options {
        reserve_bytes: u64::MAX / 2,
        ..folder::SMALL
    };
    let store: Shared = std::sync::Arc::new(open(&folder, 7, full).unwrap());
    let refused = store.enqueue(at(1), bulky(2, 1_000)).await;
    assert!(is_full(&refused), "{refused:?}");
    let claim = claim_one(&store, 1).await;
    store.mark_dot(at(1), &claim).await.unwrap();
    let ended = ended(&claim, Outcome::Accepted);
    store.finish(at(2), &claim, ended).await.unwrap();
    drop(store);
    lives(&folder, async |store| {
        enqueue(store, 3, bulky(2, 1_000)).await;
    })
    .await;
}

#[tokio::test]
async fn the_reserve_is_made_where_there_is_room_and_kept() {
    let folder = folder::fresh();
    let options = Options {
        reserve_bytes: 64 * 1024,
        ..folder::SMALL
    };
    for seed in 1..3 {
        let store: Shared = std::sync::Arc::new(open(&folder, seed, options).unwrap());
        let reserve = std::fs::metadata(folder.join("reserve")).unwrap();
        assert_eq!(reserve.len(), 64 * 1024);
        if seed == 1 {
            ready(&store, "news").await;
        }
        enqueue(&store, 0, message("news", u32::try_from(seed).unwrap())).await;
    }
}
