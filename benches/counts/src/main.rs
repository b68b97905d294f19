//! Guards what accepting and delivering a message costs, in instructions: no machine is slower or
//! busier at those than another.
//!
//! `make counts` compares with `benches/counts/counts.toml`, `make counts RECORD=1` writes it.

// Its output is what it is for.
#![allow(clippy::print_stdout)]

mod callgrind;
mod recorded;
mod sink;
mod work;

use std::path::Path;
use std::process::ExitCode;

/// Runs of which the one in the middle is recorded: threads that wake in another order change a
/// hundredth.
const RUNS: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["work", folder] => {
            work::run(Path::new(folder));
            Ok(())
        }
        ["check", folder] => callgrind::run(Path::new(folder)).and_then(recorded::check),
        ["record", folder] => median(Path::new(folder)).and_then(recorded::record),
        _ => Err("usage: mailwright-counts check|record FOLDER".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("counts: {why}");
            ExitCode::FAILURE
        }
    }
}

fn median(folder: &Path) -> Result<callgrind::Counted, String> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(callgrind::run(folder)?);
    }
    runs.sort_by_key(|run| run.accept);
    let accept = runs[RUNS / 2].accept;
    runs.sort_by_key(|run| run.deliver);
    let deliver = runs[RUNS / 2].deliver;
    Ok(callgrind::Counted { accept, deliver })
}
