//! One run of [`crate::work`] under callgrind, and the counts of its phases.
//!
//! A dump is what all threads executed since the dump before. Valgrind gives every program the same
//! processor, so the machine doesn't matter; compiler and C library do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::work::MARK;

/// Instructions of one phase of one run, over all its messages.
#[derive(Clone, Copy)]
pub struct Counted {
    pub accept: u64,
    pub deliver: u64,
}

/// Runs it; the dumps stay in `folder` for callgrind_annotate.
///
/// # Errors
/// Where valgrind is missing or fails, or where the dumps aren't what was asked for.
pub fn run(folder: &Path) -> Result<Counted, String> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let dumps = folder.join("callgrind.out");
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--fair-sched=yes"])
        .arg(format!("--dump-before=*{MARK}*"))
        .arg(format!("--callgrind-out-file={}", dumps.display()))
        .arg(own)
        .arg("work")
        .arg(folder)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !status.success() {
        return Err(format!("valgrind: {status}"));
    }
    // The first dump is of what came before the messages that count.
    Ok(Counted {
        accept: total(&dumps, 2)?,
        deliver: total(&dumps, 3)?,
    })
}

fn total(dumps: &Path, part: u32) -> Result<u64, String> {
    let path = PathBuf::from(format!("{}.{part}", dumps.display()));
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if !text.contains(MARK) {
        return Err(format!("{}: not of a phase", path.display()));
    }
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| format!("{}: no total", path.display()))
}
