//! Folders for stores on disk: each its own, and gone when the next run begins.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mailwright::store::sled::Options;

/// Segments that fill up within a test, on whatever disk there is.
pub const SMALL: Options = Options {
    segment_bytes: 64 * 1024,
    reserve_bytes: 0,
};

/// A folder that isn't there yet.
pub fn fresh() -> PathBuf {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let run = RUN.get_or_init(|| {
        let name = env!("CARGO_CRATE_NAME");
        // Both profiles share this place, and a long run in one may not lose its folders to another.
        let profile = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        let run = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("folders-{name}-{profile}"));
        let _ = std::fs::remove_dir_all(&run);
        run
    });
    run.join(COUNT.fetch_add(1, Ordering::Relaxed).to_string())
}
