//! Promises about the log and the wake-up.

use mailwright::store::{LogBounds, StoreError};

use crate::fixtures::*;

pub async fn an_empty_log_has_bounds(store: Shared) {
    let bounds = store.bounds().await.unwrap();
    assert_eq!((bounds.oldest, bounds.newest), (0, 0));
    assert!(events(&store, 0).await.is_empty());
    ready(&store, "news").await;
    let later = store.bounds().await.unwrap();
    let expected = LogBounds {
        newest: 2,
        ..bounds
    };
    assert_eq!(later, expected, "the epoch never changes");
}

pub async fn events_are_paged_without_loss_or_repetition(store: Shared) {
    ready(&store, "news").await;
    for n in 0..20 {
        enqueue(&store, 0, message("news", n)).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), 0);
    loop {
        let page = store.events_after(cursor, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        cursor = last.sequence;
        seen.extend(page.iter().map(|event| event.sequence));
    }
    assert_eq!(seen, (1..=newest(&store).await).collect::<Vec<_>>());
}

pub async fn places_outside_of_the_log_are_refused(store: Shared) {
    ready(&store, "news").await;
    let newest = newest(&store).await;
    assert!(store.events_after(newest, 9).await.unwrap().is_empty());
    let future = store.events_after(newest + 1, 9).await;
    assert_eq!(future, Err(StoreError::OutOfRange));
    store.trim(at(9), at(9), at(9)).await.unwrap();
    let past = store.events_after(newest - 1, 9).await;
    assert_eq!(past, Err(StoreError::OutOfRange));
    assert!(store.events_after(newest, 9).await.unwrap().is_empty());
}

pub async fn a_commit_wakes_and_a_failure_does_not(store: Shared) {
    ready(&store, "news").await;
    let mut changed = store.changed();
    assert!(!changed.has_changed().unwrap());
    enqueue(&store, 0, message("news", 1)).await;
    assert!(changed.has_changed().unwrap());
    changed.borrow_and_update();
    let twin = store.enqueue(at(0), message("news", 1)).await;
    assert_eq!(twin, Err(StoreError::Exists));
    assert!(!changed.has_changed().unwrap());

    let claim = claim_one(&store, 0).await;
    changed.borrow_and_update();
    store.mark_dot(at(0), &claim).await.unwrap();
    assert!(changed.has_changed().unwrap());
}

pub async fn readers_see_no_holes_while_others_write(store: Shared) {
    ready(&store, "news").await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    let id = 1_000 * writer + n;
                    let (_, place) = enqueue(&store, 0, message("news", id)).await;
                    store.cancel_message(at(0), &mid(id)).await.unwrap();
                    let seen = events(&store, place).await;
                    let own = message_changes(&seen);
                    let own = own.iter().filter(|change| change.message.id == mid(id));
                    assert_eq!(own.count(), 2, "both behind the place returned");
                }
            })
        })
        .collect();
    let mut changed = store.changed();
    let (mut cursor, all) = (0, 2 + 4 * 50 * 2);
    while cursor < all {
        for event in store.events_after(cursor, 7).await.unwrap() {
            assert_eq!(event.sequence, cursor + 1);
            cursor = event.sequence;
        }
        if cursor == newest(&store).await && cursor < all {
            changed.changed().await.unwrap();
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(newest(&store).await, all);
}

pub async fn a_failed_transaction_leaves_no_trace(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    claim_one(&store, 0).await;
    enqueue(&store, 0, message("news", 2)).await;
    let before = events(&store, 0).await;
    let row = store.service(&svc("news")).await.unwrap();
    let changed = store.changed();

    let deleted = store.delete_service(at(1), &svc("news"), None, true).await;
    assert_eq!(deleted, Err(StoreError::PendingMail(1)));
    let mut taken = full(&store, 1).await;
    taken.message.state = mailwright::model::state::MessageState::Sent;
    let tested = store
        .record_test(at(1), &svc("news"), test(true), Some(taken))
        .await;
    assert_eq!(tested.err(), Some(StoreError::Exists));

    assert_eq!(events(&store, 0).await, before);
    assert_eq!(store.service(&svc("news")).await.unwrap(), row);
    assert!(!changed.has_changed().unwrap());
}
