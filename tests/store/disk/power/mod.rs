//! The power goes at any instant; whatever was acknowledged by then is there when it comes back.
//!
//! `machine` says what a power cut is here, `writer` is who loses the power, and `ledger` what must be
//! there afterwards.

mod ledger;
mod machine;
mod writer;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::device;
use super::*;
use ledger::{Ledger, MARK};
use machine::Machine;

/// Rounds in CI; the variable POWER_ROUNDS sets more, for a soak.
const ROUNDS: u32 = 5;

/// Set for the child: the folder to live in, its first message, its first second.
const LIFE: &str = "POWER_LIFE";

/// The process that writes, and what it tells.
struct Writer {
    child: Child,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    facts: Vec<String>,
    accepted: usize,
    /// What else it said.
    said: String,
    ended: bool,
}

/// No test of its own: the process that writes, where the variable is set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_writes_until_its_power_is_cut() {
    if let Ok(life) = std::env::var(LIFE) {
        let words: Vec<&str> = life.split(' ').collect();
        writer::live(Path::new(words[0]), parse(words[1]), parse(words[2])).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_survives_power_cuts() {
    let Some(bench) = device::bench("surviving power cuts") else {
        return;
    };
    let rounds = std::env::var("POWER_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |rounds| parse(&rounds));
    let random = Env::manual(at(0), 5);
    let mut machine = Machine::new(bench);
    let mut ledger = Ledger::default();
    let mut reused = 0;
    for round in 1..=rounds {
        let enough = 100 + usize::from(u16::from_be_bytes(random.random()) % 1_200);
        let mut writer = Writer::start(&machine.folder(), round * 1_000_000, ledger.clock() + 1);
        writer.until_accepted(enough);
        machine.cut(|| writer.facts().iter().for_each(|fact| ledger.note(fact)));
        writer.end();
        machine.power_up();
        let store: Shared = Arc::new(open(&machine.folder(), round.into(), folder::SMALL).unwrap());
        ledger.check(&store).await;
        drop(store);
        reused = reused_segments(&machine.folder());
        let checked = ledger.checked;
        println!(
            "power cut {round}: {checked} ids checked, {reused} segments of sled's log reused"
        );
    }
    assert!(reused > u64::from(rounds), "sled's log did not go round");
}

impl Writer {
    fn start(folder: &Path, first: u32, clock: i64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "disk::power::a_child_writes_until_its_power_is_cut",
            ])
            .env(LIFE, format!("{} {first} {clock}", folder.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let told = Arc::new(Told::default());
        let (stderr, listener) = (child.stderr.take().unwrap(), told.clone());
        thread::spawn(move || listener.listen(stderr));
        Self { child, told }
    }

    /// Waits until it has told of so many messages accepted.
    fn until_accepted(&self, count: usize) {
        let mut state = self.told.state.lock().unwrap();
        while state.accepted < count {
            assert!(!state.ended, "the writer ended: {}", state.said);
            state = self.told.changed.wait(state).unwrap();
        }
    }

    /// What it has told so far.
    fn facts(&self) -> Vec<String> {
        let state = self.told.state.lock().unwrap();
        assert!(!state.ended, "the writer ended: {}", state.said);
        state.facts.clone()
    }

    fn end(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Told {
    fn listen(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut state = self.state.lock().unwrap();
            match line.strip_prefix(MARK) {
                Some(fact) => {
                    state.accepted += usize::from(fact.starts_with("accepted"));
                    state.facts.push(fact.to_owned());
                }
                None => state.said += &format!("{line}\n"),
            }
            self.changed.notify_all();
        }
        self.state.lock().unwrap().ended = true;
        self.changed.notify_all();
    }
}

/// How often sled has put a new segment of its log in the place of an old one: the newest segment's
/// number in the log, less the number of places.
fn reused_segments(folder: &Path) -> u64 {
    const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
    let file = std::fs::File::open(folder.join("rows/db")).unwrap();
    let places = file.metadata().unwrap().len().div_ceil(SEGMENT_BYTES);
    let numbers = (0..places).filter_map(|place| {
        // A checksum, the place in the log and one more, their bits turned over.
        let mut header = [0; 20];
        let at = place * SEGMENT_BYTES;
        file.read_exact_at(&mut header, at).unwrap();
        let sum = !u32::from_le_bytes(header[..4].try_into().unwrap());
        let lsn = i64::from_le_bytes(header[4..12].try_into().unwrap()) ^ i64::MAX;
        // A place that has never been written to has none.
        let whole = crc32fast::hash(&header[4..]) == sum;
        whole.then(|| u64::try_from(lsn).unwrap() / SEGMENT_BYTES + 1)
    });
    numbers.max().unwrap_or(0).saturating_sub(places)
}
