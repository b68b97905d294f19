//! Places at which a test kills the process: before and after each durable step.
//!
//! `FAILPOINT=accept.synced:3` aborts at the third passing of that place. The names are
//! a transaction's and a step's. Only builds with debug assertions look at the variable.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const VARIABLE: &str = "FAILPOINT";

struct Armed {
    name: String,
    /// Passings that are left.
    left: AtomicU32,
}

/// Passes the place `transaction.step`.
pub fn pass(transaction: &str, step: &str) {
    if !cfg!(debug_assertions) {
        return;
    }
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    let Some(armed) = ARMED.get_or_init(read) else {
        return;
    };
    if armed.name.split_once('.') == Some((transaction, step))
        && armed.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        tracing::warn!("failpoint {}", armed.name);
        std::process::abort();
    }
}

fn read() -> Option<Armed> {
    let text = std::env::var(VARIABLE).ok()?;
    let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
    Some(Armed {
        name: name.into(),
        left: AtomicU32::new(count.parse().ok().filter(|count| *count > 0)?),
    })
}
