//! `mailwright demo`, the built program, as whoever reads the README runs it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

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

/// What other programs take a proxy from.
const PROXY_VARIABLES: [&str; 8] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// How wide a terminal begins.
const COLUMNS: usize = 80;

#[test]
fn the_demo_shows_the_whole_job_and_ends_by_itself() {
    let folder = Folder::new("whole");
    let mut command = demo(&folder);
    // Nobody is there: what asks a proxy gets nowhere.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    for name in PROXY_VARIABLES {
        // Loopback is no exception.
        let without = name.eq_ignore_ascii_case("no_proxy");
        command.env(name, if without { "" } else { &proxy });
    }
    let output = command.output().unwrap();
    let shown = text(&output);
    for line in KEY_LINES {
        assert!(shown.contains(line), "{line:?} is missing in:\n{shown}");
    }
    for line in shown.lines() {
        assert!(line.chars().count() <= COLUMNS, "it wraps: {line}");
    }
    holds_that_times_run_forward(&shown);
    assert!(!shown.contains('\u{1b}'), "colour in a pipe:\n{shown}");
    assert!(output.stderr.is_empty(), "noise on stderr: {output:?}");
    assert!(folder.is_empty(), "the demo left something behind");
}

/// Of each message the feed tells when it was accepted, and how much later what followed.
fn holds_that_times_run_forward(shown: &str) {
    let feed = shown.split("StatusAPI.WatchStatus").nth(1).unwrap();
    let feed = feed.split("at the sandbox").next().unwrap();
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in feed.lines().filter(|line| line.contains(" s ")) {
        let words: Vec<_> = line.split_whitespace().collect();
        if words[0].starts_with('#') {
            let time = words[1].strip_prefix('+').unwrap().parse().unwrap();
            times.entry(words[0]).or_default().push(time);
        }
    }
    assert_eq!(times.len(), 3, "{feed}");
    for times in times.values() {
        assert_eq!((times.len(), times[0]), (3, 0.0), "{feed}");
        assert!(times.is_sorted(), "{feed}");
    }
}

#[test]
fn a_terminal_gets_colour() {
    // `script`, of util-linux, plays the terminal.
    let shown = |no_color: &str| {
        let folder = Folder::new("terminal");
        let line = format!("{} demo", env!("CARGO_BIN_EXE_mailwright"));
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .env("TMPDIR", &folder.0)
            .env("TERM", "xterm")
            .env("NO_COLOR", no_color)
            .stdin(Stdio::null());
        text(&command.output().unwrap())
    };
    let coloured = shown("");
    assert!(coloured.contains("\u{1b}[32mREADY"), "{coloured:?}");
    let plain = shown("1");
    assert!(
        plain.contains("READY") && !plain.contains('\u{1b}'),
        "{plain:?}"
    );
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

#[test]
fn kept_up_it_serves_what_it_prints_until_it_is_terminated() {
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
    lines.by_ref().find(|line| line.contains("Still up"));
    let printed: Vec<_> = lines
        .by_ref()
        .take_while(|line| !line.starts_with("   sandbox "))
        .collect();
    for line in &printed {
        // The path of the key's file is as long as the folder's.
        let is_path = line.contains("admin.key");
        assert!(is_path || line.chars().count() <= COLUMNS, "{line}");
    }
    holds_that_they_work(&printed);

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

/// Pastes what `--keep` printed, one comment and its command after another.
fn holds_that_they_work(printed: &[String]) {
    let text = printed.join("\n");
    let (export, commands) = text.split_once("export AUTH=").unwrap();
    assert!(export.trim_start().starts_with('#'), "{text}");
    let (key, commands) = commands.split_once('\n').unwrap();
    let commands: Vec<_> = commands.split("\n   # ").skip(1).collect();
    let answers = [
        ("what there is", "mailwright.v1.MailAPI"),
        ("the service", "\"displayName\": \"Contoso mail\""),
        ("send a message", "\"state\": \"MESSAGE_STATE_QUEUED\""),
        ("everything that happened", "\"MESSAGE_STATE_PARTIAL\""),
        ("the server itself", "\"newestCursor\""),
    ];
    assert_eq!(commands.len(), answers.len(), "{text}");
    for (command, (what, answer)) in commands.iter().zip(answers) {
        assert!(command.starts_with(what), "{command}");
        let endless = command.contains("WatchStatus");
        let ends = if endless {
            "-max-time 2 -plaintext"
        } else {
            "-plaintext"
        };
        let command = command.replace("-plaintext", ends);
        let line = format!("export AUTH={key}\n# {command}");
        let output = shell(&line).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || endless, "{line}\n{said}");
        assert!(shown.contains(answer), "{line}\n{shown}\n{said}");
    }
}

/// Runs these lines where grpcurl is.
fn shell(lines: &str) -> Command {
    let mut path = std::env::var_os("PATH").unwrap();
    if let Ok(tools) = std::env::var("MAILWRIGHT_TOOLS") {
        let bin = Path::new(&tools).join("bin");
        let all = std::iter::once(bin).chain(std::env::split_paths(&path));
        path = std::env::join_paths(all).unwrap();
    }
    let mut command = Command::new("sh");
    command
        .args(["-e", "-c", lines])
        .env("PATH", path)
        .stdin(Stdio::null());
    command
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
