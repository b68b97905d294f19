//! Promises about how much goes out of a mailbox, and whose turn it is.

use std::collections::BTreeMap;
use std::time::Duration;

use mailwright::model::message::{MailboxVerdict, Priority};
use mailwright::model::service::{Delivery, Service};
use mailwright::model::{Phase, Timestamp};
use mailwright::store::{Enqueued, Exhausted, NewMessage, Turn};

use crate::fixtures::*;

/// At the mailbox `login`, with Exchange Online's pace but for what `change` sets.
fn paced(id: &str, login: &str, change: impl FnOnce(&mut Delivery)) -> Service {
    let mut service = service(id, login);
    service.config.delivery.messages_per_minute = Some(30);
    change(&mut service.config.delivery);
    service
}

fn from(app: &str, n: u32) -> NewMessage {
    let mut new = message("news", n);
    new.message.labels = labels("app", app);
    new
}

/// Sends whatever goes from `now` on, one second after the other; how many went in each second.
async fn drain(store: &Shared, now: i64, seconds: i64) -> Vec<usize> {
    let mut went = Vec::new();
    for second in now..now + seconds {
        let claimed = claim(store, second).await;
        went.push(claimed.len());
        for claimed in claimed {
            let ended = accepted(&claimed.claim);
            store
                .finish(at(second), &claimed.claim, ended)
                .await
                .unwrap();
        }
    }
    went
}

pub async fn the_pace_of_a_minute_holds_for_all_services_of_a_mailbox(store: Shared) {
    create_tested(
        &store,
        paced("svc-a", "shared", |d| d.messages_per_minute = Some(60)),
    )
    .await;
    create_tested(&store, paced("svc-b", "SHARED", |_| {})).await;
    for n in 0..100 {
        let service = ["svc-a", "svc-b"][n as usize % 2];
        enqueue(&store, 0, message(service, n)).await;
    }
    let went = drain(&store, 0, 240).await;
    assert_eq!(went[0], 3);
    assert!(went[1..].iter().all(|count| *count <= 1));
    for minute in went.windows(60) {
        assert!(minute.iter().sum::<usize>() <= 30);
    }
    assert_eq!(went.iter().sum::<usize>(), 100);
}

pub async fn what_a_claim_waits_for_is_told_by_the_next_due(store: Shared) {
    create_tested(
        &store,
        paced("news", "news", |d| d.messages_per_minute = Some(1)),
    )
    .await;
    enqueue(&store, 0, message("news", 1)).await;
    enqueue(&store, 0, message("news", 2)).await;
    let first = claim_one(&store, 0).await;
    store.finish(at(1), &first, accepted(&first)).await.unwrap();
    assert!(claim(&store, 1).await.is_empty());
    assert_eq!(next_due(&store, 1).await, Some(at(60)));
    claim_one(&store, 60).await;
}

pub async fn the_day_holds_and_comes_back_by_the_hour(store: Shared) {
    create_tested(
        &store,
        paced("news", "news", |d| d.recipients_per_day = Some(10)),
    )
    .await;
    for n in 1..=3 {
        let mut new = to_many(message("news", n), 4);
        new.message.expire_time = at(1_000_000);
        enqueue(&store, 0, new).await;
    }
    let went = drain(&store, 0, 60).await;
    assert_eq!(went.iter().sum::<usize>(), 3);
    let last = full(&store, 3).await;
    assert_eq!(last.attempts[0].recipients, [0, 1], "what the day had left");
    let next = next_due(&store, 60).await.unwrap();
    assert!(next > at(86_400) && next <= at(90_000), "{next:?}");
    assert!(
        store
            .claim_due(next.before(Duration::from_micros(1)), 9)
            .await
            .unwrap()
            .is_empty()
    );
    let rest = store.claim_due(next, 9).await.unwrap();
    assert_eq!(rest[0].claim.recipients, [2, 3]);
}

pub async fn what_never_left_does_not_count_towards_the_day(store: Shared) {
    create_tested(
        &store,
        paced("news", "news", |d| d.recipients_per_day = Some(5)),
    )
    .await;
    enqueue(&store, 0, to_many(message("news", 1), 5)).await;
    let first = claim_one(&store, 0).await;
    let mut failed = deferred(&first, 10, true);
    failed.phase = Phase::RcptTo;
    store.finish(at(1), &first, failed).await.unwrap();
    claim_one(&store, 10).await;
    store.recover(at(11)).await.unwrap();
    assert_eq!(claim_one(&store, 20).await.recipients.len(), 5);
    let budget = store.budget(at(20), &svc("news")).await.unwrap().unwrap();
    assert_eq!(budget.day_remaining, 0);
}

pub async fn a_restart_neither_bursts_nor_loses_a_connection(store: Shared) {
    create_tested(
        &store,
        paced("news", "news", |d| d.max_connections = Some(3)),
    )
    .await;
    for n in 0..9 {
        enqueue(&store, 0, message("news", n)).await;
    }
    assert_eq!(claim(&store, 0).await.len(), 3);
    store.recover(at(1)).await.unwrap();
    assert!(claim(&store, 1).await.is_empty());
    assert_eq!(drain(&store, 2, 60).await.iter().sum::<usize>(), 9);
}

pub async fn no_priority_starves(store: Shared) {
    create_tested(&store, service("news", "news")).await;
    let mut first: BTreeMap<Priority, usize> = BTreeMap::new();
    for (index, priority) in Priority::ALL.into_iter().enumerate() {
        for n in 0..64 {
            let mut new = message("news", u32::try_from(index * 100 + n).unwrap());
            new.message.priority = priority;
            enqueue(&store, 0, new).await;
        }
    }
    for _ in 0..64 {
        let claimed = store.claim_due(at(0), 1).await.unwrap().remove(0);
        *first.entry(claimed.message.message.priority).or_default() += 1;
        let ended = accepted(&claimed.claim);
        store.finish(at(0), &claimed.claim, ended).await.unwrap();
    }
    let shares: Vec<usize> = first.into_values().collect();
    assert_eq!(shares, [56, 4, 4]);
}

pub async fn callers_share_a_mailbox_evenly_whoever_came_first(store: Shared) {
    create_tested(&store, service("news", "news")).await;
    for n in 0..90 {
        enqueue(&store, 0, from("greedy", n)).await;
    }
    drain_n(&store, 10).await;
    for n in 100..120 {
        enqueue(&store, 1, from("modest", n)).await;
    }
    for n in 200..220 {
        enqueue(&store, 1, message("news", n)).await;
    }
    let mut went: BTreeMap<String, usize> = BTreeMap::new();
    for caller in drain_n(&store, 30).await {
        *went.entry(caller).or_default() += 1;
    }
    assert_eq!(went.into_values().collect::<Vec<_>>(), [10, 10, 10]);
    // What is left of one alone goes on.
    assert_eq!(drain_n(&store, 90).await.len(), 90);
}

/// Sends so many messages, one after the other; whose they were.
async fn drain_n(store: &Shared, count: usize) -> Vec<String> {
    let mut callers = Vec::new();
    for _ in 0..count {
        let claimed = store.claim_due(at(1), 1).await.unwrap().remove(0);
        callers.push(claimed.message.message.caller().to_owned());
        let ended = accepted(&claimed.claim);
        store.finish(at(1), &claimed.claim, ended).await.unwrap();
    }
    callers
}

pub async fn mailboxes_that_hang_hold_up_no_other(store: Shared) {
    for n in 0..1_000 {
        let id = format!("svc-{n}");
        create_tested(&store, service(&id, &id)).await;
        for k in 0..2 {
            enqueue(&store, 0, message(&id, 2 * n + k)).await;
        }
    }
    let mut sent = 0;
    loop {
        let claimed = store.claim_due(at(1), 250).await.unwrap();
        if claimed.is_empty() {
            break;
        }
        for claimed in claimed {
            let service = claimed.claim.service_id.as_str();
            // A hundred of them never end.
            if !service.ends_with('7') {
                sent += 1;
                let ended = accepted(&claimed.claim);
                store.finish(at(1), &claimed.claim, ended).await.unwrap();
            }
        }
    }
    assert_eq!(sent, 1_800);
}

pub async fn a_crowded_mailbox_uses_fewer_connections_and_recovers(store: Shared) {
    let mut three = service("news", "news");
    three.config.delivery.max_connections = Some(3);
    create_tested(&store, three).await;
    for n in 0..20 {
        enqueue(&store, 0, message("news", n)).await;
    }
    let claims = claim(&store, 0).await;
    assert_eq!(claims.len(), 3);
    for (index, claimed) in claims.iter().enumerate() {
        let verdict = if index == 0 {
            MailboxVerdict::Crowded
        } else {
            MailboxVerdict::Silent
        };
        let later = deferred(&claimed.claim, 10_000, false);
        let later = with_verdict(later.clone(), verdict, later.next);
        store.finish(at(1), &claimed.claim, later).await.unwrap();
    }
    assert_eq!(claim(&store, 1).await.len(), 2);
    assert!(claim(&store, 300).await.is_empty());
    assert_eq!(next_due(&store, 300).await, Some(at(301)));
    assert_eq!(claim(&store, 301).await.len(), 1);
    assert!(claim(&store, 9_000).await.is_empty(), "three are enough");
}

pub async fn a_mailbox_that_was_too_fast_rests_for_a_minute(store: Shared) {
    create_tested(&store, service("news", "news")).await;
    let first = {
        enqueue(&store, 0, message("news", 1)).await;
        claim_one(&store, 0).await
    };
    enqueue(&store, 0, message("news", 2)).await;
    let later = deferred(&first, 5, false);
    let slow = with_verdict(later.clone(), MailboxVerdict::TooFast, later.next);
    store.finish(at(1), &first, slow).await.unwrap();
    assert!(claim(&store, 60).await.is_empty());
    assert_eq!(claim(&store, 61).await.len(), 2);
}

pub async fn an_estimate_is_when_the_message_goes(store: Shared) {
    create_tested(&store, paced("news", "news", |_| {})).await;
    let mut estimates = BTreeMap::new();
    for n in 0..200 {
        let mut new = message("news", n);
        if n >= 150 {
            new.message.priority = Priority::High;
        }
        match store.enqueue(at(0), new).await.unwrap() {
            Enqueued::Accepted {
                estimated_send_time,
                ..
            } => estimates.insert(mid(n), estimated_send_time.unwrap()),
            Enqueued::Known { .. } => panic!("it is new"),
        };
    }
    let drained = store.budget(at(0), &svc("news")).await.unwrap().unwrap();
    let mut last = at(0);
    for second in 0..600 {
        for claimed in claim(&store, second).await {
            let estimate = estimates[&claimed.claim.message_id];
            // One turn in eight goes to those below; whom the high ones overtook goes later.
            let n = claimed.claim.message_id.clone();
            if n >= mid(150) {
                assert_near(estimate, at(second), 2);
            }
            last = at(second);
            let ended = accepted(&claimed.claim);
            store
                .finish(at(second), &claimed.claim, ended)
                .await
                .unwrap();
        }
    }
    assert_near(drained.drain_time, last, 2);
    let first = estimates[&mid(149)];
    let alone = at(0) + Duration::from_secs(60) * 147 / 28;
    assert_near(first, alone, 2);
}

/// Within a tenth, and so many seconds beside.
fn assert_near(estimate: Timestamp, time: Timestamp, seconds: u64) {
    let (estimate, time) = (estimate.since(at(0)), time.since(at(0)));
    let slack = time / 10 + Duration::from_secs(seconds);
    assert!(
        estimate.abs_diff(time) <= slack,
        "{estimate:?}, but {time:?}"
    );
}

pub async fn the_budget_is_what_may_go(store: Shared) {
    let pace = |delivery: &mut Delivery| delivery.recipients_per_day = Some(100);
    create_tested(&store, paced("news", "news", pace)).await;
    let budget = async |now| store.budget(at(now), &svc("news")).await.unwrap().unwrap();
    let idle = budget(0).await;
    assert_eq!((idle.minute_remaining, idle.day_remaining), (30, 100));
    enqueue(&store, 0, to_many(message("news", 1), 40)).await;
    claim_one(&store, 0).await;
    let used = budget(0).await;
    assert_eq!((used.minute_remaining, used.day_remaining), (29, 60));
    assert_eq!(budget(60).await.minute_remaining, 30);
    assert_eq!(store.budget(at(0), &svc("nobody")).await, Ok(None));
}

pub async fn a_test_counts_and_waits_for_its_turn(store: Shared) {
    create_tested(
        &store,
        paced("news", "news", |d| d.messages_per_minute = Some(1)),
    )
    .await;
    let turn = |seconds| Turn {
        time: at(seconds),
        max_connections: 10,
    };
    assert_eq!(store.begin_test(at(0), &svc("news")).await, Ok(Ok(turn(0))));
    let minute = Err(Exhausted::Minute(at(60)));
    assert_eq!(store.begin_test(at(29), &svc("news")).await, Ok(minute));
    // The next place is its own, however many wait.
    enqueue(&store, 1, message("news", 1)).await;
    assert!(claim(&store, 30).await.is_empty());
    assert_eq!(
        store.begin_test(at(30), &svc("news")).await,
        Ok(Ok(turn(60)))
    );
    assert!(claim(&store, 119).await.is_empty());
    claim_one(&store, 120).await;

    create_tested(
        &store,
        paced("day", "day", |d| d.recipients_per_day = Some(1)),
    )
    .await;
    assert_eq!(store.begin_test(at(0), &svc("day")).await, Ok(Ok(turn(0))));
    let tired = store.begin_test(at(9), &svc("day")).await.unwrap();
    assert!(matches!(tired, Err(Exhausted::Day(time)) if time > at(86_400)));
}

pub async fn a_service_that_moves_takes_its_queue_along(store: Shared) {
    for id in ["svc-a", "svc-b"] {
        create_tested(&store, paced(id, id, |_| {})).await;
    }
    for n in 0..100 {
        enqueue(&store, 0, message("svc-a", n)).await;
    }
    let drained = async |id| {
        let budget = store.budget(at(0), &svc(id)).await.unwrap().unwrap();
        budget.drain_time.since(at(0)).as_secs()
    };
    assert_eq!((drained("svc-a").await, drained("svc-b").await), (207, 0));
    let mut change = change_of(&store, "svc-a").await;
    change.service.config.auth = service("svc-b", "svc-b").config.auth;
    store.replace_service(at(1), change).await.unwrap();
    assert_eq!((drained("svc-a").await, drained("svc-b").await), (207, 207));
    assert_eq!(drain(&store, 1, 60).await.iter().sum::<usize>(), 30);
}

pub async fn a_day_outlives_the_service_that_spent_it(store: Shared) {
    let pace = |delivery: &mut Delivery| delivery.recipients_per_day = Some(5);
    create_tested(&store, paced("old", "shared", pace)).await;
    enqueue(&store, 0, to_many(message("old", 1), 5)).await;
    let claim = claim_one(&store, 0).await;
    store.finish(at(0), &claim, accepted(&claim)).await.unwrap();
    store
        .delete_service(at(1), &svc("old"), None, false)
        .await
        .unwrap();
    assert!(crate::fixtures::claim(&store, 2).await.is_empty());
    let forgotten = next_due(&store, 2).await.unwrap();
    assert!(forgotten > at(86_400), "{forgotten:?}");
    create_tested(&store, paced("new", "shared", pace)).await;
    let budget = store.budget(at(3), &svc("new")).await.unwrap().unwrap();
    assert_eq!(budget.day_remaining, 0);
}

pub async fn high_mail_leaves_the_shares_of_normal_mail_alone(store: Shared) {
    create_tested(&store, service("news", "news")).await;
    for n in 0..200 {
        enqueue(&store, 0, from("greedy", n)).await;
        let mut urgent = from("urgent", 1_000 + n);
        urgent.message.priority = Priority::High;
        enqueue(&store, 0, urgent).await;
    }
    for n in 500..510 {
        enqueue(&store, 0, from("modest", n)).await;
    }
    let mut normal = drain_n(&store, 400).await;
    normal.retain(|caller| caller != "urgent");
    let modest = normal.iter().take(20).filter(|caller| *caller == "modest");
    assert_eq!(modest.count(), 10, "{normal:?}");
}

pub async fn of_many_callers_every_one_comes_to_its_turn(store: Shared) {
    create_tested(&store, service("news", "news")).await;
    for n in 0..300 {
        enqueue(&store, 0, from("greedy", n)).await;
        enqueue(&store, 0, from(&format!("tenant-{n}"), 1_000 + n)).await;
    }
    let went = drain_n(&store, 400).await;
    let greedy = went.iter().filter(|caller| *caller == "greedy").count();
    assert!((3..=100).contains(&greedy), "{greedy} of 400");
    assert_eq!(drain_n(&store, 200).await.len(), 200);
}

pub async fn limits_that_are_lifted_wake_what_waited_for_them(store: Shared) {
    let strict = |delivery: &mut Delivery| delivery.recipients_per_day = Some(1);
    for lifted in ["update", "delete"] {
        let (loose, tight) = (format!("loose-{lifted}"), format!("tight-{lifted}"));
        create_tested(&store, paced(&loose, lifted, |_| {})).await;
        create_tested(&store, paced(&tight, lifted, strict)).await;
        let n = u32::from(lifted == "delete") * 10;
        enqueue(&store, 0, message(&loose, n)).await;
        let first = claim_one(&store, 0).await;
        store.finish(at(0), &first, accepted(&first)).await.unwrap();
        enqueue(&store, 1, message(&loose, n + 1)).await;
        assert!(claim(&store, 1).await.is_empty());
        if lifted == "update" {
            let mut change = change_of(&store, &tight).await;
            change.service.config.delivery.recipients_per_day = None;
            store.replace_service(at(2), change).await.unwrap();
        } else {
            let id = svc(&tight);
            store.delete_service(at(2), &id, None, false).await.unwrap();
        }
        let claim = claim_one(&store, 3).await;
        assert_eq!(claim.message_id, mid(n + 1), "{lifted}");
    }
}

pub async fn a_clock_that_went_back_strands_nothing(store: Shared) {
    create_tested(
        &store,
        paced("news", "news", |d| d.max_connections = Some(1)),
    )
    .await;
    enqueue(&store, 100, message("news", 1)).await;
    enqueue(&store, 100, message("news", 2)).await;
    let first = claim_one(&store, 100).await;
    store
        .finish(at(50), &first, accepted(&first))
        .await
        .unwrap();
    assert!(claim(&store, 50).await.is_empty());
    assert_eq!(next_due(&store, 50).await, Some(at(110)));
    assert_eq!(claim_one(&store, 110).await.message_id, mid(2));
}
