//! Time and randomness, handed in.
//!
//! Everything in Mailwright that reads a clock, waits, or draws random bytes does so through an
//! [`Env`]. In production it is the system's; in tests it is a clock that a test moves and a
//! stream of bytes that a seed fixes; in the simulation, a clock that moves by itself whenever
//! everybody waits. Nothing else in the crate may read either (`.clippy.toml`).

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::model::Timestamp;

/// Sleepers look at the wall clock at least this often, so that a clock that jumps is noticed.
const WALL_CLOCK_CHECK: Duration = Duration::from_secs(60);

/// The process's clock and its source of randomness. Cheap to clone.
#[derive(Clone)]
pub struct Env(Arc<Source>);

enum Source {
    System {
        origin: Instant,
    },
    Manual {
        now: watch::Sender<Timestamp>,
        start: Timestamp,
        random: Mutex<SeededBytes>,
    },
    Simulated {
        origin: tokio::time::Instant,
        /// The wall clock at `origin`; a jump moves it.
        start_micros: AtomicI64,
        random: Mutex<SeededBytes>,
    },
}

/// The time allowed for a step ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl Env {
    /// The system's clock and its random bytes.
    #[allow(clippy::disallowed_methods)] // the one place that reads them
    pub fn system() -> Self {
        Self(Arc::new(Source::System {
            origin: Instant::now(),
        }))
    }

    /// A clock that stands at `start` until [`Env::advance`] moves it, and bytes drawn from `seed`.
    pub fn manual(start: Timestamp, seed: u64) -> Self {
        Self(Arc::new(Source::Manual {
            now: watch::Sender::new(start),
            start,
            random: Mutex::new(SeededBytes::new(seed)),
        }))
    }

    /// A wall clock that reads `start` now and runs with the timers of the runtime that this is
    /// called in, and bytes drawn from `seed`. On a runtime that is paused, time passes only while
    /// every task waits, and then at once.
    #[allow(clippy::disallowed_methods)]
    pub fn simulated(start: Timestamp, seed: u64) -> Self {
        Self(Arc::new(Source::Simulated {
            origin: tokio::time::Instant::now(),
            start_micros: AtomicI64::new(start.unix_micros()),
            random: Mutex::new(SeededBytes::new(seed)),
        }))
    }

    /// The wall clock.
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Source::System { .. } => Timestamp::from_system(SystemTime::now()),
            Source::Manual { now, .. } => *now.borrow(),
            Source::Simulated {
                origin,
                start_micros,
                ..
            } => {
                let start = start_micros.load(Ordering::Relaxed);
                Timestamp::from_unix_micros(start) + origin.elapsed()
            }
        }
    }

    /// Time since this `Env` was made; never goes back.
    pub fn monotonic(&self) -> Duration {
        match &*self.0 {
            Source::System { origin } => origin.elapsed(),
            Source::Manual { now, start, .. } => now.borrow().since(*start),
            Source::Simulated { origin, .. } => origin.elapsed(),
        }
    }

    /// Moves a manual clock forward and wakes whoever slept until then.
    ///
    /// # Panics
    /// On every other clock: nobody moves the system's, and a simulated one moves by itself.
    pub fn advance(&self, by: Duration) {
        match &*self.0 {
            Source::Manual { now, .. } => now.send_modify(|now| *now = *now + by),
            Source::System { .. } | Source::Simulated { .. } => {
                panic!("only a manual clock can be moved")
            }
        }
    }

    /// Sets a simulated wall clock forward or back, as an administrator or NTP does: no time
    /// passes, and nobody is told.
    ///
    /// # Panics
    /// On every other clock.
    pub fn jump(&self, by_seconds: i64) {
        match &*self.0 {
            Source::Simulated { start_micros, .. } => {
                start_micros.fetch_add(by_seconds * 1_000_000, Ordering::Relaxed);
            }
            Source::System { .. } | Source::Manual { .. } => {
                panic!("only a simulated clock jumps")
            }
        }
    }

    /// Returns once the wall clock has reached `until`.
    #[allow(clippy::disallowed_methods)]
    pub async fn sleep_until(&self, until: Timestamp) {
        match &*self.0 {
            Source::System { .. } | Source::Simulated { .. } => loop {
                let left = until.since(self.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(WALL_CLOCK_CHECK)).await;
            },
            Source::Manual { now, .. } => {
                let mut now = now.subscribe();
                // The sender lives in `self`, so waiting can only end by reaching the time.
                let _ = now.wait_for(|now| *now >= until).await;
            }
        }
    }

    /// Ends `duration` after this call (not after the first poll), whatever the wall clock does.
    #[allow(clippy::disallowed_methods)]
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        let (env, asked) = (self.clone(), self.now());
        let timer = match &*self.0 {
            Source::System { .. } | Source::Simulated { .. } => Some(tokio::time::sleep(duration)),
            Source::Manual { .. } => None,
        };
        async move {
            match timer {
                Some(timer) => timer.await,
                None => env.sleep_until(asked + duration).await,
            }
        }
    }

    /// Runs `step`, giving up (and dropping it) once `limit` has passed since this call.
    ///
    /// # Errors
    /// [`Elapsed`] when the limit was reached first.
    pub fn timeout<T>(
        &self,
        limit: Duration,
        step: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, Elapsed>> {
        let over = self.sleep(limit);
        async move {
            tokio::select! {
                biased;
                done = step => Ok(done),
                () = over => Err(Elapsed),
            }
        }
    }

    /// Fills `bytes` with randomness fit for keys and secrets.
    #[allow(clippy::disallowed_methods)]
    pub fn fill(&self, bytes: &mut [u8]) {
        match &*self.0 {
            Source::System { .. } => {
                getrandom::fill(bytes).expect("the kernel's random source never fails once seeded");
            }
            Source::Manual { random, .. } | Source::Simulated { random, .. } => random
                .lock()
                .expect("filling bytes does not panic")
                .fill(bytes),
        }
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number spread evenly over `[0, 1)`, for jitter.
    pub fn fraction(&self) -> f64 {
        // 53 bits fill a double's mantissa exactly.
        (u64::from_le_bytes(self.random()) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// SHA-256 over a seed and a counter: the same bytes for the same seed on every machine.
struct SeededBytes {
    seed: u64,
    block: u64,
}

impl SeededBytes {
    fn new(seed: u64) -> Self {
        Self { seed, block: 0 }
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let mut hash = Sha256::new();
            hash.update(self.seed.to_le_bytes());
            hash.update(self.block.to_le_bytes());
            self.block += 1;
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_reaches_its_time() {
        let env = Env::manual(Timestamp::from_unix_seconds(1_000), 1);
        let sleeper = env.clone();
        let task = tokio::spawn(async move {
            sleeper
                .sleep_until(Timestamp::from_unix_seconds(1_060))
                .await;
            sleeper.now()
        });
        env.advance(Duration::from_secs(59));
        assert!(!task.is_finished());
        env.advance(Duration::from_secs(1));
        assert_eq!(task.await.unwrap(), Timestamp::from_unix_seconds(1_060));
    }

    #[tokio::test]
    async fn a_limit_counts_from_the_call_and_not_from_the_first_poll() {
        let env = Env::manual(Timestamp::from_unix_seconds(1_000), 1);
        let step = env.timeout(Duration::from_secs(7), std::future::pending::<()>());
        env.advance(Duration::from_secs(7));
        assert_eq!(step.await, Err(Elapsed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_moves_while_all_wait_and_a_jump_is_noticed() {
        let start = Timestamp::from_unix_seconds(1_000);
        let env = Env::simulated(start, 1);
        env.sleep(Duration::from_secs(7)).await;
        assert_eq!(env.now(), start + Duration::from_secs(7));
        env.jump(-3_600);
        assert_eq!(env.now(), start.before(Duration::from_secs(3_593)));
        assert_eq!(env.monotonic(), Duration::from_secs(7));
        let (sleeper, until) = (env.clone(), start + Duration::from_secs(3_600));
        let task = tokio::spawn(async move { sleeper.sleep_until(until).await });
        env.sleep(Duration::from_secs(1)).await;
        env.jump(24 * 3_600);
        task.await.unwrap();
        assert!(env.monotonic() <= Duration::from_secs(8) + WALL_CLOCK_CHECK);
    }

    #[test]
    fn one_seed_gives_one_run() {
        let start = Timestamp::from_unix_seconds(0);
        let (a, b) = (Env::manual(start, 7), Env::manual(start, 7));
        assert_eq!(a.random::<64>(), b.random::<64>());
        assert_ne!(a.random::<32>(), Env::manual(start, 8).random::<32>());
    }
}
