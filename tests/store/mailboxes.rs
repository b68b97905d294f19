//! Promises about pauses, probes and tests.

use mailwright::model::message::{FullMessage, MailboxVerdict, Next, Outcome, Recipient};
use mailwright::model::service::ServiceState;
use mailwright::model::state::MessageState;
use mailwright::model::{EmailAddress, MailboxKey};

use crate::fixtures::*;

/// Two services on one mailbox, and one on its own.
async fn shared_mailbox(store: &Shared) -> MailboxKey {
    let mailbox = create_tested(store, service("svc-a", "shared")).await;
    create_tested(store, service("svc-b", "shared")).await;
    ready(store, "svc-c").await;
    mailbox
}

async fn pause_at(store: &Shared, now: i64, mailbox: &MailboxKey, probe: i64) {
    store
        .pause_mailbox(at(now), mailbox, pause(now, probe))
        .await
        .unwrap();
}

pub async fn a_pause_blocks_all_services_of_the_mailbox_and_no_others(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    let before = newest(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    for id in ["svc-a", "svc-b"] {
        assert_eq!(service_state(&store, id).await, ServiceState::Blocked);
        let row = store.service(&svc(id)).await.unwrap().unwrap();
        assert_eq!(row.pause, Some(pause(1, 60)));
    }
    assert_eq!(service_state(&store, "svc-c").await, ServiceState::Ready);
    let events = events(&store, before).await;
    let changes = service_changes(&events);
    assert_eq!(changes.len(), 2);
    for change in changes {
        assert_eq!(change.previous_state, Some(ServiceState::Ready));
        assert_eq!(change.pause, Some(pause(1, 60)));
    }
}

pub async fn a_pause_that_stands_keeps_its_since(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    pause_at(&store, 5, &mailbox, 90).await;
    let row = store.service(&svc("svc-a")).await.unwrap().unwrap();
    assert_eq!(row.pause, Some(pause(1, 90)));
}

pub async fn a_pause_goes_when_a_change_ends_it(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    enqueue(&store, 2, message("svc-a", 1)).await;
    enqueue(&store, 2, message("svc-b", 2)).await;
    assert_eq!(state(&store, 1).await, MessageState::Held);
    let before = newest(&store).await;
    let mut change = change_of(&store, "svc-a").await;
    change.try_again = true;
    store.replace_service(at(3), change).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Queued);
    assert_eq!(state(&store, 2).await, MessageState::Queued);
    let events = events(&store, before).await;
    assert_eq!(service_changes(&events).len(), 2, "one for each service");
}

pub async fn a_passed_test_ends_the_pause_and_releases_mail(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    enqueue(&store, 2, message("svc-b", 1)).await;
    let before = newest(&store).await;
    let row = store
        .record_test(at(3), &svc("svc-a"), test(true), None)
        .await
        .unwrap();
    assert_eq!(row.state(), ServiceState::Ready);
    assert!(row.service.tested && row.pause.is_none());
    assert_eq!(state(&store, 1).await, MessageState::Queued);
    let events = events(&store, before).await;
    assert_eq!(service_changes(&events).len(), 2);

    let untested = service("svc-d", "svc-d");
    store.create_service(at(4), untested, None).await.unwrap();
    assert_eq!(
        service_state(&store, "svc-d").await,
        ServiceState::PendingTest
    );
    let row = store
        .record_test(at(5), &svc("svc-d"), test(true), None)
        .await
        .unwrap();
    assert_eq!(row.state(), ServiceState::Ready);
}

pub async fn a_failed_test_changes_only_what_is_shown(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    let before = newest(&store).await;
    let row = store
        .record_test(at(3), &svc("svc-a"), test(false), None)
        .await
        .unwrap();
    assert_eq!(row.state(), ServiceState::Blocked);
    assert_eq!(row.service.last_test, Some(test(false)));
    assert!(row.service.tested, "it has passed before");
    assert_eq!(newest(&store).await, before + 1);
}

pub async fn a_test_message_is_kept_with_its_event(store: Shared) {
    ready(&store, "news").await;
    let mut ended = message("news", 1).message;
    ended.state = MessageState::Sent;
    ended.end_time = Some(at(1));
    ended.body_key.clear();
    let recipient = Recipient {
        address: parse::<EmailAddress>("admin@example.com"),
        outcome: Outcome::Accepted,
        reply: None,
        diagnosis: None,
        update_time: at(1),
    };
    let kept = FullMessage {
        message: ended,
        recipients: vec![recipient],
        attempts: Vec::new(),
    };
    let before = newest(&store).await;
    let row = store
        .record_test(at(1), &svc("news"), test(true), Some(kept.clone()))
        .await
        .unwrap();
    assert_eq!(row.pending_messages, 0);
    let (found, sequence) = store.message(&mid(1)).await.unwrap().unwrap();
    assert_eq!(found, kept);
    let events = events(&store, before).await;
    let change = message_changes(&events)[0];
    assert_eq!(change.previous_state, None);
    assert_eq!((change.recipients.len(), sequence), (1, before + 1));
}

pub async fn a_paused_mailbox_gives_out_one_probe_at_its_time(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    for n in 1..4 {
        enqueue(&store, 2, message("svc-a", n)).await;
    }
    assert!(claim(&store, 59).await.is_empty());
    let before = newest(&store).await;
    let claimed = claim(&store, 60).await;
    assert_eq!(claimed.len(), 1);
    assert!(claimed[0].claim.probe);
    assert_eq!(claimed[0].claim.message_id, mid(1));
    assert!(claimed[0].pause.is_some());
    let events = events(&store, before).await;
    let states: Vec<_> = message_changes(&events)
        .iter()
        .map(|change| (change.previous_state.unwrap(), change.message.state))
        .collect();
    use MessageState::{Held, Queued, Sending};
    assert_eq!(states, [(Held, Queued), (Queued, Sending)]);
}

pub async fn a_probe_in_flight_or_lost_is_not_followed_by_another_at_once(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    enqueue(&store, 2, message("svc-a", 1)).await;
    enqueue(&store, 2, message("svc-b", 2)).await;
    claim_one(&store, 60).await;
    assert!(claim(&store, 9_000).await.is_empty(), "one is in flight");

    store.recover(at(61)).await.unwrap();
    assert!(claim(&store, 61).await.is_empty(), "one was lost just now");
    assert_eq!(state(&store, 1).await, MessageState::Held);
    let again = claim_one(&store, 120).await;
    assert_eq!(again.message_id, mid(2), "held for longer by now");
}

pub async fn a_probe_is_the_longest_held_that_only_the_pause_keeps(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    let mut expired = message("svc-b", 1);
    expired.message.expire_time = at(30);
    enqueue(&store, 2, expired).await;
    enqueue(&store, 3, message("svc-a", 9)).await;
    enqueue(&store, 4, message("svc-b", 3)).await;
    enqueue(&store, 5, message("svc-b", 2)).await;
    suspend(&store, 6, "svc-a", true).await;
    assert_eq!(claim_one(&store, 60).await.message_id, mid(3));
}

pub async fn a_probe_waits_for_the_send_time(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    let mut later = message("svc-a", 1);
    later.message.send_time = at(500);
    enqueue(&store, 2, later).await;
    assert!(claim(&store, 499).await.is_empty());
    assert_eq!(next_due(&store, 60).await, Some(at(500)));
    assert!(claim_one(&store, 500).await.probe);
}

pub async fn a_probe_that_works_releases_the_mail_of_all_services(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    enqueue(&store, 2, message("svc-a", 1)).await;
    enqueue(&store, 2, message("svc-a", 2)).await;
    enqueue(&store, 2, message("svc-b", 3)).await;
    let probe = claim_one(&store, 60).await;
    store
        .finish(at(61), &probe, accepted(&probe))
        .await
        .unwrap();
    assert_eq!(service_state(&store, "svc-b").await, ServiceState::Ready);
    assert_eq!(state(&store, 1).await, MessageState::Sent);
    assert_eq!(claim(&store, 61).await.len(), 2);
}

pub async fn a_failed_probe_waits_longer(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    enqueue(&store, 2, message("svc-a", 1)).await;
    let mut now = 60;
    for probes in 1..9 {
        let probe = claim_one(&store, now).await;
        let failed = with_verdict(
            deferred(&probe, now, false),
            MailboxVerdict::Paused(pause(now, now)),
            Next::Hold,
        );
        store.finish(at(now), &probe, failed).await.unwrap();
        assert_eq!(state(&store, 1).await, MessageState::Held);
        let row = store.service(&svc("svc-a")).await.unwrap().unwrap();
        let standing = row.pause.unwrap();
        let wait = 60 * (1 << probes.min(6)).min(60);
        assert_eq!((standing.since, standing.probes), (at(1), probes));
        assert_eq!(standing.probe_time, at(now + wait));
        assert!(claim(&store, now + wait - 1).await.is_empty());
        now += wait;
    }
    let probe = claim_one(&store, now).await;
    let tomorrow = with_verdict(
        deferred(&probe, now, false),
        MailboxVerdict::Paused(pause(now, now + 86_400)),
        Next::Hold,
    );
    store.finish(at(now), &probe, tomorrow).await.unwrap();
    let row = store.service(&svc("svc-a")).await.unwrap().unwrap();
    assert_eq!(row.pause.unwrap().probe_time, at(now + 86_400));
    assert_eq!(full(&store, 1).await.message.deferrals, 0);
}

pub async fn a_service_that_moves_leaves_the_pause_behind(store: Shared) {
    let mailbox = shared_mailbox(&store).await;
    pause_at(&store, 1, &mailbox, 60).await;
    enqueue(&store, 2, message("svc-a", 1)).await;
    let mut change = change_of(&store, "svc-a").await;
    change.service.config.auth = service("svc-a", "elsewhere").config.auth;
    let row = store.replace_service(at(3), change).await.unwrap();
    assert_eq!((row.state(), row.pause), (ServiceState::Ready, None));
    assert_eq!(state(&store, 1).await, MessageState::Queued);
    assert_eq!(service_state(&store, "svc-b").await, ServiceState::Blocked);
}
