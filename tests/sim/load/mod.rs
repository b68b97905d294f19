//! What identity providers see of many mailboxes that nobody sends through: never twice the mean of
//! requests in a minute, whatever happened before.
//!
//! `make soak` has 100,000 of them (`MAILBOXES`), with tokens as long as Microsoft's, in a release
//! build; a debug build has time for fewer and shorter ones.

mod provider;
mod town;

use std::time::Duration;

use provider::{BESIDE, MAIN, Mood};
use town::Town;

/// Enough that chance doesn't decide, and that no minimum does.
const MAILBOXES: usize = 1_300;

/// How often a token that lives for an hour is refreshed.
const MEAN_INTERVAL: Duration = Duration::from_secs(36 * 60);

/// By when a backlog of all mailboxes is gone.
const CAUGHT_UP: Duration = Duration::from_secs(30 * 60);

const MINUTE: Duration = Duration::from_secs(60);
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
    town.process(async |town, _| town.live(90 * MINUTE).await);
    let mean = town.mean_of(45 * MINUTE, 90 * MINUTE);
    let expected = mailboxes() as f64 / MEAN_INTERVAL.as_secs_f64() * 60.0;
    assert!((mean / expected - 1.0).abs() < 0.15, "{mean} {expected}");
    town.is_even("from the import on", Duration::ZERO);

    let restarted = town.elapsed();
    town.process(async |town, _| town.live(30 * MINUTE).await);
    town.is_even("after a restart", restarted);

    town.is_down(DAY);
    let restarted = town.elapsed();
    town.process(async |town, _| town.live(45 * MINUTE).await);
    town.is_even("after a night", restarted);
    town.all_refreshed_within(restarted, CAUGHT_UP);
}

#[test]
fn an_outage_and_a_clock_that_jumps_make_no_stampede() {
    let mut town = Town::new(mailboxes());
    town.process(async |town, core| {
        town.import(core, |_| MAIN).await;
        town.live(30 * MINUTE).await;
        for mood in [Mood::Broken, Mood::Silent] {
            let begun = town.elapsed();
            town.provider.set_mood(MAIN, mood);
            town.live(50 * MINUTE).await;
            town.is_even(&format!("while the provider is {mood:?}"), begun);
            let ended = town.elapsed();
            town.provider.set_mood(MAIN, Mood::Well);
            town.live(45 * MINUTE).await;
            town.is_even(&format!("after it was {mood:?}"), ended);
            town.all_refreshed_within(ended, 45 * MINUTE);
        }
        let jumped = town.elapsed();
        core.env.jump(24 * 3_600);
        town.live(45 * MINUTE).await;
        town.is_even("after the clock jumped by a day", jumped);
        town.all_refreshed_within(jumped, CAUGHT_UP);
    });
}

#[test]
fn a_provider_that_is_silent_keeps_nobody_elses_refreshes_waiting() {
    let mut town = Town::new(mailboxes());
    town.process(async |town, core| {
        let of_five = |number: usize| {
            if number.is_multiple_of(5) {
                BESIDE
            } else {
                MAIN
            }
        };
        town.import(core, of_five).await;
        town.live(15 * MINUTE).await;
        let begun = town.elapsed();
        town.provider.set_mood(BESIDE, Mood::Silent);
        town.live(100 * MINUTE).await;
        // 80 % of the lifetime is 48 minutes.
        let late = town.provider.longest_gap(MAIN);
        assert!(late <= 50 * MINUTE, "{late:?}");
        town.is_even("while one of two is silent", begun);
        let ended = town.elapsed();
        town.provider.set_mood(BESIDE, Mood::Well);
        // Who was not waiting has its next one within 48 minutes.
        town.live(50 * MINUTE).await;
        town.all_refreshed_within(ended, 50 * MINUTE);
    });
}

/// What the process holds of the machine's memory; 0 where that can't be read.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}
