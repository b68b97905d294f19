//! Promises about what is given out for delivery.

use std::collections::BTreeSet;

use mailwright::model::message::Priority;
use mailwright::model::state::MessageState;
use mailwright::model::{MessageId, Phase, Reason};
use mailwright::store::StoreError;

use crate::fixtures::*;

fn limited(id: &str, login: &str, max_connections: u32) -> mailwright::model::service::Service {
    let mut service = service(id, login);
    service.config.delivery.max_connections = Some(max_connections);
    service
}

async fn claimed_ids(store: &Shared, now: i64, limit: usize) -> Vec<MessageId> {
    let claimed = store.claim_due(at(now), limit).await.unwrap();
    claimed.into_iter().map(|c| c.claim.message_id).collect()
}

pub async fn what_is_due_is_claimed_once(store: Shared) {
    let mailbox = ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let claimed = claim(&store, 0).await.remove(0);
    assert_eq!(claimed.claim.message_id, mid(1));
    assert_eq!(claimed.claim.service_id, svc("news"));
    assert_eq!(claimed.claim.mailbox, mailbox);
    assert_eq!((claimed.claim.attempt, claimed.claim.probe), (1, false));
    assert_eq!(claimed.claim.recipients, [0]);
    assert_eq!(claimed.message, full(&store, 1).await);
    assert_eq!(claimed.service.id, svc("news"));
    assert!(
        claim(&store, 9_999).await.is_empty(),
        "claims never time out"
    );
}

pub async fn what_is_not_due_is_not_claimed(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let first = claim_one(&store, 0).await;
    let later = deferred(&first, 100, true);
    store.finish(at(1), &first, later).await.unwrap();
    assert!(claim(&store, 99).await.is_empty());
    assert_eq!(claim_one(&store, 100).await.attempt, 2);
}

pub async fn high_priority_goes_first_then_the_longest_due_then_the_id(store: Shared) {
    create_tested(&store, limited("svc-a", "shared", 50)).await;
    create_tested(&store, limited("svc-b", "shared", 50)).await;
    let rows = [
        ("svc-a", 9, Priority::Normal, 3),
        ("svc-b", 1, Priority::Bulk, 1),
        ("svc-b", 2, Priority::Normal, 4),
        ("svc-a", 3, Priority::High, 6),
        ("svc-b", 8, Priority::High, 5),
        ("svc-a", 7, Priority::Normal, 4),
    ];
    for (service, n, priority, send) in rows {
        let mut new = message(service, n);
        new.message.priority = priority;
        new.message.send_time = at(send);
        enqueue(&store, 0, new).await;
    }
    let expected = [8, 3, 9, 2, 7, 1].map(mid);
    assert_eq!(claimed_ids(&store, 10, 4).await, expected[..4]);
    assert_eq!(claimed_ids(&store, 10, 4).await, expected[4..]);
}

pub async fn no_more_are_claimed_than_the_limit(store: Shared) {
    create_tested(&store, limited("news", "news", 50)).await;
    for n in 1..6 {
        enqueue(&store, 0, message("news", n)).await;
    }
    assert!(claimed_ids(&store, 0, 0).await.is_empty());
    assert_eq!(claimed_ids(&store, 0, 2).await.len(), 2);
    assert_eq!(claimed_ids(&store, 0, 9).await.len(), 3);
}

pub async fn a_mailbox_has_no_more_claims_than_its_strictest_service_allows(store: Shared) {
    create_tested(&store, limited("svc-a", "shared", 5)).await;
    create_tested(&store, limited("svc-b", "SHARED", 2)).await;
    create_tested(&store, limited("svc-c", "own", 1)).await;
    for n in 1..5 {
        enqueue(&store, 0, message("svc-a", n)).await;
        enqueue(&store, 0, message("svc-b", 10 + n)).await;
        enqueue(&store, 0, message("svc-c", 20 + n)).await;
    }
    let mut claimed: Vec<_> = claim(&store, 0)
        .await
        .into_iter()
        .map(|claimed| (claimed.claim.message_id, claimed.max_connections))
        .collect();
    claimed.sort();
    assert_eq!(claimed, [(mid(1), 2), (mid(2), 2), (mid(21), 1)]);
    assert!(claimed_ids(&store, 0, 100).await.is_empty());
}

pub async fn a_claim_that_ends_makes_room(store: Shared) {
    create_tested(&store, limited("news", "news", 1)).await;
    enqueue(&store, 0, message("news", 1)).await;
    enqueue(&store, 0, message("news", 2)).await;
    let first = claim_one(&store, 0).await;
    assert!(claim(&store, 0).await.is_empty());
    store.finish(at(1), &first, accepted(&first)).await.unwrap();
    assert_eq!(claim_one(&store, 1).await.message_id, mid(2));
}

pub async fn a_claim_takes_no_more_recipients_than_the_limit(store: Shared) {
    let mut small = service("news", "news");
    small.config.delivery.recipients_per_message = Some(2);
    create_tested(&store, small).await;
    enqueue(&store, 0, to_many(message("news", 1), 5)).await;
    for expected in [vec![0, 1], vec![2, 3], vec![4]] {
        let claim = claim_one(&store, 0).await;
        assert_eq!(claim.recipients, expected);
        store.finish(at(0), &claim, accepted(&claim)).await.unwrap();
    }
    assert_eq!(state(&store, 1).await, MessageState::Sent);
    assert_eq!(full(&store, 1).await.attempts.len(), 3);
}

pub async fn what_is_due_in_a_service_that_cannot_send_is_held(store: Shared) {
    let mailbox = ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let mut later = message("news", 2);
    later.message.send_time = at(500);
    enqueue(&store, 0, later).await;
    store
        .pause_mailbox(at(1), &mailbox, pause(1, 900))
        .await
        .unwrap();
    assert!(claim(&store, 2).await.is_empty());
    let held = full(&store, 1).await.message;
    assert_eq!(held.state, MessageState::Held);
    assert_eq!(held.problem.unwrap().reason, Reason::MailboxBlocked);
    assert_eq!(state(&store, 2).await, MessageState::Queued, "not due");
    assert_eq!(held.attempts, 0);
}

pub async fn expired_mail_is_not_claimed(store: Shared) {
    create_tested(&store, limited("news", "news", 1)).await;
    let mut short = message("news", 1);
    short.message.expire_time = at(10);
    enqueue(&store, 0, short).await;
    enqueue(&store, 0, message("news", 2)).await;
    assert_eq!(claimed_ids(&store, 10, 9).await, [mid(2)]);
    assert_eq!(state(&store, 1).await, MessageState::Queued);
}

pub async fn a_claim_begins_an_attempt_that_the_event_shows(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let before = newest(&store).await;
    claim_one(&store, 3).await;
    let full = full(&store, 1).await;
    let attempt = full.attempts[0].clone();
    assert_eq!(full.message.attempts, 1);
    assert_eq!(full.message.state, MessageState::Sending);
    assert_eq!((attempt.start_time, attempt.end_time), (at(3), None));
    assert_eq!((attempt.phase, attempt.uncertain), (Phase::Resolve, false));
    assert_eq!(attempt.recipients, [0]);
    let events = events(&store, before).await;
    let change = message_changes(&events)[0];
    assert_eq!(change.previous_state, Some(MessageState::Queued));
    assert_eq!(change.attempt, Some(attempt));
    assert!(change.recipients.is_empty());
    let addresses: Vec<_> = full.recipients.iter().map(|r| r.address.clone()).collect();
    assert_eq!(change.attempt_recipients, addresses);
}

pub async fn the_dot_is_marked_only_by_the_newest_claim(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let first = claim_one(&store, 0).await;
    store.mark_dot(at(1), &first).await.unwrap();
    assert_eq!(full(&store, 1).await.attempts[0].phase, Phase::DotSent);

    let again = deferred(&first, 1, true);
    store.finish(at(1), &first, again).await.unwrap();
    let stale = Err(StoreError::Stale);
    assert_eq!(store.mark_dot(at(1), &first).await, stale, "not SENDING");
    let second = claim_one(&store, 1).await;
    assert_eq!(store.mark_dot(at(1), &first).await, stale, "not the newest");
    assert_eq!(full(&store, 1).await.attempts[1].phase, Phase::Resolve);
    store.mark_dot(at(1), &second).await.unwrap();
    let mut unknown = second;
    unknown.message_id = mid(77);
    assert_eq!(store.mark_dot(at(1), &unknown).await, stale);
}

pub async fn many_claimers_never_claim_the_same(store: Shared) {
    create_tested(&store, limited("news", "news", 1_000)).await;
    for n in 0..100 {
        enqueue(&store, 0, message("news", n)).await;
    }
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { claimed_ids(&store, 0, 7).await })
        })
        .collect();
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(task.await.unwrap());
    }
    assert_eq!(claimed.len(), 100);
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>().len(), 100);
}

pub async fn claiming_nothing_is_no_commit(store: Shared) {
    ready(&store, "news").await;
    let changed = store.changed();
    claim(&store, 0).await;
    store.claim_refreshes(at(0), 9).await.unwrap();
    store.expire_due(at(0), 9).await.unwrap();
    assert!(!changed.has_changed().unwrap(), "a loop would never sleep");
}
