//! What a seed draws: one stream of numbers a purpose, so that more draws for one change nothing of
//! another.

use std::time::Duration;

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The `number`th stream of this purpose.
    pub fn new(seed: u64, purpose: &str, number: u64) -> Self {
        let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash);
        dice.0 = dice.next() ^ number;
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// True in so many of a thousand cases.
    pub fn in_1000(&mut self, cases: u64) -> bool {
        self.between(1, 1_000) <= cases
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.between(0, from.len() as u64 - 1) as usize]
    }

    /// Between so many seconds, to the millisecond.
    pub fn seconds(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low * 1_000, high * 1_000))
    }

    pub fn minutes(&mut self, low: u64, high: u64) -> Duration {
        self.seconds(low * 60, high * 60)
    }
}
