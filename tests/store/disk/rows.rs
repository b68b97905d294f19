//! What sled is given: small values only, and batches of any number of them.

use std::collections::BTreeMap;

use mailwright::model::Labels;
use mailwright::model::state::MessageState;
use mailwright::store::{MessageFilter, NewMessage};

use super::*;

/// sled's pages hold up to 16 values; those of larger pages it never syncs.
const LARGEST: usize = 3 * 1024;

/// A message whose own row, and each of whose events, is more than sled should be given.
fn labelled(n: u32) -> NewMessage {
    let pair = |n| (format!("label-{n}"), "x".repeat(200));
    let mut new = bulky(n, 10);
    new.message.labels = Labels((0..32).map(pair).collect::<BTreeMap<_, _>>());
    new
}

#[tokio::test]
async fn no_value_in_sled_is_large_and_large_rows_are_read_all_the_same() {
    let folder = folder::fresh();
    let log = lives(&folder, async |store| {
        ready(store, "news").await;
        for n in 1..=30 {
            enqueue(store, 0, labelled(n)).await;
        }
        for claimed in claim(store, 0).await {
            let ended = accepted(&claimed.claim);
            store.finish(at(1), &claimed.claim, ended).await.unwrap();
        }
        enqueue(store, 1, bulky(31, 100_000)).await;
        events(store, 0).await
    })
    .await;
    {
        let rows = raw(&folder);
        let sizes = rows.iter().map(|row| row.unwrap().1.len());
        assert!(sizes.max().unwrap() <= LARGEST);
        assert_eq!(files(&folder.join("rows/blobs"), ""), Vec::<PathBuf>::new());
    }
    lives(&folder, async |store| {
        assert_eq!(events(store, 0).await, log);
        let filter = MessageFilter {
            labels: labelled(1).message.labels,
            states: vec![MessageState::Queued],
            ..MessageFilter::default()
        };
        assert_eq!(store.messages(&filter, None, 99).await.unwrap().len(), 20);
        assert_eq!(store.body(&mid(31)).await, Ok(Some(body(31, 100_000))));
    })
    .await;
}

/// All of it is one batch of sled's, and larger than one of its segments.
#[tokio::test]
async fn thousands_of_held_messages_are_released_a_thousand_a_commit() {
    const COUNT: u32 = 5_000;
    let folder = folder::fresh();
    lives(&folder, async |store| {
        ready(store, "news").await;
        suspend(store, 0, "news", true).await;
        let mut sending = tokio::task::JoinSet::new();
        for n in 1..=COUNT {
            let store = store.clone();
            sending.spawn(async move { enqueue(&store, 0, message("news", n)).await });
        }
        sending.join_all().await;
        let before = newest(store).await;
        suspend(store, 1, "news", false).await;
        for thousands in 1..5 {
            assert_eq!(newest(store).await, before + 1 + 1_000 * thousands);
            assert_eq!(store.claim_due(at(1), 1).await, Ok(Vec::new()));
        }
        assert_eq!(newest(store).await, before + 1 + u64::from(COUNT));
    })
    .await;
    lives(&folder, async |store| {
        let filter = MessageFilter {
            states: vec![MessageState::Queued],
            ..MessageFilter::default()
        };
        let queued = store.messages(&filter, None, usize::MAX).await.unwrap();
        assert_eq!(queued.len(), COUNT as usize);
    })
    .await;
}

#[tokio::test]
async fn a_list_looks_past_thousands_that_do_not_match() {
    let folder = folder::fresh();
    lives(&folder, async |store| {
        ready(store, "news").await;
        ready(store, "rare").await;
        enqueue(store, 0, message("rare", 1)).await;
        for n in 2..=1_100 {
            enqueue(store, 0, message("news", n)).await;
        }
        let filter = MessageFilter {
            service_ids: vec![svc("rare")],
            ..MessageFilter::default()
        };
        let found = store.messages(&filter, None, 5).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.message.id, mid(1));
    })
    .await;
}
