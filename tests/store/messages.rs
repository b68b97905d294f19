//! Promises about accepting, reading and cancelling messages.

use mailwright::model::message::Outcome;
use mailwright::model::state::MessageState;
use mailwright::model::{MessageId, Reason};
use mailwright::store::{Enqueued, MessageFilter, NewMessage, StoreError};

use crate::fixtures::*;

fn requested(service: &str, n: u32, request: &str) -> NewMessage {
    let mut new = message(service, n);
    new.message.request_id = Some(parse(request));
    new
}

pub async fn an_accepted_message_is_kept_whole(store: Shared) {
    ready(&store, "news").await;
    let new = to_many(message("news", 1), 3);
    let (accepted, sequence) = enqueue(&store, 5, new.clone()).await;
    assert_eq!(accepted.state, MessageState::Queued);
    assert_eq!(accepted.next_attempt_time, at(5));
    assert_eq!(accepted.update_time, at(5));

    let (full, newest) = store.message(&mid(1)).await.unwrap().unwrap();
    assert_eq!(full.message, accepted);
    assert_eq!((full.attempts.len(), newest), (0, sequence + 1));
    let addresses: Vec<_> = full.recipients.iter().map(|r| r.address.clone()).collect();
    assert_eq!(addresses, new.recipients);
    let pending = |r: &mailwright::model::message::Recipient| r.outcome == Outcome::Pending;
    assert!(full.recipients.iter().all(pending));
    assert_eq!(store.body(&mid(1)).await.unwrap(), Some(sealed("body")));
    let twin = store.enqueue(at(6), message("news", 1)).await;
    assert_eq!(twin, Err(StoreError::Exists));
}

pub async fn a_message_waits_for_its_send_time(store: Shared) {
    ready(&store, "news").await;
    let mut later = message("news", 1);
    later.message.send_time = at(500);
    let (accepted, _) = enqueue(&store, 5, later).await;
    assert_eq!(accepted.next_attempt_time, at(500));
    assert!(claim(&store, 499).await.is_empty());
    assert_eq!(claim(&store, 500).await.len(), 1);
}

pub async fn no_message_is_taken_before_a_test_or_without_a_service(store: Shared) {
    let missing = store.enqueue(at(0), message("news", 1)).await;
    assert_eq!(missing, Err(StoreError::NotFound));
    let untested = service("news", "news");
    store.create_service(at(0), untested, None).await.unwrap();
    let refused = store.enqueue(at(0), message("news", 1)).await;
    assert_eq!(refused, Err(StoreError::NotTested));
    assert_eq!(store.message(&mid(1)).await.unwrap(), None);
}

pub async fn a_message_of_a_service_that_cannot_send_is_held_with_the_reason(store: Shared) {
    let mailbox = ready(&store, "news").await;
    let (queued, _) = enqueue(&store, 0, message("news", 1)).await;
    assert_eq!((queued.state, queued.problem), (MessageState::Queued, None));

    store
        .pause_mailbox(at(1), &mailbox, pause(1, 60))
        .await
        .unwrap();
    let (held, _) = enqueue(&store, 2, message("news", 2)).await;
    assert_eq!(held.state, MessageState::Held);
    assert_eq!(held.problem.unwrap().reason, Reason::MailboxBlocked);

    suspend(&store, 3, "news", true).await;
    let (held, _) = enqueue(&store, 4, message("news", 3)).await;
    assert_eq!(held.problem.unwrap().reason, Reason::ServiceSuspended);
}

pub async fn a_repeated_request_answers_known_before_any_check(store: Shared) {
    ready(&store, "news").await;
    let (first, sequence) = enqueue(&store, 0, requested("news", 1, "r-1")).await;
    store.cancel_message(at(1), &mid(1)).await.unwrap();
    store
        .delete_service(at(2), &svc("news"), None, false)
        .await
        .unwrap();

    let mut changed = requested("news", 2, "r-1");
    changed.message.content_digest = [9; 32];
    match store.enqueue(at(3), changed).await.unwrap() {
        Enqueued::Known {
            message,
            sequence: place,
        } => {
            assert_eq!((message.id, message.content_digest), (first.id, [0; 32]));
            assert_eq!(message.state, MessageState::Cancelled, "as it is now");
            assert_eq!(place, sequence + 2, "its newest event");
        }
        other => panic!("{other:?}"),
    }
    let known = store.request(&svc("news"), &parse("r-1")).await.unwrap();
    assert_eq!(known.unwrap().0.id, mid(1));
    let unknown = store.request(&svc("news"), &parse("r-2")).await.unwrap();
    assert_eq!(unknown, None);
    assert_eq!(store.message(&mid(2)).await.unwrap(), None);
}

pub async fn one_request_at_a_time_wins_among_many(store: Shared) {
    ready(&store, "news").await;
    let tasks: Vec<_> = (1..33)
        .map(|n| {
            let store = store.clone();
            let new = requested("news", n, "r-1");
            tokio::spawn(async move { store.enqueue(at(0), new).await.unwrap() })
        })
        .collect();
    let (mut accepted, mut ids) = (0, Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            Enqueued::Accepted { message, .. } => {
                accepted += 1;
                ids.push(message.id);
            }
            Enqueued::Known { message, .. } => ids.push(message.id),
        }
    }
    ids.dedup();
    assert_eq!((accepted, ids.len()), (1, 1));
}

pub async fn a_request_id_belongs_to_its_service(store: Shared) {
    ready(&store, "svc-a").await;
    ready(&store, "svc-b").await;
    enqueue(&store, 0, requested("svc-a", 1, "r-1")).await;
    enqueue(&store, 0, requested("svc-b", 2, "r-1")).await;
}

pub async fn the_place_of_acceptance_is_before_the_first_event(store: Shared) {
    ready(&store, "news").await;
    let (accepted, sequence) = enqueue(&store, 0, message("news", 1)).await;
    let events = events(&store, sequence).await;
    let first = message_changes(&events)[0];
    assert_eq!(first.message.id, accepted.id);
    assert_eq!(first.previous_state, None);
    assert!(first.recipients.is_empty() && first.attempt.is_none());
    assert_eq!(events[0].sequence, sequence + 1);
}

pub async fn messages_are_listed_newest_first_without_loss_or_repetition(store: Shared) {
    ready(&store, "news").await;
    for n in [3, 1, 7, 5, 2, 6, 4] {
        enqueue(&store, 0, to_many(message("news", n), 2)).await;
    }
    claim(&store, 0).await;
    let (mut seen, mut after) = (Vec::<MessageId>::new(), None);
    loop {
        let filter = MessageFilter::default();
        let page = store.messages(&filter, after.as_ref(), 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.message.id.clone());
        for (full, sequence) in page {
            assert_eq!((full.recipients.len(), full.attempts.len()), (2, 0));
            let (_, newest) = store.message(&full.message.id).await.unwrap().unwrap();
            assert_eq!(sequence, newest);
            seen.push(full.message.id);
        }
        // What arrives meanwhile is newer than every page to come.
        enqueue(&store, 0, message("news", 100 + seen.len() as u32)).await;
    }
    assert_eq!(seen, (1..8).rev().map(mid).collect::<Vec<_>>());
}

pub async fn messages_are_filtered_by_every_condition(store: Shared) {
    ready(&store, "svc-a").await;
    ready(&store, "svc-b").await;
    let mut first = requested("svc-a", 1, "r-1");
    first.message.labels = labels("kind", "bill");
    first.message.create_time = at(10);
    enqueue(&store, 10, first).await;
    let mut second = requested("svc-b", 2, "r-2");
    second.message.create_time = at(20);
    enqueue(&store, 20, second).await;
    store.cancel_message(at(21), &mid(2)).await.unwrap();

    let found = async |filter: MessageFilter| -> Vec<MessageId> {
        let rows = store.messages(&filter, None, 9).await.unwrap();
        rows.into_iter().map(|(full, _)| full.message.id).collect()
    };
    let none = MessageFilter::default;
    let both = [mid(2), mid(1)];
    assert_eq!(found(none()).await, both);
    let cases = [
        (
            MessageFilter {
                service_ids: vec![svc("svc-a")],
                ..none()
            },
            vec![mid(1)],
        ),
        (
            MessageFilter {
                states: vec![MessageState::Cancelled, MessageState::Sent],
                ..none()
            },
            vec![mid(2)],
        ),
        (
            MessageFilter {
                labels: labels("kind", "bill"),
                ..none()
            },
            vec![mid(1)],
        ),
        (
            MessageFilter {
                request_id: Some(parse("r-2")),
                ..none()
            },
            vec![mid(2)],
        ),
        (
            MessageFilter {
                created_after: Some(at(10)),
                created_before: Some(at(20)),
                ..none()
            },
            vec![mid(1)],
        ),
        (
            MessageFilter {
                created_after: Some(at(20)),
                service_ids: vec![svc("svc-a"), svc("svc-b")],
                ..none()
            },
            vec![mid(2)],
        ),
        (
            MessageFilter {
                states: vec![MessageState::Cancelled],
                service_ids: vec![svc("svc-a")],
                ..none()
            },
            vec![],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(filter.clone()).await, expected, "{filter:?}");
    }
}

pub async fn a_cancelled_message_ends_and_loses_its_body(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, to_many(message("news", 1), 2)).await;
    let before = newest(&store).await;
    store.cancel_message(at(5), &mid(1)).await.unwrap();
    let full = full(&store, 1).await;
    assert_eq!(full.message.state, MessageState::Cancelled);
    assert_eq!(full.message.end_time, Some(at(5)));
    assert!(full.message.body_key.is_empty());
    assert_eq!(store.body(&mid(1)).await.unwrap(), None);
    for recipient in &full.recipients {
        assert_eq!(recipient.outcome, Outcome::Cancelled);
        assert_eq!(recipient.update_time, at(5));
    }
    let events = events(&store, before).await;
    let change = message_changes(&events)[0];
    assert_eq!(change.recipients, full.recipients);
    assert!(claim(&store, 9).await.is_empty());
    assert_eq!(store.expire_due(at(999_999), 9).await, Ok(0));
}

pub async fn cancelling_twice_is_cancelling_once(store: Shared) {
    ready(&store, "news").await;
    suspend(&store, 0, "news", true).await;
    enqueue(&store, 0, message("news", 1)).await;
    assert_eq!(state(&store, 1).await, MessageState::Held);
    store.cancel_message(at(1), &mid(1)).await.unwrap();
    let before = newest(&store).await;
    store.cancel_message(at(2), &mid(1)).await.unwrap();
    assert_eq!(newest(&store).await, before);
    assert_eq!(full(&store, 1).await.message.end_time, Some(at(1)));
}

pub async fn what_is_sent_or_being_sent_is_not_cancelled(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let claim = claim_one(&store, 0).await;
    let refused = store.cancel_message(at(1), &mid(1)).await;
    assert_eq!(refused, Err(StoreError::WrongState(MessageState::Sending)));
    let ends = [
        (Outcome::Accepted, MessageState::Sent),
        (Outcome::Refused, MessageState::Failed),
        (Outcome::Uncertain, MessageState::Uncertain),
    ];
    store.finish(at(1), &claim, accepted(&claim)).await.unwrap();
    for (n, (outcome, ends_as)) in (2..).zip(ends) {
        enqueue(&store, 2, message("news", n)).await;
        let claim = claim_one(&store, 2).await;
        let finished = ended(&claim, outcome);
        store.finish(at(3), &claim, finished).await.unwrap();
        let refused = store.cancel_message(at(4), &mid(n)).await;
        assert_eq!(refused, Err(StoreError::WrongState(ends_as)));
    }
}

pub async fn a_message_is_cancelled_or_claimed_but_never_both(store: Shared) {
    ready(&store, "news").await;
    for n in 1..40 {
        enqueue(&store, 0, message("news", n)).await;
        let (one, two) = (store.clone(), store.clone());
        let cancel = tokio::spawn(async move { one.cancel_message(at(1), &mid(n)).await });
        let claims = tokio::spawn(async move { two.claim_due(at(1), 9).await.unwrap() });
        let (cancelled, claims) = (cancel.await.unwrap(), claims.await.unwrap());
        match claims.first() {
            None => {
                assert_eq!(cancelled, Ok(()));
                assert_eq!(state(&store, n).await, MessageState::Cancelled);
            }
            Some(claimed) => {
                let sending = StoreError::WrongState(MessageState::Sending);
                assert_eq!(cancelled, Err(sending));
                let claim = &claimed.claim;
                store.finish(at(1), claim, accepted(claim)).await.unwrap();
            }
        }
    }
}

pub async fn events_carry_no_body_key(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    claim_one(&store, 0).await;
    assert_eq!(full(&store, 1).await.message.body_key, [1, 2, 3]);
    let events = events(&store, 0).await;
    let changes = message_changes(&events);
    assert!(changes.iter().all(|c| c.message.body_key.is_empty()));
}
