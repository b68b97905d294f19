//! Space comes back: what is dead goes, what lives moves.

use std::ops::RangeInclusive;

use super::*;

/// Delivers the messages of these numbers; the others wait for a time to come.
pub async fn churn(store: &Shared, numbers: RangeInclusive<u32>, kept: impl Fn(u32) -> bool) {
    for n in numbers {
        let mut new = bulky(n, 4_000);
        if kept(n) {
            new.message.send_time = at(1_000);
        }
        enqueue(store, 0, new).await;
        for claimed in claim(store, 0).await {
            let ended = accepted(&claimed.claim);
            store.finish(at(1), &claimed.claim, ended).await.unwrap();
        }
    }
}

/// Gives the writer idle moments until the segments take no more than so many bytes.
pub async fn until_small(store: &Shared, folder: &Path, bytes: u64) {
    let size = || -> u64 {
        let files = files(&folder.join("segments"), ".seg");
        files
            .iter()
            // One that is compacted meanwhile is gone.
            .filter_map(|path| path.metadata().ok())
            .map(|metadata| metadata.len())
            .sum()
    };
    for _ in 0..2_000 {
        if size() <= bytes {
            return;
        }
        store.recover(at(2)).await.unwrap();
    }
    panic!("{} bytes", size());
}

#[tokio::test]
async fn compaction_keeps_what_lives_and_deletes_the_rest() {
    let folder = folder::fresh();
    let old = |n: u32| n.is_multiple_of(40);
    lives(&folder, async |store| {
        ready(store, "news").await;
        churn(store, 1..=400, old).await;
        // 1.6 MB went through; 40 kB live, at least 30 % of each segment but the newest.
        until_small(store, &folder, 41_000 * 10 / 3 + 64 * 1024).await;
        for n in (1..=400).filter(|n| old(*n)) {
            assert_eq!(store.body(&mid(n)).await, Ok(Some(body(n, 4_000))));
        }
    })
    .await;
    lives(&folder, async |store| {
        for n in 1..=400 {
            let expected = old(n).then(|| body(n, 4_000));
            assert_eq!(store.body(&mid(n)).await, Ok(expected));
        }
        assert_eq!(claim(store, 1_000).await.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_torn_tail_does_not_keep_its_segment() {
    let folder = folder::fresh();
    lives(&folder, async |store| {
        ready(store, "news").await;
        enqueue(store, 0, bulky(1, 4_000)).await;
    })
    .await;
    let torn = files(&folder.join("segments"), ".seg").pop().unwrap();
    let mut bytes = std::fs::read(&torn).unwrap();
    bytes.extend(vec![0xa5; 20_000]);
    std::fs::write(&torn, bytes).unwrap();
    lives(&folder, async |store| {
        enqueue(store, 0, bulky(2, 4_000)).await;
        for _ in 0..2_000 {
            if !torn.exists() {
                break;
            }
            store.recover(at(2)).await.unwrap();
        }
        assert!(!torn.exists(), "less than a third of it lived");
        for n in 1..=2 {
            assert_eq!(store.body(&mid(n)).await, Ok(Some(body(n, 4_000))));
        }
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_leaves_nothing_alive() {
    let folder = folder::fresh();
    let store = open(&folder, 7, folder::SMALL).unwrap();
    let shared: Shared = std::sync::Arc::new(store);
    ready(&shared, "news").await;
    let again = |n| {
        let mut new = bulky(n, 4_000);
        new.message.request_id = Some(parse("request"));
        new
    };
    enqueue(&shared, 0, again(1)).await;
    for n in 2..=100 {
        shared.enqueue(at(0), again(n)).await.unwrap();
    }
    until_small(&shared, &folder, 64 * 1024).await;
    assert_eq!(shared.body(&mid(1)).await, Ok(Some(body(1, 4_000))));
    assert_eq!(shared.body(&mid(2)).await, Ok(None));
}

#[tokio::test]
async fn a_damaged_body_keeps_its_segment_and_stops_nothing() {
    let folder = folder::fresh();
    let old = |n: u32| n.is_multiple_of(16);
    lives(&folder, async |store| {
        ready(store, "news").await;
        churn(store, 1..=16, old).await;
    })
    .await;
    let damaged = files(&folder.join("segments"), ".seg").pop().unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    lives(&folder, async |store| {
        churn(store, 17..=300, old).await;
        until_small(store, &folder, 80_000 * 10 / 3 + 3 * 64 * 1024).await;
        assert!(damaged.exists());
        assert!(store.body(&mid(16)).await.is_err());
        assert_eq!(store.body(&mid(32)).await, Ok(Some(body(32, 4_000))));
    })
    .await;
}
