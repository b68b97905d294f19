//! `mailwright demo`, the built program, as whoever reads the README runs it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// What each step must have shown; the program itself checks what is behind it.
const KEY_LINES: [&str; 14] = [
    "PENDING_AUTHORIZATION",
    "http://localhost:",
    "/oauth2/callback",
    "PENDING_TEST",
    "FINAL_REPLY",
    "READY",
    "deduplicated",
    "SENDING → SENT",
    "SENDING → PARTIAL",
    "refused refused@contoso.com",
    "550 5.4.1",
    "5,000,000 bytes",
    "AADSTS7000222",
    "All of it happened",
];

#[test]
fn the_demo_shows_the_whole_job_and_ends_by_itself() {
    let folder = Folder::new("whole");
    let output = demo(&folder).output().unwrap();
    let shown = text(&output);
    for line in KEY_LINES {
        assert!(shown.contains(line), "{line:?} is missing in:\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "colour in a pipe:\n{shown}");
    assert!(output.stderr.is_empty(), "noise on stderr: {output:?}");
    assert!(folder.is_empty(), "the demo left something behind");
}

#[test]
fn colour_variables_change_nothing_in_a_pipe() {
    let folder = Folder::new("colour");
    let mut command = demo(&folder);
    let output = command
        .env("NO_COLOR", "1")
        .env("TERM", "xterm-256color")
        .output();
    assert!(!text(&output.unwrap()).contains('\u{1b}'));
}

#[tokio::test]
async fn kept_up_it_serves_until_it_is_terminated() {
    let folder = Folder::new("kept");
    let mut child = Running(
        demo(&folder)
            .arg("--keep")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(child.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let last = lines
        .by_ref()
        .find(|line| line.contains("AdminAPI/GetServerInfo"));
    let words: Vec<_> = last
        .as_ref()
        .unwrap()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert_eq!(words[..4], ["grpcurl", "-plaintext", "-H", "\"$AUTH\""]);

    let channel = Endpoint::from_shared(format!("http://{}", words[4])).unwrap();
    let mut health = HealthClient::new(channel.connect().await.unwrap());
    let answer = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    drop(health);

    let pid = child.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    // It ends its output when it ends.
    lines.for_each(drop);
    assert!(child.0.wait().unwrap().success());
    assert!(folder.is_empty(), "the demo left something behind");
}

#[test]
fn a_reader_that_stops_reading_does_not_fail_the_demo() {
    let folder = Folder::new("closed");
    let mut child = Running(demo(&folder).stdout(Stdio::piped()).spawn().unwrap());
    let mut first = [0; 1];
    child
        .0
        .stdout
        .take()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    assert!(child.0.wait().unwrap().success());
}

fn demo(temporary: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailwright"));
    command
        .arg("demo")
        .stdin(Stdio::null())
        .env("TMPDIR", &temporary.0);
    command
}

fn text(output: &Output) -> String {
    let shown = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        output.status.success(),
        "{}\n{shown}",
        String::from_utf8_lossy(&output.stderr)
    );
    shown
}

/// Ended with its test, also a failed one.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test passed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A place for temporary folders that nobody else uses.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn is_empty(&self) -> bool {
        std::fs::read_dir(&self.0).unwrap().next().is_none()
    }
}
