//! How fast Mailwright is beside what one would take instead: `make bench` writes
//! `docs/benchmarks.md`.
//!
//! Sections are measured one after the other, each a function of [`SECTIONS`]. `ONLY=accept,deliver`
//! measures those alone and leaves what was measured of the others; `profile` wants a build of its own,
//! so it is measured only where it is named. `QUICK=1` takes one short sample of each and writes its
//! document below `target/`, as a debug build does: such figures mean nothing.
//!
//! Peers are real programs in processes of their own; so is the server. This process drives them and
//! looks at the clock.

#![allow(clippy::unwrap_used)]
// A benchmark is the one place that looks at a clock, and shows nothing else.
#![allow(clippy::disallowed_methods)]

mod accept;
mod certificate;
mod delay;
mod deliver;
mod disk;
mod far;
mod flow;
mod machine;
mod peers;
mod plot;
mod postfix;
mod profile;
mod program;
mod report;
mod seed;
mod server;
mod sink;
mod starttls;
mod state;
mod whole;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

use report::Section;

/// Measures a section.
type Measure = fn(&Bench) -> Section;

/// Name, and what measures it; in the document's order.
const SECTIONS: &[(&str, Measure)] = &[
    ("accept", accept::section),
    ("deliver", deliver::section),
    ("starttls", starttls::section),
    ("far", far::section),
    ("whole", whole::section),
    ("state", state::section),
    (PROFILE, profile::section),
];

const PROFILE: &str = "profile";

/// What every section gets.
pub struct Bench {
    /// For this process's clients.
    pub runtime: Runtime,
    /// Where data folders and queues are made: on a disk.
    pub folder: PathBuf,
    /// Where `make tools-bench` puts the peers.
    pub tools: PathBuf,
    /// Where a section's figures are kept: beside the document's others, so that it can be measured
    /// anew without them.
    pub results: PathBuf,
    /// How many samples of each figure.
    pub samples: usize,
    /// One short sample of each, to see that it runs.
    pub quick: bool,
    /// How it was called, for the document.
    pub command: String,
}

impl Bench {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare");
        fs::create_dir_all(&folder).unwrap();
        assert!(
            machine::is_on_disk(&folder),
            "{} is no disk: nothing would be durable",
            folder.display()
        );
        let quick = cfg!(debug_assertions) || is_set("QUICK");
        let results = root.join(if quick {
            "target/bench"
        } else {
            "benches/results"
        });
        fs::create_dir_all(&results).unwrap();
        let words = ["QUICK", "ONLY"].map(|name| env::var(name).map(|v| format!(" {name}={v}")));
        Self {
            runtime: Runtime::new().unwrap(),
            folder,
            tools: env::var_os("MAILWRIGHT_TOOLS").map_or(root.join(".tools"), PathBuf::from),
            results,
            samples: if quick { 1 } else { 5 },
            quick,
            command: words
                .into_iter()
                .flatten()
                .fold("make bench".into(), |a, b| a + &b),
        }
    }

    /// Where the document goes: what was cut short must not take the place of figures.
    pub fn document(&self) -> PathBuf {
        if self.quick {
            self.results.join("benchmarks.md")
        } else {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md")
        }
    }

    /// Where a picture of the document goes.
    pub fn picture(&self, name: &str) -> PathBuf {
        let document = self.document();
        let folder = document.with_file_name("img");
        fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    }

    /// So many, or a twentieth when it is only tried out.
    pub fn count(&self, full: usize) -> usize {
        if self.quick { (full / 20).max(1) } else { full }
    }

    /// A folder of that name, empty.
    pub fn fresh(&self, name: &str) -> PathBuf {
        let folder = self.folder.join(name);
        // It is there only where an earlier run was cut off.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }
}

fn main() {
    // What has to be another process is this program by another name.
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((role, rest)) if role == sink::ROLE => return sink::play(rest),
        Some((role, rest)) if role == delay::ROLE => return delay::play(rest),
        _ => {}
    }
    // `cargo test --all-targets` builds it, and calls it without this.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let bench = Bench::new();
    let only = env::var("ONLY").unwrap_or_default();
    let wanted = |name: &str| match only.as_str() {
        "" => name != PROFILE,
        only => only.split(',').any(|one| one == name),
    };
    for (name, section) in SECTIONS.iter().filter(|(name, _)| wanted(name)) {
        eprintln!("measuring: {name}");
        report::keep(&bench, section(&bench));
    }
    report::write(
        &bench,
        &SECTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
    );
}

fn is_set(name: &str) -> bool {
    env::var(name).is_ok_and(|value| !["", "0"].contains(&value.as_str()))
}
