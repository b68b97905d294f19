//! Another program as a child process, ended by its own id, whatever ends this one.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a program may take to come up or to leave.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program.
pub struct Program {
    child: Child,
    log: PathBuf,
    /// Ends when its input does, and would leave others behind otherwise.
    ends_by_input: bool,
}

impl Program {
    /// What it says goes to a file, which costs it what a log costs.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let open = || File::options().create(true).append(true).open(log).unwrap();
        let child = command
            .stdin(Stdio::piped())
            .stdout(open())
            .stderr(open())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not run ({error}): make tools-bench"));
        Self {
            child,
            log: log.to_owned(),
            ends_by_input: false,
        }
    }

    /// As [`Program::start`], of what ends by itself when its input does.
    pub fn shell(command: &mut Command, log: &Path) -> Self {
        let mut program = Self::start(command, log);
        program.ends_by_input = true;
        program
    }

    /// Waits until it has ended by itself.
    pub fn ended(mut self) {
        self.child.wait().unwrap();
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has said that.
    pub fn says(mut self, text: &str) -> Self {
        let begin = Instant::now();
        loop {
            let ended = !matches!(self.child.try_wait(), Ok(None));
            let said = fs::read_to_string(&self.log).unwrap();
            if said.contains(text) {
                return self;
            }
            let is_late = ended || begin.elapsed() > PATIENCE;
            assert!(!is_late, "it did not say {text:?}, but:\n{said}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until something listens there.
    pub fn listens(mut self, at: SocketAddr) -> Self {
        let begin = Instant::now();
        while TcpStream::connect(at).is_err() {
            let ended = !matches!(self.child.try_wait(), Ok(None));
            let said = || fs::read_to_string(&self.log).unwrap();
            let is_late = ended || begin.elapsed() > PATIENCE;
            assert!(!is_late, "nothing listens at {at}:\n{}", said());
            thread::sleep(Duration::from_millis(10));
        }
        self
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let has_ended = !matches!(self.child.try_wait(), Ok(None));
        let id = Pid::from_raw(self.child.id().cast_signed());
        if let Some(id) = id.filter(|_| !has_ended && !self.ends_by_input) {
            // It may end at this instant.
            let _ = kill_process(id, Signal::TERM);
        }
        let begin = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begin.elapsed() > PATIENCE {
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Runs it to its end; how long that took.
pub fn timed(command: &mut Command) -> Duration {
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).output();
    let output = output
        .unwrap_or_else(|error| panic!("{command:?} does not run ({error}): make tools-bench"));
    let time = begin.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    time
}

/// A free port of this loopback address.
pub fn free_port(at: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((at, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
