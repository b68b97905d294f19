//! What identity providers see of many mailboxes that nobody sends through: never twice the mean of
//! requests in a minute, whatever happened before.
//!
//! `MAILBOXES=100000` has so many; a debug build has time for fewer.

mod provider;
mod town;

use std::time::Duration;

use provider::{BESIDE, MAIN, Mood};
use town::Town;

/// Enough that chance doesn't decide, and that no minimum does.
const MAILBOXES: usize = 1_500;

/// How often a token that lives for an hour is refreshed.
const MEAN_INTERVAL: Duration = Duration::from_secs(36 * 60);

/// By when a backlog of all mailboxes is gone.
const CAUGHT_UP: Duration = Duration::from_secs(30 * 60);

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn mailboxes() -> usize {
    crate::number("MAILBOXES").map_or(MAILBOXES, |number| number as usize)
}

#[test]
fn an_import_a_restart_and_a_night_make_no_stampede() {
    let mut town = Town::new(mailboxes());
    let before = resident_bytes();
    town.process(async |town, core| town.import(core, |_| MAIN).await);
    let bytes = resident_bytes().saturating_sub(before) / mailboxes();
    println!("memory for a mailbox, its rows included: {bytes} bytes");
    town.process(async |town, _| town.live(3 * HOUR).await);
    let mean = town.mean_of(HOUR, 3 * HOUR);
    let expected = mailboxes() as f64 / MEAN_INTERVAL.as_secs_f64() * 60.0;
    assert!((mean / expected - 1.0).abs() < 0.1, "{mean} {expected}");
    town.is_even("from the import on", Duration::ZERO);

    let restarted = town.elapsed();
    town.process(async |town, _| town.live(HOUR).await);
    town.is_even("after a restart", restarted);

    town.is_down(DAY);
    let restarted = town.elapsed();
    town.process(async |town, _| town.live(HOUR).await);
    town.is_even("after a night", restarted);
    town.all_refreshed_within(restarted, CAUGHT_UP);
}

#[test]
fn an_outage_and_a_clock_that_jumps_make_no_stampede() {
    let mut town = Town::new(mailboxes());
    town.process(async |town, core| {
        town.import(core, |_| MAIN).await;
        town.live(HOUR).await;
        for mood in [Mood::Unavailable, Mood::Garbled, Mood::Silent] {
            let begun = town.elapsed();
            town.provider.set_mood(MAIN, mood);
            town.live(HOUR + HOUR / 2).await;
            town.is_even(&format!("while the provider is {mood:?}"), begun);
            let ended = town.elapsed();
            town.provider.set_mood(MAIN, Mood::Well);
            town.live(HOUR).await;
            town.is_even(&format!("after it was {mood:?}"), ended);
            town.all_refreshed_within(ended, CAUGHT_UP + HOUR / 4);
        }
        let jumped = town.elapsed();
        core.env.jump(24 * 3_600);
        town.live(HOUR).await;
        town.is_even("after the clock jumped by a day", jumped);
        town.all_refreshed_within(jumped, CAUGHT_UP);
    });
}

#[test]
fn a_provider_that_is_silent_keeps_nobody_elses_refreshes_waiting() {
    let mut town = Town::new(mailboxes());
    town.process(async |town, core| {
        let of_five = |number: usize| if number % 5 == 0 { BESIDE } else { MAIN };
        town.import(core, of_five).await;
        town.live(HOUR / 4).await;
        let begun = town.elapsed();
        town.provider.set_mood(BESIDE, Mood::Silent);
        town.live(3 * HOUR).await;
        // 80 % of the lifetime is 48 minutes.
        let late = town.provider.longest_gap(MAIN);
        assert!(late <= Duration::from_secs(50 * 60), "{late:?}");
        town.is_even("while one of two is silent", begun);
        let ended = town.elapsed();
        town.provider.set_mood(BESIDE, Mood::Well);
        town.live(HOUR).await;
        town.all_refreshed_within(ended, HOUR);
    });
}

/// What the process holds of the machine's memory; 0 where that can't be read.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}
