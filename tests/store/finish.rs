//! Promises about how a transaction ends.

use mailwright::model::message::{Claim, Finished, MailboxVerdict, Next, Outcome};
use mailwright::model::service::ServiceState;
use mailwright::model::state::MessageState;
use mailwright::model::{Phase, Reason, Reply};
use mailwright::store::{Resolution, StoreError};

use crate::fixtures::*;

/// A claim of the first message, which has so many recipients.
async fn claimed(store: &Shared, recipients: u32) -> Claim {
    ready(store, "news").await;
    enqueue(store, 0, to_many(message("news", 1), recipients)).await;
    claim_one(store, 0).await
}

fn hold(claim: &Claim) -> Finished {
    let paused = MailboxVerdict::Silent;
    with_verdict(deferred(claim, 5, false), paused, Next::Hold)
}

pub async fn accepted_mail_is_sent_and_its_body_goes(store: Shared) {
    let claim = claimed(&store, 2).await;
    let before = newest(&store).await;
    store.finish(at(5), &claim, accepted(&claim)).await.unwrap();
    let full = full(&store, 1).await;
    assert_eq!(full.message.state, MessageState::Sent);
    assert_eq!(full.message.end_time, Some(at(5)));
    assert!(full.message.body_key.is_empty());
    assert_eq!(store.body(&mid(1)).await.unwrap(), None);
    let attempt = &full.attempts[0];
    assert_eq!(
        (attempt.end_time, attempt.phase),
        (Some(at(5)), Phase::Finished)
    );
    assert_eq!(attempt.reply, Some(Reply::new(250, "said so")));
    assert!(
        full.recipients
            .iter()
            .all(|r| r.outcome == Outcome::Accepted)
    );

    let events = events(&store, before).await;
    let change = message_changes(&events)[0];
    assert_eq!(change.previous_state, Some(MessageState::Sending));
    assert_eq!(change.recipients, full.recipients);
    assert_eq!(change.attempt.as_ref(), Some(attempt));
    let row = store.service(&svc("news")).await.unwrap().unwrap();
    assert_eq!(row.pending_messages, 0);
}

pub async fn outcomes_decide_the_state(store: Shared) {
    use Outcome::{Accepted, Refused, Uncertain};
    ready(&store, "news").await;
    let cases = [
        ([Accepted, Accepted], MessageState::Sent, false),
        ([Accepted, Refused], MessageState::Partial, true),
        ([Refused, Refused], MessageState::Failed, true),
        ([Accepted, Uncertain], MessageState::Uncertain, true),
    ];
    for (n, (outcomes, expected, body_stays)) in (1..).zip(cases) {
        enqueue(&store, 0, to_many(message("news", n), 2)).await;
        let claim = claim_one(&store, 0).await;
        let mut finished = ended(&claim, Refused);
        for (result, outcome) in finished.recipients.iter_mut().zip(outcomes) {
            result.outcome = outcome;
        }
        store.finish(at(1), &claim, finished).await.unwrap();
        assert_eq!(state(&store, n).await, expected);
        let body = store.body(&mid(n)).await.unwrap();
        assert_eq!(body.is_some(), body_stays, "{expected:?}");
    }
}

pub async fn a_deferred_message_is_due_again_at_its_time(store: Shared) {
    let claim = claimed(&store, 1).await;
    store
        .finish(at(5), &claim, deferred(&claim, 65, true))
        .await
        .unwrap();
    let full = full(&store, 1).await;
    assert_eq!(full.message.state, MessageState::Queued);
    assert_eq!(full.message.next_attempt_time, at(65));
    assert_eq!(full.recipients[0].outcome, Outcome::Pending);
    assert_eq!(full.recipients[0].reply, Some(Reply::new(451, "said so")));
    assert!(super::fixtures::claim(&store, 5).await.is_empty());
    assert_eq!(next_due(&store, 5).await, Some(at(65)));
    assert_eq!(store.body(&mid(1)).await.unwrap(), Some(sealed("body")));
}

pub async fn a_deferral_counts_only_where_it_spends(store: Shared) {
    let mut claim = claimed(&store, 1).await;
    for (spends, expected) in [(true, 1), (false, 1), (true, 2)] {
        let finished = deferred(&claim, 5, spends);
        store.finish(at(5), &claim, finished).await.unwrap();
        assert_eq!(full(&store, 1).await.message.deferrals, expected);
        claim = claim_one(&store, 5).await;
    }
}

pub async fn only_changed_recipients_are_reported(store: Shared) {
    let claim = claimed(&store, 3).await;
    let before = newest(&store).await;
    let mut finished = deferred(&claim, 9, true);
    finished.recipients.remove(0);
    finished.recipients[0].outcome = Outcome::Accepted;
    store.finish(at(5), &claim, finished).await.unwrap();
    let full = full(&store, 1).await;
    let events = events(&store, before).await;
    let change = message_changes(&events)[0];
    assert_eq!(change.recipients, full.recipients[1..]);
    assert_eq!(full.recipients[0].update_time, at(0));
    assert_eq!(full.recipients[0].reply, None);
    assert_eq!(claim_one(&store, 9).await.recipients, [0, 2]);
}

pub async fn the_rest_of_the_recipients_is_due_at_once(store: Shared) {
    let mut small = service("news", "news");
    small.config.delivery.recipients_per_message = Some(1);
    create_tested(&store, small).await;
    enqueue(&store, 0, to_many(message("news", 1), 3)).await;
    let first = claim_one(&store, 0).await;
    let mut refused = ended(&first, Outcome::Refused);
    refused.next = Next::At {
        time: at(500),
        spends: true,
    };
    store.finish(at(5), &first, refused).await.unwrap();
    let message = full(&store, 1).await.message;
    assert_eq!((message.next_attempt_time, message.deferrals), (at(5), 0));
    let second = claim_one(&store, 5).await;
    assert_eq!(second.recipients, [1]);
    let later = deferred(&second, 500, true);
    store.finish(at(6), &second, later).await.unwrap();
    let message = full(&store, 1).await.message;
    assert_eq!((message.next_attempt_time, message.deferrals), (at(500), 1));
}

pub async fn a_message_past_its_expire_time_expires(store: Shared) {
    ready(&store, "news").await;
    let mut short = to_many(message("news", 1), 2);
    short.message.expire_time = at(10);
    enqueue(&store, 0, short).await;
    let claim = claim_one(&store, 0).await;
    assert_eq!(store.expire_due(at(10), 9).await, Ok(0), "it is SENDING");
    let mut finished = deferred(&claim, 20, true);
    finished.recipients[0].outcome = Outcome::Accepted;
    store.finish(at(10), &claim, finished).await.unwrap();
    let full = full(&store, 1).await;
    assert_eq!(full.message.state, MessageState::Expired);
    assert_eq!(full.message.end_time, Some(at(10)));
    let outcomes: Vec<_> = full.recipients.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Expired]);
    assert!(store.body(&mid(1)).await.unwrap().is_some(), "for a retry");
}

pub async fn a_message_is_held_when_its_service_cannot_send(store: Shared) {
    let claim = claimed(&store, 1).await;
    suspend(&store, 1, "news", true).await;
    store
        .finish(at(5), &claim, deferred(&claim, 65, true))
        .await
        .unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Held);
    suspend(&store, 6, "news", false).await;
    let second = claim_one(&store, 6).await;
    suspend(&store, 7, "news", true).await;
    store.finish(at(8), &second, hold(&second)).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Held);
    use MessageState::{Held, Queued, Sending};
    let went = [Queued, Sending, Held, Queued, Sending, Held];
    assert_eq!(history(&store, 1).await, went);
}

pub async fn a_hold_that_came_too_late_is_due_at_once(store: Shared) {
    let claim = claimed(&store, 1).await;
    store.finish(at(5), &claim, hold(&claim)).await.unwrap();
    let message = full(&store, 1).await.message;
    assert_eq!(message.state, MessageState::Queued);
    assert_eq!((message.next_attempt_time, message.deferrals), (at(5), 0));
}

pub async fn a_verdict_pauses_the_mailbox(store: Shared) {
    let claim = claimed(&store, 1).await;
    enqueue(&store, 1, message("news", 2)).await;
    let verdict = MailboxVerdict::Paused(pause(5, 5));
    let finished = with_verdict(deferred(&claim, 5, false), verdict, Next::Hold);
    store.finish(at(5), &claim, finished).await.unwrap();
    assert_eq!(service_state(&store, "news").await, ServiceState::Blocked);
    let message = full(&store, 1).await.message;
    assert_eq!(message.state, MessageState::Held);
    assert_eq!(message.problem.unwrap().reason, Reason::MailboxBlocked);
    assert_eq!(
        state(&store, 2).await,
        MessageState::Queued,
        "held when due"
    );
    let row = store.service(&svc("news")).await.unwrap().unwrap();
    let standing = row.pause.unwrap();
    assert_eq!((standing.since, standing.probes), (at(5), 0));
    assert_eq!(standing.probe_time, at(65), "at least the first interval");
    assert!(claim_due_is_empty(&store, 6).await);
    assert_eq!(state(&store, 2).await, MessageState::Held);
}

async fn claim_due_is_empty(store: &Shared, now: i64) -> bool {
    claim(store, now).await.is_empty()
}

pub async fn the_newest_problem_is_shown_until_it_is_sent(store: Shared) {
    let first = claimed(&store, 1).await;
    let mut failed = deferred(&first, 5, true);
    failed.diagnosis = Some(diagnosis(Reason::RateLimited));
    store.finish(at(5), &first, failed).await.unwrap();
    let problem = async || full(&store, 1).await.message.problem.map(|p| p.reason);
    assert_eq!(problem().await, Some(Reason::RateLimited));
    let second = claim_one(&store, 5).await;
    assert_eq!(problem().await, Some(Reason::RateLimited));
    let mut failed = deferred(&second, 6, true);
    failed.diagnosis = None;
    failed.recipients[0].diagnosis = Some(diagnosis(Reason::MailboxFull));
    store.finish(at(6), &second, failed).await.unwrap();
    assert_eq!(problem().await, Some(Reason::MailboxFull));
    let third = claim_one(&store, 6).await;
    store.finish(at(7), &third, accepted(&third)).await.unwrap();
    assert_eq!(problem().await, None);
}

pub async fn a_stale_claim_changes_nothing(store: Shared) {
    let first = claimed(&store, 1).await;
    let again = deferred(&first, 1, true);
    store.finish(at(1), &first, again).await.unwrap();
    let works = accepted(&first);
    assert_eq!(
        store.finish(at(1), &first, works.clone()).await,
        Err(StoreError::Stale)
    );

    claim_one(&store, 1).await;
    let (before, shown) = (newest(&store).await, full(&store, 1).await);
    let paused = MailboxVerdict::Paused(pause(1, 60));
    let finished = with_verdict(works, paused, Next::Hold);
    assert_eq!(
        store.finish(at(2), &first, finished).await,
        Err(StoreError::Stale)
    );
    assert_eq!(full(&store, 1).await, shown);
    assert_eq!(newest(&store).await, before);
    assert_eq!(service_state(&store, "news").await, ServiceState::Ready);
    assert!(store.body(&mid(1)).await.unwrap().is_some());
}

pub async fn a_recipient_outside_of_the_claim_is_refused_whole(store: Shared) {
    let claim = claimed(&store, 1).await;
    let before = newest(&store).await;
    let mut finished = accepted(&claim);
    finished.recipients[0].index = 5;
    finished.mailbox = MailboxVerdict::Paused(pause(1, 60));
    let refused = store.finish(at(1), &claim, finished).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))));
    assert_eq!(state(&store, 1).await, MessageState::Sending);
    assert_eq!(service_state(&store, "news").await, ServiceState::Ready);
    assert_eq!(newest(&store).await, before);
}

pub async fn an_uncertain_recipient_outlives_the_end_of_the_others(store: Shared) {
    ready(&store, "news").await;
    let lost = async |n: u32, now: i64| {
        let mut new = to_many(message("news", n), 2);
        new.message.expire_time = at(10);
        enqueue(&store, 0, new).await;
        let claim = claim_one(&store, 0).await;
        let mut finished = deferred(&claim, now, true);
        finished.recipients[0].outcome = Outcome::Uncertain;
        store.finish(at(now), &claim, finished).await.unwrap();
    };
    lost(1, 5).await;
    assert_eq!(state(&store, 1).await, MessageState::Queued);
    store.cancel_message(at(6), &mid(1)).await.unwrap();
    lost(2, 5).await;
    assert_eq!(store.expire_due(at(10), 9).await, Ok(1));
    lost(3, 5).await;
    suspend(&store, 6, "news", true).await;
    claim(&store, 7).await;
    assert_eq!(state(&store, 3).await, MessageState::Held);
    assert_eq!(store.expire_due(at(10), 9).await, Ok(1));
    suspend(&store, 8, "news", false).await;
    lost(4, 10).await;
    let ends = [
        Outcome::Cancelled,
        Outcome::Expired,
        Outcome::Expired,
        Outcome::Expired,
    ];
    for (n, end) in (1..).zip(ends) {
        let full = full(&store, n).await;
        assert_eq!(full.message.state, MessageState::Uncertain, "{n}");
        assert!(full.message.end_time.is_some());
        let outcomes: Vec<_> = full.recipients.iter().map(|r| r.outcome).collect();
        assert_eq!(outcomes, [Outcome::Uncertain, end]);
        assert!(store.body(&mid(n)).await.unwrap().is_some());
    }
}

pub async fn a_lost_reply_that_nothing_settles_is_uncertain(store: Shared) {
    let lost = async |n: u32| {
        let mut new = to_many(message("news", n), 2);
        new.message.expire_time = at(10);
        enqueue(&store, 0, new).await;
        let claim = claim_one(&store, 0).await;
        let mut finished = deferred(&claim, 5, true);
        finished.uncertain = true;
        // To be sent again, while the other recipient was deferred by a reply of its own.
        finished.recipients[0].diagnosis = Some(diagnosis(Reason::ReplyLost));
        store.finish(at(5), &claim, finished).await.unwrap();
        assert_eq!(state(&store, n).await, MessageState::Queued);
    };
    ready(&store, "news").await;
    lost(1).await;
    store.cancel_message(at(6), &mid(1)).await.unwrap();
    lost(2).await;
    assert_eq!(store.expire_due(at(10), 9).await, Ok(1));
    for (n, end) in [(1, Outcome::Cancelled), (2, Outcome::Expired)] {
        let full = full(&store, n).await;
        assert_eq!(full.message.state, MessageState::Uncertain);
        let outcomes: Vec<_> = full.recipients.iter().map(|r| r.outcome).collect();
        assert_eq!(outcomes, [Outcome::Uncertain, end]);
    }
    // What a person has settled stays settled.
    let word = Resolution::Failed;
    store.resolve_message(at(20), &mid(2), word).await.unwrap();
    store.retry_message(at(21), &mid(2), at(30)).await.unwrap();
    assert_eq!(store.expire_due(at(30), 9).await, Ok(1));
    assert_eq!(state(&store, 2).await, MessageState::Expired);
}
