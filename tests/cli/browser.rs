//! The page of a consent, opened in the browser of this machine: by `--open`, or by Enter on a terminal.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::house::{House, spawn};

/// Puts a desktop in front of the command's PATH; the pipe that it writes to what it is asked to open.
fn desktop(house: &House, command: &mut Command) -> PathBuf {
    let (bin, opened) = (house.folder.join("bin"), house.folder.join("opened"));
    std::fs::create_dir_all(&bin).unwrap();
    let made = Command::new("mkfifo").arg(&opened).status().unwrap();
    assert!(made.success());
    let name = match cfg!(target_os = "macos") {
        true => "open",
        false => "xdg-open",
    };
    let open = bin.join(name);
    let script = format!("#!/bin/sh\nprintf %s \"$1\" > '{}'\n", opened.display());
    std::fs::write(&open, script).unwrap();
    std::fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::iter::once(bin).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(path).unwrap());
    opened
}

#[test]
fn the_page_is_opened_where_that_is_asked_for() {
    let house = House::start();
    house.create("billing");
    let mut command = house.command(&["authorize", "billing", "--open"]);
    let opened = desktop(&house, &mut command);
    let waiting = spawn(command);
    let url = std::fs::read_to_string(opened).unwrap();
    house.consent(&url);
    let output = waiting.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    assert!(
        shown.contains(&url),
        "for another machine's browser: {shown}"
    );
    assert!(!shown.contains("Press Enter"), "{shown}");
}

#[test]
fn enter_on_a_terminal_opens_the_page() {
    let house = House::start();
    house.create("billing");
    let mut command = house.on_a_terminal("authorize billing");
    let opened = desktop(&house, &mut command);
    command.stdin(Stdio::piped());
    let mut waiting = spawn(command);
    let mut keyboard = waiting.stdin.take().unwrap();
    let lines = BufReader::new(waiting.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.contains("Press Enter")));
    keyboard.write_all(b"\n").unwrap();
    let url = std::fs::read_to_string(opened).unwrap();
    house.consent(&url);
    assert!(lines.any(|line| line.contains("Authorized.")));
    assert!(waiting.wait().unwrap().success());
}
