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

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["work", folder] => {
            work::run(Path::new(folder));
            Ok(())
        }
        ["check", folder] => callgrind::run(Path::new(folder)).and_then(recorded::check),
        ["record", folder] => callgrind::run(Path::new(folder)).and_then(recorded::record),
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
