//! Promises about what makes a mailbox pause, or its tenant, and what ends that.

use mailwright::model::message::{Claim, Finished, MailboxVerdict, Next};
use mailwright::model::service::{Pause, ServiceState};
use mailwright::model::state::MessageState;
use mailwright::model::verdict::PauseScope;
use mailwright::model::{MailboxKey, Phase};

use crate::fixtures::*;

fn at_login(now: i64) -> Pause {
    Pause {
        phase: Phase::Authenticate,
        ..pause(now, now + 60)
    }
}

fn unreachable(claim: &Claim, now: i64) -> Finished {
    let later = Finished {
        phase: Phase::Connect,
        recipients: Vec::new(),
        ..deferred(claim, now + 10, true)
    };
    let dead = Pause {
        phase: Phase::Connect,
        ..pause(now, now + 60)
    };
    with_verdict(later.clone(), MailboxVerdict::Unreachable(dead), later.next)
}

pub async fn a_server_that_cannot_be_reached_pauses_its_mailbox(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    for (now, state) in [
        (0, MessageState::Queued),
        (10, MessageState::Queued),
        (20, MessageState::Held),
    ] {
        let claim = claim_one(&store, now).await;
        store
            .finish(at(now), &claim, unreachable(&claim, now))
            .await
            .unwrap();
        assert_eq!(full(&store, 1).await.message.state, state);
    }
    assert_eq!(service_state(&store, "news").await, ServiceState::Blocked);
    assert!(claim(&store, 79).await.is_empty());
    let probe = claim_one(&store, 80).await;
    store
        .finish(at(80), &probe, unreachable(&probe, 80))
        .await
        .unwrap();
    assert_eq!(service_state(&store, "news").await, ServiceState::Blocked);
    assert!(
        claim(&store, 199).await.is_empty(),
        "it waits twice as long"
    );
    claim_one(&store, 200).await;
}

pub async fn one_that_was_heard_between_makes_failures_start_anew(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    for now in [0, 10, 20, 30, 40] {
        let claim = claim_one(&store, now).await;
        let finished = match now {
            20 => deferred(&claim, 30, true),
            _ => unreachable(&claim, now),
        };
        store.finish(at(now), &claim, finished).await.unwrap();
    }
    assert_eq!(service_state(&store, "news").await, ServiceState::Ready);
}

/// The mailbox after a probe that ended in this phase without a verdict.
async fn after_a_probe(store: &Shared, phase: Phase) -> (ServiceState, Option<Pause>) {
    let mailbox = ready(store, "news").await;
    store
        .pause_mailbox(at(0), &mailbox, at_login(0))
        .await
        .unwrap();
    enqueue(store, 0, message("news", 1)).await;
    claim(store, 0).await;
    let probe = claim_one(store, 60).await;
    let silent = Finished {
        phase,
        ..deferred(&probe, 70, true)
    };
    store.finish(at(60), &probe, silent).await.unwrap();
    let row = store.service(&svc("news")).await.unwrap().unwrap();
    (row.state(), row.pause)
}

pub async fn a_probe_that_comes_further_than_what_was_refused_ends_the_pause(store: Shared) {
    let (state, pause) = after_a_probe(&store, Phase::RcptTo).await;
    assert_eq!((state, pause), (ServiceState::Ready, None));
}

pub async fn a_probe_that_comes_no_further_has_failed(store: Shared) {
    let (state, pause) = after_a_probe(&store, Phase::Authenticate).await;
    assert_eq!(state, ServiceState::Blocked);
    let pause = pause.unwrap();
    assert_eq!((pause.probes, pause.probe_time), (1, at(180)));
}

async fn tenant(store: &Shared) -> MailboxKey {
    for login in ["one@contoso.com", "two@CONTOSO.com", "other@fabrikam.com"] {
        let id = login.split('@').next().unwrap();
        let mut service = service(id, "x");
        service.config.auth = mailwright::model::service::Auth::Password {
            username: login.into(),
        };
        create_tested(store, service).await;
    }
    MailboxKey::new("smtp.example.com", "one@contoso.com")
}

fn of_tenant(now: i64) -> Pause {
    Pause {
        scope: PauseScope::Tenant,
        ..pause(now, now + 60)
    }
}

pub async fn a_paused_tenant_blocks_its_mailboxes_and_probes_with_one_message(store: Shared) {
    let mailbox = tenant(&store).await;
    enqueue(&store, 0, message("one", 1)).await;
    let claim_of_one = claim_one(&store, 0).await;
    let paused = with_verdict(
        deferred(&claim_of_one, 0, false),
        MailboxVerdict::Paused(of_tenant(0)),
        Next::Hold,
    );
    let before = newest(&store).await;
    store.finish(at(0), &claim_of_one, paused).await.unwrap();
    let events = events(&store, before).await;
    assert_eq!(service_changes(&events).len(), 2);
    for (id, state) in [
        ("one", ServiceState::Blocked),
        ("two", ServiceState::Blocked),
        ("other", ServiceState::Ready),
    ] {
        assert_eq!(service_state(&store, id).await, state);
    }
    enqueue(&store, 1, message("two", 2)).await;
    assert!(claim(&store, 59).await.is_empty());
    let probe = claim_one(&store, 60).await;
    assert!(probe.probe && claim(&store, 61).await.is_empty());
    store
        .finish(at(62), &probe, accepted(&probe))
        .await
        .unwrap();
    assert_eq!(service_state(&store, "one").await, ServiceState::Ready);
    assert_eq!(service_state(&store, "two").await, ServiceState::Ready);
    assert_eq!(claim(&store, 62).await.len(), 1);
    assert_ne!(
        probe.mailbox,
        MailboxKey::new("smtp.example.com", "other@fabrikam.com")
    );
    assert_eq!(mailbox.tenant(), probe.mailbox.tenant());
}

pub async fn a_change_ends_the_pause_of_the_tenant(store: Shared) {
    let mailbox = tenant(&store).await;
    store
        .pause_mailbox(at(1), &mailbox, of_tenant(1))
        .await
        .unwrap();
    let mut change = change_of(&store, "two").await;
    change.try_again = true;
    store.replace_service(at(2), change).await.unwrap();
    assert_eq!(service_state(&store, "one").await, ServiceState::Ready);
}

pub async fn the_last_service_of_a_tenant_takes_its_pause_along(store: Shared) {
    let mailbox = tenant(&store).await;
    store
        .pause_mailbox(at(1), &mailbox, of_tenant(1))
        .await
        .unwrap();
    for id in ["one", "two"] {
        store
            .delete_service(at(2), &svc(id), None, false)
            .await
            .unwrap();
    }
    tenant_again(&store).await;
    assert_eq!(service_state(&store, "one").await, ServiceState::Ready);
}

async fn tenant_again(store: &Shared) {
    let mut service = service("one", "x");
    service.config.auth = mailwright::model::service::Auth::Password {
        username: "one@contoso.com".into(),
    };
    create_tested(store, service).await;
}

pub async fn what_began_before_a_pause_does_not_end_it(store: Shared) {
    let mailbox = ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let early = claim_one(&store, 0).await;
    let paused = pause(1, 60);
    store.pause_mailbox(at(1), &mailbox, paused).await.unwrap();
    store.finish(at(2), &early, accepted(&early)).await.unwrap();
    assert_eq!(service_state(&store, "news").await, ServiceState::Blocked);
}

pub async fn a_pause_that_comes_back_soon_goes_on_counting(store: Shared) {
    let mailbox = ready(&store, "news").await;
    let paused = pause(0, 60);
    store.pause_mailbox(at(0), &mailbox, paused).await.unwrap();
    enqueue(&store, 0, message("news", 1)).await;
    claim(&store, 0).await;
    let mut now = 60;
    for round in 0..4 {
        let probe = claim_one(&store, now).await;
        assert!(probe.probe, "round {round}");
        store
            .finish(at(now), &probe, accepted(&probe))
            .await
            .unwrap();
        assert_eq!(service_state(&store, "news").await, ServiceState::Ready);
        enqueue(&store, now, message("news", 10 + round)).await;
        let next = claim_one(&store, now).await;
        let verdict = MailboxVerdict::Paused(pause(now, now + 60));
        let again = with_verdict(deferred(&next, now, false), verdict, Next::Hold);
        store.finish(at(now), &next, again).await.unwrap();
        let wait = 60 << (round + 1);
        assert!(claim(&store, now + wait - 1).await.is_empty());
        now += wait;
    }
}
