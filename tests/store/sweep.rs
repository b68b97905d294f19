//! Promises about what time alone brings about.

use mailwright::model::RequestId;
use mailwright::model::message::Outcome;
use mailwright::model::state::MessageState;
use mailwright::store::{NewMessage, StoreError};

use crate::fixtures::*;

fn expiring(n: u32, expire: i64) -> NewMessage {
    let mut new = to_many(message("news", n), 2);
    new.message.expire_time = at(expire);
    new
}

pub async fn what_waits_past_its_expire_time_expires(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, expiring(1, 10)).await;
    suspend(&store, 0, "news", true).await;
    enqueue(&store, 0, expiring(2, 10)).await;
    enqueue(&store, 0, expiring(3, 11)).await;
    assert_eq!(store.expire_due(at(9), 9).await, Ok(0));
    let before = newest(&store).await;
    assert_eq!(store.expire_due(at(10), 9).await, Ok(2));
    for n in [1, 2] {
        let full = full(&store, n).await;
        assert_eq!(full.message.state, MessageState::Expired);
        assert_eq!(full.message.end_time, Some(at(10)));
        let expired = Outcome::Expired;
        assert!(full.recipients.iter().all(|r| r.outcome == expired));
        assert!(store.body(&mid(n)).await.unwrap().is_some());
    }
    assert_eq!(state(&store, 3).await, MessageState::Held);
    let events = events(&store, before).await;
    let changes = message_changes(&events);
    assert_eq!((changes.len(), changes[0].recipients.len()), (2, 2));
}

pub async fn no_more_expire_than_the_limit(store: Shared) {
    ready(&store, "news").await;
    for n in 1..6 {
        enqueue(&store, 0, expiring(n, i64::from(n))).await;
    }
    assert_eq!(store.expire_due(at(9), 2).await, Ok(2));
    assert_eq!(state(&store, 2).await, MessageState::Expired);
    assert_eq!(state(&store, 3).await, MessageState::Queued);
    assert_eq!(store.expire_due(at(9), 9).await, Ok(3));
    assert_eq!(store.expire_due(at(9), 9).await, Ok(0));
}

pub async fn the_next_due_is_the_first_of_all_kinds(store: Shared) {
    assert_eq!(next_due(&store, 0).await, None);
    authorized(&store, "auth").await;
    assert_eq!(next_due(&store, 0).await, Some(at(3_000)));
    assert_eq!(
        next_due(&store, 3_000).await,
        None,
        "it is due, not to come"
    );
    ready(&store, "news").await;
    enqueue(&store, 0, expiring(1, 2_000)).await;
    assert_eq!(next_due(&store, 0).await, Some(at(2_000)));
    let mut later = expiring(2, 9_000);
    later.message.send_time = at(500);
    enqueue(&store, 0, later).await;
    claim_one(&store, 0).await;
    assert_eq!(next_due(&store, 0).await, Some(at(500)));
    assert_eq!(next_due(&store, 500).await, Some(at(3_000)));
    claim_one(&store, 500).await;
    assert_eq!(
        next_due(&store, 500).await,
        Some(at(3_000)),
        "claims don't expire"
    );
    store.claim_refreshes(at(3_000), 9).await.unwrap();
    assert_eq!(next_due(&store, 0).await, None);
}

pub async fn the_next_due_counts_a_probe_only_while_it_could_go_out(store: Shared) {
    let mailbox = ready(&store, "news").await;
    let paused = pause(1, 60);
    store.pause_mailbox(at(1), &mailbox, paused).await.unwrap();
    assert_eq!(next_due(&store, 1).await, None, "nothing is held");
    enqueue(&store, 2, message("news", 1)).await;
    claim(&store, 2).await;
    assert_eq!(next_due(&store, 2).await, Some(at(60)));
    claim_one(&store, 60).await;
    assert_eq!(next_due(&store, 60).await, None, "the probe is under way");
    store.recover(at(61)).await.unwrap();
    claim(&store, 61).await;
    assert_eq!(next_due(&store, 61).await, Some(at(120)));
    suspend(&store, 62, "news", true).await;
    claim(&store, 62).await;
    assert_eq!(
        next_due(&store, 62).await,
        Some(at(100_000)),
        "its expire time"
    );
}

pub async fn trimming_removes_old_events_and_ended_messages(store: Shared) {
    ready(&store, "news").await;
    for n in [1, 2] {
        enqueue(&store, 0, message("news", n)).await;
        let claim = claim_one(&store, 0).await;
        let finished = ended(&claim, Outcome::Refused);
        let end = at(10 * i64::from(n));
        store.finish(end, &claim, finished).await.unwrap();
    }
    let all = events(&store, 0).await;
    store.trim(at(99), at(20), at(0)).await.unwrap();
    assert_eq!(store.message(&mid(1)).await.unwrap(), None);
    assert_eq!(store.body(&mid(1)).await.unwrap(), None);
    let kept = full(&store, 2).await;
    assert_eq!((kept.recipients.len(), kept.attempts.len()), (1, 1));
    assert!(store.body(&mid(2)).await.unwrap().is_some());

    let bounds = store.bounds().await.unwrap();
    let left: Vec<_> = all.iter().filter(|e| e.sequence > bounds.oldest).collect();
    let times_before_20 = all.iter().take_while(|e| e.time < at(20)).count();
    assert_eq!(bounds.oldest, times_before_20 as u64);
    let read = events(&store, bounds.oldest).await;
    assert_eq!(read.iter().collect::<Vec<_>>(), left);
    let refused = store.events_after(bounds.oldest - 1, 9).await;
    assert_eq!(refused, Err(StoreError::OutOfRange));

    store.trim(at(99), at(99), at(0)).await.unwrap();
    let empty = store.bounds().await.unwrap();
    assert_eq!((empty.oldest, empty.newest), (bounds.newest, bounds.newest));
    assert!(events(&store, empty.newest).await.is_empty());
    enqueue(&store, 99, message("news", 3)).await;
    assert_eq!(newest(&store).await, bounds.newest + 1);
}

pub async fn trimming_keeps_what_is_not_ended(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let (_, sequence) = store.message(&mid(1)).await.unwrap().unwrap();
    store.trim(at(99), at(99), at(99)).await.unwrap();
    let kept = store.message(&mid(1)).await.unwrap().unwrap();
    assert_eq!(kept.1, sequence, "its newest event was this one");
    assert_eq!(claim(&store, 99).await.len(), 1);
}

pub async fn request_ids_outlive_neither_their_time_nor_their_message(store: Shared) {
    ready(&store, "news").await;
    let request = |n: u32| -> RequestId { parse(&format!("r-{n}")) };
    for n in 1..4 {
        let mut new = message("news", n);
        new.message.request_id = Some(request(n));
        enqueue(&store, 10 * i64::from(n), new).await;
    }
    let known = async |n| {
        let found = store.request(&svc("news"), &request(n)).await.unwrap();
        found.is_some()
    };
    store.trim(at(99), at(0), at(99)).await.unwrap();
    assert!(known(1).await, "its message has not ended");
    for n in [1, 2] {
        store.cancel_message(at(50), &mid(n)).await.unwrap();
    }
    store.trim(at(99), at(0), at(20)).await.unwrap();
    assert!(!known(1).await);
    assert!(known(2).await, "accepted at this very time");
    assert_eq!(state(&store, 1).await, MessageState::Cancelled);
    store.trim(at(99), at(51), at(20)).await.unwrap();
    assert!(!known(2).await, "its message is gone");
    assert!(known(3).await);
}

pub async fn trimming_forgets_expired_authorizations(store: Shared) {
    ready(&store, "news").await;
    let pending = crate::authorizations::pending("news", 1);
    store.begin_authorization(at(0), pending).await.unwrap();
    let changed = store.changed();
    store.trim(at(599), at(0), at(0)).await.unwrap();
    assert!(!changed.has_changed().unwrap());
    store.trim(at(600), at(0), at(0)).await.unwrap();
    assert!(changed.has_changed().unwrap());
}

pub async fn a_clock_that_went_back_leaves_no_hole(store: Shared) {
    ready(&store, "news").await;
    for (n, now) in [(1, 100), (2, 50), (3, 200)] {
        enqueue(&store, now, message("news", n)).await;
    }
    store.trim(at(300), at(80), at(0)).await.unwrap();
    let bounds = store.bounds().await.unwrap();
    let read = events(&store, bounds.oldest).await;
    let times: Vec<_> = read.iter().map(|event| event.time).collect();
    assert_eq!(times, [at(100), at(50), at(200)]);
}
