//! Promises about the bounds of what waits.

use mailwright::model::MailboxKey;
use mailwright::model::message::Outcome;
use mailwright::model::service::Auth;
use mailwright::store::{Enqueued, Full, Load, NewMessage, OutboxBounds, StoreError};

use crate::fixtures::*;

const NONE: Load = Load {
    messages: 0,
    bytes: 0,
};

fn load(messages: u64, bytes: u64) -> Load {
    Load { messages, bytes }
}

fn sized(service: &str, n: u32, bytes: u64) -> NewMessage {
    let mut new = message(service, n);
    new.message.size_bytes = bytes;
    new
}

/// This message, if no more than `most` waits in its mailbox with it.
fn within(most: Load, mut new: NewMessage) -> NewMessage {
    new.bounds = OutboxBounds {
        mailbox: most,
        all: ENDLESS,
    };
    new
}

/// This message, if no more than `most` waits in all with it.
fn within_all(most: Load, mut new: NewMessage) -> NewMessage {
    new.bounds = OutboxBounds {
        mailbox: ENDLESS,
        all: most,
    };
    new
}

/// What the store says waits: in the mailbox of a service, and in all.
pub async fn waiting(store: &Shared, service: &str) -> (Load, Load) {
    let mut found = Vec::new();
    for new in [
        within(NONE, message(service, 999_999)),
        within_all(NONE, message(service, 999_999)),
    ] {
        match store.enqueue(at(0), new).await {
            Err(StoreError::Full(full)) => found.push(full.load),
            other => panic!("{other:?}"),
        }
    }
    (found[0], found[1])
}

pub async fn a_mailbox_takes_no_more_than_its_bounds(store: Shared) {
    let mailbox = ready(&store, "news").await;
    ready(&store, "bills").await;
    enqueue(&store, 0, within(load(2, 100), sized("news", 1, 60))).await;
    let full = |mailbox: &MailboxKey| {
        Err(StoreError::Full(Full {
            mailbox: Some(mailbox.clone()),
            load: load(1, 60),
            most: load(2, 100),
        }))
    };
    let large = within(load(2, 100), sized("news", 2, 41));
    assert_eq!(store.enqueue(at(1), large).await, full(&mailbox));
    assert_eq!(store.message(&mid(2)).await, Ok(None));
    enqueue(&store, 1, within(load(2, 100), sized("news", 2, 40))).await;
    let third = store.enqueue(at(1), within(load(2, 100), sized("news", 3, 0)));
    assert!(matches!(third.await, Err(StoreError::Full(_))));
    // The bound is each mailbox's own.
    enqueue(&store, 1, within(load(2, 100), sized("bills", 4, 100))).await;
}

pub async fn all_mailboxes_together_take_no_more_than_the_bounds(store: Shared) {
    ready(&store, "news").await;
    ready(&store, "bills").await;
    let most = load(2, 100);
    enqueue(&store, 0, within_all(most, sized("news", 1, 60))).await;
    let large = store.enqueue(at(1), within_all(most, sized("bills", 2, 41)));
    let full = Full {
        mailbox: None,
        load: load(1, 60),
        most,
    };
    assert_eq!(large.await, Err(StoreError::Full(full)));
    enqueue(&store, 1, within_all(most, sized("bills", 2, 40))).await;
    assert_eq!(waiting(&store, "news").await, (load(1, 60), load(2, 100)));
}

pub async fn services_of_one_mailbox_share_its_bounds(store: Shared) {
    for id in ["news", "bills"] {
        create_tested(&store, service(id, "shared")).await;
    }
    enqueue(&store, 0, within(load(1, 100), sized("news", 1, 60))).await;
    let second = store.enqueue(at(1), within(load(1, 100), sized("bills", 2, 1)));
    assert!(matches!(second.await, Err(StoreError::Full(_))));
    assert_eq!(waiting(&store, "bills").await.0, load(1, 60));
}

pub async fn a_message_waits_until_it_ends_however_it_ends(store: Shared) {
    ready(&store, "news").await;
    for n in 1..=6 {
        enqueue(&store, 0, sized("news", n, 10)).await;
    }
    let waits = async |count| {
        let expected = load(count, 10 * count);
        assert_eq!(waiting(&store, "news").await, (expected, expected));
    };
    waits(6).await;
    store.cancel_message(at(1), &mid(1)).await.unwrap();
    store.cancel_message(at(1), &mid(1)).await.unwrap();
    waits(5).await;
    let claims = claim(&store, 2).await;
    assert_eq!(claims.len(), 5);
    waits(5).await;
    for (claimed, end) in claims.iter().zip([
        Outcome::Accepted,
        Outcome::Refused,
        Outcome::Uncertain,
        Outcome::Pending,
    ]) {
        let finished = ended(&claimed.claim, end);
        store.finish(at(3), &claimed.claim, finished).await.unwrap();
    }
    // One is queued again, one is being sent.
    waits(2).await;
    store.recover(at(4)).await.unwrap();
    waits(2).await;
    assert_eq!(store.expire_due(at(200_000), 10).await, Ok(2));
    waits(0).await;
    let now = at(900_000);
    store.trim(now, now, now).await.unwrap();
    waits(0).await;
}

pub async fn a_service_that_moves_takes_its_mail_along(store: Shared) {
    for (id, login) in [("news", "one"), ("bills", "one"), ("ads", "two")] {
        create_tested(&store, service(id, login)).await;
    }
    enqueue(&store, 0, sized("news", 1, 10)).await;
    enqueue(&store, 0, sized("bills", 2, 20)).await;
    enqueue(&store, 0, sized("ads", 3, 40)).await;
    let mut change = change_of(&store, "news").await;
    change.service.config.auth = Auth::Password {
        username: "two".into(),
    };
    store.replace_service(at(1), change).await.unwrap();
    assert_eq!(waiting(&store, "bills").await, (load(1, 20), load(3, 70)));
    assert_eq!(waiting(&store, "ads").await, (load(2, 50), load(3, 70)));
    assert_eq!(waiting(&store, "news").await, (load(2, 50), load(3, 70)));
}

pub async fn a_deleted_service_leaves_nothing_waiting(store: Shared) {
    for id in ["news", "bills"] {
        create_tested(&store, service(id, "shared")).await;
        enqueue(&store, 0, sized(id, id.len() as u32, 10)).await;
    }
    store
        .delete_service(at(1), &svc("news"), None, true)
        .await
        .unwrap();
    assert_eq!(waiting(&store, "bills").await, (load(1, 10), load(1, 10)));
}

pub async fn a_known_request_is_answered_by_a_full_outbox(store: Shared) {
    ready(&store, "news").await;
    let asked = |n| {
        let mut new = within(load(1, 4), message("news", n));
        new.message.request_id = Some(parse("order-1"));
        new
    };
    enqueue(&store, 0, asked(1)).await;
    match store.enqueue(at(1), asked(2)).await.unwrap() {
        Enqueued::Known { message, .. } => assert_eq!(message.id, mid(1)),
        other => panic!("{other:?}"),
    }
}

pub async fn the_bounds_are_exact_among_many_at_once(store: Shared) {
    ready(&store, "news").await;
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let store = store.clone();
            let new = within(load(7, 1_000), sized("news", n, 10));
            tokio::spawn(async move { store.enqueue(at(0), new).await })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => taken += 1,
            Err(StoreError::Full(full)) => assert_eq!(full.load, load(7, 70)),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(taken, 7);
}
