//! When to try again.

use std::time::Duration;

use super::message::Priority;

/// The longest wait between two attempts of one message.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60 * 60);

/// The first retry comes at most this long after the first attempt.
const BACKOFF_BASE: Duration = Duration::from_secs(15);

/// The shortest wait, so that jitter never makes a busy loop.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// The part of its lifetime after which a token is refreshed.
const REFRESH_FROM: f64 = 0.4;
const REFRESH_TO: f64 = 0.8;

/// However long a token lives, it is refreshed after this long: a refresh token that nobody uses
/// ends after 90 days at Microsoft and after six months at Google.
pub const REFRESH_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What [`refresh_frequency`] counts over.
pub const FREQUENCY_SPAN: Duration = Duration::from_secs(10 * 24 * 60 * 60);

/// How long to wait after `deferrals` deferred attempts: full jitter over a doubling bound, at
/// least `floor`. `fraction` is drawn from `[0, 1)`.
///
/// Full jitter spreads retries of many messages over the whole interval (AWS Architecture Blog,
/// "Exponential Backoff And Jitter").
pub fn backoff(deferrals: u32, floor: Duration, fraction: f64) -> Duration {
    let bound = BACKOFF_BASE
        .saturating_mul(1 << deferrals.min(16))
        .min(BACKOFF_MAX);
    bound
        .mul_f64(fraction.clamp(0.0, 1.0))
        .max(BACKOFF_MIN)
        .max(floor)
}

/// Which priorities are asked first at this turn of a mailbox: high before normal before bulk, but
/// one turn in sixteen is normal's and one is bulk's, so that neither starves.
pub fn turn_of(turn: u32) -> [Priority; 3] {
    use Priority::{Bulk, High, Normal};
    match turn % 16 {
        7 => [Normal, High, Bulk],
        15 => [Bulk, High, Normal],
        _ => [High, Normal, Bulk],
    }
}

/// How long a paused mailbox waits for its next probe after `probes` that failed.
pub fn probe_interval(probes: u32) -> Duration {
    Duration::from_secs(60)
        .saturating_mul(1 << probes.min(6))
        .min(Duration::from_secs(60 * 60))
}

/// When to refresh an access token that lives for `lifetime`: between 40 % and 80 % of it, and
/// within [`REFRESH_MAX`]. `fraction` is drawn from `[0, 1)`.
///
/// Tokens fetched at one instant are thus refreshed over so long a time that even the first wave is
/// no more than one and a half times the mean: the middle of that time, 60 %, over its length, 40 %.
pub fn refresh_after(lifetime: Duration, fraction: f64) -> Duration {
    let lifetime = counted(lifetime);
    lifetime.mul_f64(REFRESH_FROM + (REFRESH_TO - REFRESH_FROM) * fraction.clamp(0.0, 1.0))
}

/// How often in ten days a token that lives for `lifetime` is refreshed on average.
pub fn refresh_frequency(lifetime: Duration) -> u64 {
    let mean = counted(lifetime).mul_f64((REFRESH_FROM + REFRESH_TO) / 2.0);
    let times = FREQUENCY_SPAN.as_secs_f64() / mean.as_secs_f64().max(1.0);
    times.ceil() as u64
}

/// How long to wait after `failures` refreshes in a row that failed for a passing reason: full
/// jitter over a doubling bound of at most a quarter of an hour. `floor`, what the provider asks
/// for, is believed up to an hour, and stretched by up to a quarter, since it asks all the same.
pub fn refresh_backoff(failures: u32, floor: Duration, fraction: f64) -> Duration {
    let fraction = fraction.clamp(0.0, 1.0);
    let bound = Duration::from_secs(5)
        .saturating_mul(1 << failures.min(8))
        .min(Duration::from_secs(15 * 60));
    let floor = floor.min(BACKOFF_MAX).mul_f64(1.0 + 0.25 * fraction);
    let floor = floor.min(BACKOFF_MAX);
    bound.mul_f64(fraction).max(BACKOFF_MIN).max(floor)
}

fn counted(lifetime: Duration) -> Duration {
    lifetime.min(REFRESH_MAX.div_f64(REFRESH_TO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_are_never_zero_and_never_over_their_bound(n: u32, fraction in 0.0f64..1.0) {
            let wait = backoff(n, Duration::ZERO, fraction);
            prop_assert!(wait >= BACKOFF_MIN && wait <= BACKOFF_MAX);
            let probe = probe_interval(n);
            prop_assert!(probe >= Duration::from_secs(60) && probe <= Duration::from_secs(3_600));
        }

        #[test]
        fn a_token_is_refreshed_before_it_expires(seconds in 1u64..100_000, fraction in 0.0f64..1.0) {
            let lifetime = Duration::from_secs(seconds);
            let after = refresh_after(lifetime, fraction);
            prop_assert!(after < lifetime && after >= lifetime.mul_f64(0.39));
        }
    }

    #[test]
    fn no_window_of_a_refresh_token_closes_however_long_the_access_token_lives() {
        let year = Duration::from_secs(365 * 24 * 3_600);
        assert!(refresh_after(year, 0.999) <= REFRESH_MAX);
        assert!(refresh_after(Duration::MAX, 0.999) <= REFRESH_MAX);
        // Ten days, and an hour's 60 %.
        assert_eq!(refresh_frequency(Duration::from_secs(3_600)), 400);
        assert_eq!(refresh_frequency(year), 2);
    }

    #[test]
    fn refreshes_that_failed_spread_over_a_growing_time_and_no_provider_stops_them_for_a_day() {
        let hour = Duration::from_secs(3_600);
        let wait = |failures, floor, fraction| refresh_backoff(failures, floor, fraction);
        assert_eq!(wait(0, Duration::ZERO, 0.0), Duration::from_secs(1));
        assert_eq!(wait(3, Duration::ZERO, 0.5), Duration::from_secs(20));
        assert_eq!(wait(u32::MAX, Duration::ZERO, 1.0), hour / 4);
        assert_eq!(wait(0, hour / 60, 0.0), hour / 60);
        assert_eq!(wait(0, hour / 60, 1.0), hour / 48);
        assert_eq!(wait(9, 24 * hour, 1.0), hour);
        assert_eq!(wait(9, Duration::MAX, 0.0), hour);
    }

    #[test]
    fn a_server_that_asks_for_patience_gets_it() {
        let floor = Duration::from_secs(900);
        assert_eq!(backoff(0, floor, 0.0), floor);
    }
}
