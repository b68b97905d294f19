//! The simulation: operations, loops, SMTP and OAuth on one thread, over a world in memory whose
//! faults a seed draws, with crashes, clock jumps and a store that fails. Hours pass in
//! milliseconds. An oracle holds what must hold against what the world saw.
//!
//! `make sim SEEDS=1000` runs many seeds, `make sim SEED=7` one of them again.
#![allow(clippy::unwrap_used)] // what fails here fails the test

mod admin;
mod bug;
mod callers;
mod clock;
mod dice;
mod house;
mod letters;
mod load;
mod oracle;
mod plan;
mod run;
mod store;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use run::{Counts, Outcome, run};

/// Seeds of a run that asks for no number: some seconds' worth.
const SEEDS: u64 = 60;

#[test]
fn every_seed_keeps_every_promise() {
    let seeds = match number("SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let (next, counts, failed) = (
        AtomicU64::new(0),
        Mutex::new(Counts::default()),
        Mutex::new(Vec::new()),
    );
    let work = || {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            let outcome = run(*seed);
            counts.lock().unwrap().add(&outcome.counts);
            if !outcome.violations.is_empty() || seeds.len() == 1 {
                tell(&outcome);
            }
            if !outcome.violations.is_empty() {
                failed.lock().unwrap().push(*seed);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    println!("{} seeds: {:?}", seeds.len(), counts.lock().unwrap());
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    assert!(failed.is_empty(), "seeds that failed: {failed:?}");
}

#[test]
fn one_seed_gives_one_run() {
    let first = number("SEED").unwrap_or(1);
    for seed in first..first + 3 {
        let (one, other) = (run(seed).journal, run(seed).journal);
        let differing = one
            .lines()
            .zip(other.lines())
            .find(|(one, other)| one != other);
        assert_eq!(differing, None, "seed {seed}");
        assert!(one == other, "seed {seed}: one run is longer");
    }
}

/// Shows what is broken, and where the whole story is.
fn tell(outcome: &Outcome) {
    let Outcome { seed, journal, .. } = outcome;
    let path = format!("{}/sim-{seed}.log", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, journal).unwrap();
    println!("seed {seed}, to replay: make sim SEED={seed}; journal: {path}");
    for violation in &outcome.violations {
        println!("  {violation}");
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable)
        .ok()
        .filter(|text| !text.is_empty())?;
    Some(text.parse().expect("a number"))
}
