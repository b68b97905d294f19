//! When to try again.

use std::time::Duration;

use super::message::Priority;

/// The longest wait between two attempts of one message.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60 * 60);

/// The first retry comes at most this long after the first attempt.
const BACKOFF_BASE: Duration = Duration::from_secs(15);

/// The shortest wait, so that jitter never makes a busy loop.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

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

/// When to refresh an access token that lives for `lifetime`: between 60 % and 80 % of it, so that
/// tokens fetched together are not refreshed together. `fraction` is drawn from `[0, 1)`.
pub fn refresh_after(lifetime: Duration, fraction: f64) -> Duration {
    lifetime.mul_f64(0.6 + 0.2 * fraction.clamp(0.0, 1.0))
}

/// How long to wait after `failures` refreshes in a row that failed for a passing reason.
pub fn refresh_backoff(failures: u32, floor: Duration, fraction: f64) -> Duration {
    let bound = Duration::from_secs(5)
        .saturating_mul(1 << failures.min(8))
        .min(Duration::from_secs(15 * 60));
    bound
        .mul_f64(0.5 + 0.5 * fraction.clamp(0.0, 1.0))
        .max(floor)
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
            prop_assert!(after < lifetime && after >= lifetime / 2);
        }
    }

    #[test]
    fn a_server_that_asks_for_patience_gets_it() {
        let floor = Duration::from_secs(900);
        assert_eq!(backoff(0, floor, 0.0), floor);
    }
}
