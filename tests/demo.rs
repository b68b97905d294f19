//! The README's first command: it ends by itself, and only well if all of it happened.

#![allow(clippy::unwrap_used)] // in a test a panic is the answer

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn mailwright() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailwright"));
    command.arg("demo").stdin(Stdio::null());
    command
}

#[test]
fn the_demo_shows_the_whole_job_and_ends_well() {
    let ran = mailwright().output().unwrap();
    let told = String::from_utf8(ran.stdout).unwrap();
    assert!(
        ran.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    for expected in [
        "PENDING_AUTHORIZATION",
        "302 adele@contoso.com accepts",
        "FINAL_REPLY     ok",
        "deduplicated",
        "PARTIAL",
        "refused@contoso.com   REFUSED: 550 5.4.1",
        "report.bin, 5242880 bytes",
        "logo.png, 154 bytes, inline as cid:logo",
        "AADSTS7000222",
        "https://login.microsoftonline.com/error?code=7000222",
        "All of it happened",
    ] {
        assert!(told.contains(expected), "{expected:?} is not in:\n{told}");
    }
    assert!(!told.contains('\x1b'), "colour is for terminals");
    assert!(!told.contains("Sbx8Q~"), "a secret was printed");
    assert!(
        ran.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn a_kept_demo_stays_up_until_it_is_told_to_stop() {
    let mut child = mailwright()
        .arg("--keep")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let up = lines
        .find(|line| line.as_ref().unwrap().starts_with("The server stays up at"))
        .unwrap()
        .unwrap();
    let address = up
        .split_whitespace()
        .find(|word| word.starts_with("127."))
        .unwrap()
        .to_owned();
    assert!(lines.any(|line| line.unwrap().contains("The sandbox's page")));
    std::net::TcpStream::connect(&address).unwrap();

    let told = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(told.success());
    assert!(child.wait().unwrap().success());
    assert!(std::net::TcpStream::connect(&address).is_err());
}
