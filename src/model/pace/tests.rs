//! The pace of mailboxes that are idle, busy, crowded, and whose clock goes back.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_754_306_130 + seconds)
}

fn limits(messages_per_minute: u32, recipients_per_day: u32, max_connections: u32) -> Limits {
    Limits {
        messages_per_minute,
        recipients_per_day,
        max_connections,
        ..Limits::UNKNOWN
    }
}

/// The times at which messages go that are all due at once.
fn times(pace: &mut Pace, limits: &Limits, from: Timestamp, count: u32) -> Vec<Timestamp> {
    let mut now = from;
    (0..count)
        .map(|_| {
            now = now.max(pace.message_time(now, limits));
            pace.spend(now, limits, 1);
            now
        })
        .collect()
}

#[test]
fn exchange_gets_three_at_once_and_then_one_every_two_seconds() {
    let limits = Limits::EXCHANGE_ONLINE;
    let mut pace = Pace::default();
    let times = times(&mut pace, &limits, at(0), 6);
    assert_eq!(times[..3], [at(0); 3]);
    let gap = Duration::from_micros(60_000_000_u64.div_ceil(28));
    assert_eq!(times[3..], [1, 2, 3].map(|n| at(0) + gap * n));
}

#[test]
fn an_idle_mailbox_has_the_whole_minute_before_it() {
    for per_minute in [1, 30, 600, 5_000, u32::MAX] {
        let limits = limits(per_minute, 10, 3);
        let pace = Pace::default();
        let room = pace.minute_room(at(0), &limits);
        assert_eq!(room, limits.messages_per_minute);
    }
}

#[test]
fn a_clock_that_went_back_holds_nothing_back() {
    let limits = limits(30, 10_000, 3);
    let mut pace = Pace::default();
    pace.spend(at(100_000), &limits, 1);
    assert!(pace.message_time(at(0), &limits) <= at(0));
    pace.spend(at(0), &limits, 1);
    assert!(pace.message_time(at(0), &limits) <= at(3));
}

#[test]
fn the_day_comes_back_by_the_hour() {
    let limits = limits(600, 100, 3);
    let mut pace = Pace::default();
    pace.spend(at(0), &limits, 60);
    pace.spend(at(7_200), &limits, 30);
    assert_eq!(pace.day_room(at(7_200), &limits), 10);
    assert_eq!(pace.day_time(at(7_200), &limits, 10), at(7_200));
    let first = pace.day_time(at(7_200), &limits, 11);
    assert!(first >= at(86_400) && first <= at(90_000), "{first:?}");
    assert_eq!(pace.day_room(first, &limits), 70);
    let both = pace.day_time(at(7_200), &limits, 71);
    assert_eq!(both.since(first), Duration::from_secs(7_200));
    assert_eq!(pace.day_room(both, &limits), 100);
}

#[test]
fn more_than_a_day_holds_takes_days() {
    let limits = limits(600, 100, 3);
    let pace = Pace::default();
    assert_eq!(pace.day_time(at(0), &limits, 101), at(86_400));
    assert_eq!(pace.day_time(at(0), &limits, 350), at(3 * 86_400));
}

#[test]
fn what_never_left_is_taken_back() {
    let limits = limits(600, 100, 3);
    let mut pace = Pace::default();
    pace.spend(at(0), &limits, 60);
    pace.spend(at(4_000), &limits, 20);
    pace.refund(at(0), 50);
    assert_eq!(pace.day_room(at(4_000), &limits), 70);
}

#[test]
fn a_crowd_lowers_the_connections_and_they_come_back_one_by_one() {
    let limits = limits(600, 100, 4);
    let mut pace = Pace::default();
    pace.crowded(at(0), &limits, 4);
    assert_eq!(pace.connections(at(0), &limits), 3);
    pace.crowded(at(0), &limits, 2);
    assert_eq!(pace.connections(at(1), &limits), 1);
    pace.crowded(at(1), &limits, 1);
    assert_eq!(pace.connections(at(1), &limits), 1, "one is the least");
    let next = pace.next_connection_time(at(1), &limits);
    assert_eq!(next, Some(at(301)));
    assert_eq!(pace.connections(at(301), &limits), 2);
    assert_eq!(pace.connections(at(10_000), &limits), 4);
    assert_eq!(pace.next_connection_time(at(10_000), &limits), None);
}

#[test]
fn a_provider_that_asks_for_less_gets_nothing_for_a_minute() {
    let limits = Limits::EXCHANGE_ONLINE;
    let mut pace = Pace::default();
    pace.slow_down(at(0), &limits);
    assert_eq!(pace.message_time(at(0), &limits), at(60));
    assert_eq!(pace.minute_room(at(0), &limits), 0);
}

#[test]
fn what_has_passed_is_over() {
    let limits = Limits::EXCHANGE_ONLINE;
    let mut pace = Pace::default();
    assert!(pace.over_time() <= at(0));
    pace.spend(at(0), &limits, 1);
    let over = pace.over_time();
    assert!(over > at(86_400) && over <= at(90_000));
    assert_eq!(pace.day_room(over, &limits), limits.recipients_per_day);
}

proptest! {
    #[test]
    fn no_minute_has_more_than_it_may(
        per_minute in 1u32..200,
        connections in 1u32..20,
        gaps in prop::collection::vec(0u64..9_000, 1..400),
    ) {
        let limits = limits(per_minute, 1_000_000, connections);
        let mut pace = Pace::default();
        let mut now = at(0);
        let mut minute = VecDeque::new();
        for gap in gaps {
            now = (now + Duration::from_millis(gap)).max(pace.message_time(now, &limits));
            pace.spend(now, &limits, 1);
            minute.push_back(now);
            while now.since(minute[0]) >= MINUTE {
                minute.pop_front();
            }
            prop_assert!(minute.len() <= per_minute as usize);
        }
    }

    #[test]
    fn an_estimate_is_the_time_that_it_takes(
        per_minute in 1u32..200,
        connections in 1u32..20,
        before in 0u32..50,
        messages in 1u32..300,
    ) {
        let limits = limits(per_minute, 1_000_000, connections);
        let mut pace = Pace::default();
        let start = times(&mut pace, &limits, at(0), before).pop().unwrap_or(at(0));
        let estimate = pace.time_of(start, &limits, messages.into(), 1);
        let last = times(&mut pace, &limits, start, messages).pop().unwrap();
        prop_assert_eq!(estimate, last);
    }

    #[test]
    fn no_day_has_more_recipients_than_it_may(
        per_day in 1u32..500,
        steps in prop::collection::vec((0u64..20_000, 1u32..100), 1..200),
    ) {
        let limits = limits(6_000, per_day, 10);
        let mut pace = Pace::default();
        let mut now = at(0);
        let mut day = VecDeque::new();
        for (gap, wanted) in steps {
            now = now + Duration::from_secs(gap);
            let recipients = wanted.min(pace.day_room(now, &limits));
            pace.spend(now, &limits, recipients);
            day.push_back((now, recipients));
            while now.since(day[0].0) >= DAY {
                day.pop_front();
            }
            let sum: u32 = day.iter().map(|(_, recipients)| recipients).sum();
            prop_assert!(sum <= per_day);
        }
    }
}

#[test]
fn a_limit_that_was_lowered_is_kept_by_the_time_that_is_told() {
    let before = limits(600, 10_000, 3);
    let mut pace = Pace::default();
    for hour in 0..9 {
        pace.spend(at(hour * 3_600), &before, 1_000);
    }
    let lowered = limits(600, 100, 3);
    let now = at(9 * 3_600);
    let told = pace.day_time(now, &lowered, 1);
    assert!(pace.day_room(told, &lowered) > 0, "{told:?}");
    assert_eq!(
        pace.day_room(told.before(Duration::from_secs(1)), &lowered),
        0
    );
}
