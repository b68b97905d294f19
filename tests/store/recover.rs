//! Promises about what the next process finds.

use mailwright::model::Reason;
use mailwright::model::message::{Claim, Outcome};
use mailwright::model::service::OnUncertain;
use mailwright::model::state::MessageState;
use mailwright::store::{NewMessage, StoreError};

use crate::fixtures::*;

/// A claim of the first message whose process dies after the dot.
async fn dies_after_the_dot(store: &Shared, new: NewMessage) -> Claim {
    enqueue(store, 0, new).await;
    let claim = claim_one(store, 0).await;
    store.mark_dot(at(1), &claim).await.unwrap();
    store.recover(at(50)).await.unwrap();
    claim
}

fn holding(n: u32) -> NewMessage {
    let mut new = to_many(message("news", n), 2);
    new.message.on_uncertain = OnUncertain::Hold;
    new
}

pub async fn a_transaction_before_its_dot_is_due_again(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, holding(1)).await;
    claim_one(&store, 0).await;
    let before = newest(&store).await;
    store.recover(at(50)).await.unwrap();
    let full = full(&store, 1).await;
    assert_eq!(full.message.state, MessageState::Queued);
    assert_eq!(full.message.next_attempt_time, at(50));
    assert_eq!((full.message.attempts, full.message.deferrals), (1, 0));
    let attempt = &full.attempts[0];
    assert_eq!((attempt.end_time, attempt.uncertain), (Some(at(50)), false));
    assert_eq!(attempt.diagnosis, None);
    let events = events(&store, before).await;
    let change = message_changes(&events)[0];
    assert_eq!(change.previous_state, Some(MessageState::Sending));
    assert_eq!(change.attempt.as_ref(), Some(attempt));
    assert_eq!(claim_one(&store, 50).await.attempt, 2);
}

pub async fn a_transaction_after_its_dot_is_resent_as_uncertain(store: Shared) {
    ready(&store, "news").await;
    dies_after_the_dot(&store, message("news", 1)).await;
    let full = full(&store, 1).await;
    assert_eq!(full.message.state, MessageState::Queued);
    assert!(full.attempts[0].uncertain);
    assert_eq!(full.recipients[0].outcome, Outcome::Pending);
    assert_eq!(claim(&store, 50).await.len(), 1);
    assert!(store.body(&mid(1)).await.unwrap().is_some());
}

pub async fn a_transaction_after_its_dot_waits_for_a_person_where_told_so(store: Shared) {
    ready(&store, "news").await;
    dies_after_the_dot(&store, holding(1)).await;
    let full = full(&store, 1).await;
    assert_eq!(full.message.state, MessageState::Uncertain);
    assert_eq!(full.message.end_time, Some(at(50)));
    assert!(full.attempts[0].uncertain);
    for recipient in &full.recipients {
        assert_eq!(recipient.outcome, Outcome::Uncertain);
    }
    assert!(claim(&store, 99).await.is_empty());
    assert!(store.body(&mid(1)).await.unwrap().is_some());
}

pub async fn recipients_outside_of_an_uncertain_claim_are_still_due(store: Shared) {
    let mut small = service("news", "news");
    small.config.delivery.recipients_per_message = Some(1);
    create_tested(&store, small).await;
    dies_after_the_dot(&store, holding(1)).await;
    assert_eq!(state(&store, 1).await, MessageState::Queued);
    let second = claim_one(&store, 50).await;
    assert_eq!(second.recipients, [1]);
    let finished = accepted(&second);
    store.finish(at(51), &second, finished).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Uncertain);
}

pub async fn the_third_lost_reply_waits_for_a_person_whoever_lost_it(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, to_many(message("news", 1), 2)).await;
    // The server's silence and the end of a process count alike.
    let first = claim_one(&store, 0).await;
    let mut lost = deferred(&first, 1, true);
    lost.uncertain = true;
    store.finish(at(1), &first, lost).await.unwrap();
    for round in 2..4 {
        let claim = claim_one(&store, round).await;
        store.mark_dot(at(round), &claim).await.unwrap();
        assert_eq!(state(&store, 1).await, MessageState::Sending);
        store.recover(at(round)).await.unwrap();
    }
    let full = full(&store, 1).await;
    assert_eq!(full.message.state, MessageState::Uncertain);
    assert_eq!(full.attempts.len(), 3);
    let lost = Reason::ReplyLost;
    for recipient in &full.recipients {
        assert_eq!(recipient.outcome, Outcome::Uncertain);
        assert_eq!(recipient.diagnosis.as_ref().unwrap().reason, lost);
    }
    let attempt = &full.attempts[2];
    assert_eq!(attempt.diagnosis.as_ref().unwrap().reason, lost);
    assert_eq!(full.message.problem.unwrap().reason, lost);

    // A person may have it sent once more, and is asked again where that is lost, too.
    let retried = store.retry_message(at(9), &mid(1), at(999)).await;
    retried.unwrap();
    let claim = claim_one(&store, 9).await;
    store.mark_dot(at(9), &claim).await.unwrap();
    store.recover(at(10)).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Uncertain);
}

pub async fn claims_of_the_dead_process_are_stale(store: Shared) {
    ready(&store, "news").await;
    let dead = dies_after_the_dot(&store, message("news", 1)).await;
    let stale = Err(StoreError::Stale);
    assert_eq!(store.mark_dot(at(51), &dead).await, stale);
    let late = accepted(&dead);
    assert_eq!(
        store.finish(at(51), &dead, late.clone()).await.map(drop),
        stale
    );
    claim_one(&store, 52).await;
    assert_eq!(store.finish(at(53), &dead, late).await.map(drop), stale);
    assert_eq!(state(&store, 1).await, MessageState::Sending);
}

pub async fn refreshes_of_the_dead_process_are_due_again(store: Shared) {
    authorized(&store, "news").await;
    let due = store.claim_refreshes(at(3_000), 9).await.unwrap();
    assert_eq!(due.len(), 1);
    store.recover(at(3_001)).await.unwrap();
    let due = store.claim_refreshes(at(3_001), 9).await.unwrap();
    assert_eq!(due, [svc("news")]);
}
