//! Promises about what a person does with messages that have ended.

use mailwright::model::message::{Claim, Finished, FullMessage, Next, Outcome};
use mailwright::model::service::ServiceState;
use mailwright::model::state::MessageState;
use mailwright::model::{Reason, RequestId, Timestamp};
use mailwright::store::{Enqueued, Resolution, StoreError};

use crate::fixtures::*;

use Outcome::{Accepted, Cancelled, Pending, Refused, Uncertain};

const LATER: i64 = 500_000;

/// An end with these outcomes, in the order of the claim's recipients.
fn with(claim: &Claim, outcomes: &[Outcome]) -> Finished {
    let mut finished = ended(claim, Refused);
    finished.next = Next::At {
        time: at(60),
        spends: true,
    };
    for (result, outcome) in finished.recipients.iter_mut().zip(outcomes) {
        result.outcome = *outcome;
        if *outcome == Accepted {
            result.diagnosis = None;
        }
    }
    finished
}

/// The n-th message, once its only transaction has ended so at 5.
async fn ends(store: &Shared, n: u32, outcomes: &[Outcome]) {
    let recipients = u32::try_from(outcomes.len()).unwrap();
    enqueue(store, 0, to_many(message("news", n), recipients)).await;
    let claim = claim_one(store, 0).await;
    let finished = with(&claim, outcomes);
    store.finish(at(5), &claim, finished).await.unwrap();
}

async fn retry(store: &Shared, now: i64, n: u32) -> Result<(), StoreError> {
    let retried = store.retry_message(at(now), &mid(n), at(LATER)).await;
    told_as_it_is(store, retried).await
}

async fn resolve(store: &Shared, now: i64, n: u32, as_sent: bool) -> Result<(), StoreError> {
    let word = match as_sent {
        true => Resolution::Sent,
        false => Resolution::Failed,
    };
    let resolved = store.resolve_message(at(now), &mid(n), word).await;
    told_as_it_is(store, resolved).await
}

async fn told_as_it_is(
    store: &Shared,
    told: Result<(FullMessage, u64), StoreError>,
) -> Result<(), StoreError> {
    let told = told?;
    let id = told.0.message.id.clone();
    assert_eq!(store.message(&id).await.unwrap().unwrap(), told);
    Ok(())
}

async fn outcomes(store: &Shared, n: u32) -> Vec<Outcome> {
    let full = full(store, n).await;
    full.recipients.iter().map(|r| r.outcome).collect()
}

pub async fn what_has_ended_without_all_is_queued_again_for_the_others(store: Shared) {
    ready(&store, "news").await;
    for (n, given) in (1..).zip([
        [Refused, Refused],
        [Accepted, Refused],
        [Accepted, Uncertain],
    ]) {
        ends(&store, n, &given).await;
        let before = (full(&store, n).await, newest(&store).await);
        retry(&store, 9, n).await.unwrap();
        let full = full(&store, n).await;
        let message = &full.message;
        assert_eq!(message.state, MessageState::Queued);
        assert_eq!(
            (message.next_attempt_time, message.expire_time),
            (at(9), at(LATER))
        );
        assert_eq!((message.end_time, message.deferrals), (None, 0));
        assert_eq!(message.attempts, 1, "numbers are not used again");
        assert_eq!(full.attempts, before.0.attempts);
        let again = given.map(|outcome| match outcome {
            Accepted => Accepted,
            _ => Pending,
        });
        assert_eq!(outcomes(&store, n).await, again);
        let events = events(&store, before.1).await;
        let changes = message_changes(&events);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].previous_state, Some(before.0.message.state));
        let changed = again.iter().filter(|outcome| **outcome == Pending).count();
        assert_eq!(changes[0].recipients.len(), changed);
        let refused = retry(&store, 10, n).await;
        assert_eq!(refused, Err(StoreError::WrongState(MessageState::Queued)));
    }
    let claimed = claim(&store, 10).await;
    assert_eq!(claimed.len(), 3);
    assert!(claimed.iter().all(|claimed| claimed.claim.attempt == 2));
    let row = store.service(&svc("news")).await.unwrap().unwrap();
    assert_eq!(row.pending_messages, 3);
}

pub async fn a_retried_message_that_cannot_be_sent_is_held(store: Shared) {
    ready(&store, "news").await;
    ends(&store, 1, &[Refused]).await;
    suspend(&store, 6, "news", true).await;
    retry(&store, 9, 1).await.unwrap();
    let message = full(&store, 1).await.message;
    assert_eq!(message.state, MessageState::Held);
    assert_eq!(message.problem.unwrap().reason, Reason::ServiceSuspended);
    suspend(&store, 10, "news", false).await;
    use MessageState::{Failed, Held, Queued, Sending};
    let went = [Queued, Sending, Failed, Queued, Held, Queued];
    assert_eq!(history(&store, 1).await, went);
    assert_eq!(claim_one(&store, 10).await.recipients, [0]);
}

pub async fn what_can_not_be_retried_says_why(store: Shared) {
    ready(&store, "news").await;
    let missing = store.retry_message(at(1), &mid(77), at(LATER)).await;
    assert_eq!(missing, Err(StoreError::NotFound));
    enqueue(&store, 0, message("news", 1)).await;
    let refused = retry(&store, 1, 1).await;
    assert_eq!(refused, Err(StoreError::WrongState(MessageState::Queued)));
    store.cancel_message(at(1), &mid(1)).await.unwrap();
    let refused = retry(&store, 2, 1).await;
    assert_eq!(
        refused,
        Err(StoreError::WrongState(MessageState::Cancelled))
    );
    ends(&store, 2, &[Accepted]).await;
    let refused = retry(&store, 6, 2).await;
    assert_eq!(refused, Err(StoreError::WrongState(MessageState::Sent)));

    ends(&store, 3, &[Refused]).await;
    let mut test_message = full(&store, 3).await;
    test_message.message.id = mid(4);
    test_message.message.body_key.clear();
    let id = svc("news");
    let kept = store.record_test(at(6), &id, test(false), Some(test_message));
    kept.await.unwrap();
    let refused = retry(&store, 7, 4).await;
    assert!(matches!(refused, Err(StoreError::CannotRetry(why)) if why.contains("bytes")));
    store.delete_service(at(8), &id, None, false).await.unwrap();
    let refused = retry(&store, 9, 3).await;
    assert!(matches!(refused, Err(StoreError::CannotRetry(why)) if why.contains("deleted")));
    assert_eq!(state(&store, 3).await, MessageState::Failed);
}

pub async fn a_retried_message_is_claimed_expires_and_settles_like_a_new_one(store: Shared) {
    ready(&store, "news").await;
    let mut short = to_many(message("news", 1), 2);
    short.message.expire_time = at(10);
    enqueue(&store, 0, short).await;
    let claim = claim_one(&store, 0).await;
    let finished = with(&claim, &[Accepted, Pending]);
    store.finish(at(1), &claim, finished).await.unwrap();
    store.expire_due(at(10), 9).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Expired);
    store.retry_message(at(20), &mid(1), at(30)).await.unwrap();
    assert_eq!(outcomes(&store, 1).await, [Accepted, Pending]);
    assert_eq!(next_due(&store, 20).await, Some(at(30)));
    store.trim(at(25), at(25), at(25)).await.unwrap();
    assert_eq!(
        state(&store, 1).await,
        MessageState::Queued,
        "it has not ended"
    );
    assert_eq!(store.expire_due(at(30), 9).await, Ok(1));
    assert_eq!(full(&store, 1).await.message.end_time, Some(at(30)));

    retry(&store, 40, 1).await.unwrap();
    let second = claim_one(&store, 40).await;
    assert_eq!((second.attempt, &second.recipients[..]), (2, &[1][..]));
    store
        .finish(at(41), &second, accepted(&second))
        .await
        .unwrap();
    let message = full(&store, 1).await.message;
    assert_eq!((message.state, message.problem), (MessageState::Sent, None));
    store.trim(at(99), at(41), at(0)).await.unwrap();
    assert_eq!(
        state(&store, 1).await,
        MessageState::Sent,
        "ended at this very time"
    );
    store.trim(at(99), at(42), at(0)).await.unwrap();
    assert_eq!(store.message(&mid(1)).await.unwrap(), None);
}

async fn known(store: &Shared, request: &RequestId) -> Option<mailwright::model::MessageId> {
    let found = store.request(&svc("news"), request).await.unwrap();
    found.map(|(message, _)| message.id)
}

pub async fn a_retried_message_is_known_by_its_request_id_again(store: Shared) {
    ready(&store, "news").await;
    let request: RequestId = parse("r-1");
    let mut new = message("news", 1);
    new.message.request_id = Some(request.clone());
    enqueue(&store, 0, new).await;
    let claim = claim_one(&store, 0).await;
    store
        .finish(at(5), &claim, ended(&claim, Refused))
        .await
        .unwrap();
    let trim = async |before: Timestamp| store.trim(at(99), at(0), before).await.unwrap();
    trim(at(50)).await;
    assert_eq!(known(&store, &request).await, None);
    retry(&store, 60, 1).await.unwrap();
    trim(at(90)).await;
    assert_eq!(known(&store, &request).await, Some(mid(1)), "until it ends");
    store.cancel_message(at(91), &mid(1)).await.unwrap();
    trim(at(92)).await;
    assert_eq!(known(&store, &request).await, None);
}

pub async fn a_request_id_that_has_another_message_stays_with_it(store: Shared) {
    ready(&store, "news").await;
    let request: RequestId = parse("r-1");
    let mut new = message("news", 1);
    new.message.request_id = Some(request.clone());
    enqueue(&store, 0, new.clone()).await;
    let claim = claim_one(&store, 0).await;
    store
        .finish(at(5), &claim, ended(&claim, Refused))
        .await
        .unwrap();
    store.trim(at(50), at(0), at(50)).await.unwrap();
    new.message.id = mid(2);
    let accepted = store.enqueue(at(60), new).await.unwrap();
    assert!(matches!(accepted, Enqueued::Accepted { .. }));
    retry(&store, 70, 1).await.unwrap();
    assert_eq!(known(&store, &request).await, Some(mid(2)));
    store.cancel_message(at(71), &mid(1)).await.unwrap();
    store.trim(at(99), at(72), at(0)).await.unwrap();
    assert_eq!(store.message(&mid(1)).await.unwrap(), None);
    assert_eq!(known(&store, &request).await, Some(mid(2)));
}

pub async fn what_was_cancelled_is_not_sent_again(store: Shared) {
    ready(&store, "news").await;
    ends(&store, 1, &[Uncertain, Pending]).await;
    store.cancel_message(at(6), &mid(1)).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Uncertain);
    retry(&store, 7, 1).await.unwrap();
    assert_eq!(outcomes(&store, 1).await, [Pending, Cancelled]);
    let claim = claim_one(&store, 7).await;
    assert_eq!(claim.recipients, [0]);
    store.finish(at(8), &claim, accepted(&claim)).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Partial);
    let refused = retry(&store, 9, 1).await;
    assert!(
        matches!(refused, Err(StoreError::CannotRetry(_))),
        "{refused:?}"
    );
}

pub async fn a_persons_word_ends_an_uncertain_message(store: Shared) {
    use MessageState::{Failed, Partial, Sent};
    ready(&store, "news").await;
    for (n, (given, as_sent, then)) in (1..).zip([
        ([Uncertain, Uncertain], true, Sent),
        ([Uncertain, Accepted], true, Sent),
        ([Uncertain, Refused], true, Partial),
        ([Uncertain, Accepted], false, Partial),
        ([Uncertain, Refused], false, Failed),
    ]) {
        ends(&store, n, &given).await;
        let before = newest(&store).await;
        resolve(&store, 9, n, as_sent).await.unwrap();
        let full = full(&store, n).await;
        assert_eq!(full.message.state, then);
        assert_eq!(full.message.end_time, Some(at(9)));
        let decided = &full.recipients[0];
        match as_sent {
            true => assert_eq!((decided.outcome, &decided.diagnosis), (Accepted, &None)),
            false => {
                let why = decided.diagnosis.as_ref().unwrap().reason;
                assert_eq!((decided.outcome, why), (Refused, Reason::ReplyLost));
            }
        }
        assert_eq!(full.message.problem.is_some(), then != Sent);
        let events = events(&store, before).await;
        let changes = message_changes(&events);
        assert_eq!(changes[0].previous_state, Some(MessageState::Uncertain));
        assert!(changes[0].attempt.is_none());
    }
}

pub async fn a_message_resolved_as_sent_loses_its_body_and_others_keep_it(store: Shared) {
    ready(&store, "news").await;
    for n in [1, 2] {
        ends(&store, n, &[Uncertain]).await;
        assert!(store.body(&mid(n)).await.unwrap().is_some());
    }
    resolve(&store, 6, 1, true).await.unwrap();
    assert_eq!(store.body(&mid(1)).await.unwrap(), None);
    assert!(full(&store, 1).await.message.body_key.is_empty());
    resolve(&store, 6, 2, false).await.unwrap();
    assert_eq!(store.body(&mid(2)).await.unwrap(), Some(sealed("body")));
    retry(&store, 7, 2).await.unwrap();
    assert_eq!(claim(&store, 7).await.len(), 1);
}

pub async fn resolving_twice_is_resolving_once(store: Shared) {
    ready(&store, "news").await;
    for (n, as_sent) in [(1, true), (2, false)] {
        ends(&store, n, &[Uncertain, Refused]).await;
        resolve(&store, 6, n, as_sent).await.unwrap();
        let before = (newest(&store).await, full(&store, n).await);
        resolve(&store, 7, n, as_sent).await.unwrap();
        assert_eq!((newest(&store).await, full(&store, n).await), before);
        let other = resolve(&store, 8, n, !as_sent).await;
        let state = before.1.message.state;
        assert_eq!(other, Err(StoreError::WrongState(state)));
    }
}

pub async fn only_what_is_uncertain_is_resolved(store: Shared) {
    use MessageState::{Failed, Queued, Sending, Sent};
    ready(&store, "news").await;
    let missing = resolve(&store, 1, 77, true).await;
    assert_eq!(missing, Err(StoreError::NotFound));
    for as_sent in [true, false] {
        let n = 10 + u32::from(as_sent);
        ends(&store, n, &[Accepted]).await;
        let refused = resolve(&store, 6, n, as_sent).await;
        assert_eq!(refused, Err(StoreError::WrongState(Sent)));
        ends(&store, n + 10, &[Refused]).await;
        let refused = resolve(&store, 6, n + 10, as_sent).await;
        assert_eq!(refused, Err(StoreError::WrongState(Failed)));
    }
    ends(&store, 1, &[Uncertain]).await;
    resolve(&store, 6, 1, false).await.unwrap();
    retry(&store, 7, 1).await.unwrap();
    let refused = resolve(&store, 8, 1, false).await;
    assert_eq!(refused, Err(StoreError::WrongState(Queued)));
    claim_one(&store, 8).await;
    let refused = resolve(&store, 9, 1, false).await;
    assert_eq!(refused, Err(StoreError::WrongState(Sending)));
}

pub async fn an_uncertain_message_waits_however_long_it_takes(store: Shared) {
    ready(&store, "news").await;
    let request: RequestId = parse("r-1");
    let mut new = message("news", 1);
    new.message.request_id = Some(request.clone());
    enqueue(&store, 0, new).await;
    let claim = claim_one(&store, 0).await;
    let finished = ended(&claim, Uncertain);
    store.finish(at(5), &claim, finished).await.unwrap();
    let long_after = at(99_999_999);
    store
        .trim(long_after, long_after, long_after)
        .await
        .unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Uncertain);
    assert_eq!(store.body(&mid(1)).await.unwrap(), Some(sealed("body")));
    assert_eq!(
        known(&store, &request).await,
        Some(mid(1)),
        "a repeat sends nothing"
    );
    assert_eq!(store.expire_due(long_after, 9).await, Ok(0));

    let resolved_at = 100_000_000;
    resolve(&store, resolved_at, 1, false).await.unwrap();
    let keep = at(resolved_at);
    store.trim(keep, keep, at(0)).await.unwrap();
    assert_eq!(
        state(&store, 1).await,
        MessageState::Failed,
        "kept from here on"
    );
    store.trim(keep, at(resolved_at + 1), at(0)).await.unwrap();
    assert_eq!(store.message(&mid(1)).await.unwrap(), None);
    assert_eq!(known(&store, &request).await, None);
}

pub async fn a_deleted_service_leaves_its_uncertain_messages_to_be_resolved(store: Shared) {
    ready(&store, "news").await;
    ends(&store, 1, &[Uncertain]).await;
    ends(&store, 2, &[Uncertain, Pending]).await;
    let id = svc("news");
    let refused = store.delete_service(at(6), &id, None, false).await;
    assert_eq!(
        refused,
        Err(StoreError::PendingMail(1)),
        "the second is due again"
    );
    store.delete_service(at(6), &id, None, true).await.unwrap();
    assert_eq!(outcomes(&store, 2).await, [Uncertain, Cancelled]);
    assert_eq!(state(&store, 2).await, MessageState::Uncertain);
    let refused = retry(&store, 7, 1).await;
    assert!(
        matches!(refused, Err(StoreError::CannotRetry(_))),
        "{refused:?}"
    );
    store.trim(at(9_999), at(9_999), at(9_999)).await.unwrap();
    let taken = store
        .create_service(at(8), service("news", "news"), None)
        .await;
    assert_eq!(taken, Err(StoreError::Exists), "its messages are kept");
    resolve(&store, 10, 1, false).await.unwrap();
    resolve(&store, 10, 2, true).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Failed);
    assert_eq!(state(&store, 2).await, MessageState::Partial);
    store.trim(at(9_999), at(9_999), at(9_999)).await.unwrap();
    let free = store
        .create_service(at(11), service("news", "news"), None)
        .await;
    assert_eq!(free, Ok(()));
    assert_eq!(
        service_state(&store, "news").await,
        ServiceState::PendingTest
    );
}
