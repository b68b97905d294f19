//! The machine and the programs that a figure is of.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Bench;

/// What the document says of the machine.
pub fn describe(bench: &Bench) -> String {
    let cpu = first_line("/proc/cpuinfo", "model name").unwrap_or("an unknown CPU".into());
    let memory = first_line("/proc/meminfo", "MemTotal").unwrap_or_default();
    let memory_kib: u64 = memory
        .split_whitespace()
        .next()
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = output("uname", &["-sr"]);
    let (device, kind) = mount(&bench.folder);
    format!(
        "The machine: {cpu}, {cores} cores, {} GiB, {kernel}; the data on {kind} ({device}{}).",
        memory_kib.div_ceil(1024 * 1024),
        rotation(&device),
    )
}

/// When, of what build and by what command.
pub fn measured(bench: &Bench) -> String {
    let date = output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
    let commit = output("git", &["rev-parse", "--short=10", "HEAD"]);
    let build = if cfg!(debug_assertions) {
        "a debug build, whose figures mean nothing"
    } else {
        "dist build"
    };
    let quick = if bench.quick {
        ", cut short (QUICK): for trying out, not for figures"
    } else {
        ""
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    format!(
        "Measured {date} at {commit} ({build}) by `{}`, medians of {}{quick}; load of the machine at the end: {load}.",
        bench.command, bench.samples,
    )
}

/// The first line that a program prints, for its version.
pub fn version(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let output = Command::new(&program).args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "{:?} does not run ({error}): make tools-bench",
            program.as_ref()
        )
    });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// The version that Debian gives a package.
pub fn debian(package: &str) -> String {
    let version = output("dpkg-query", &["-W", "-f", "${Version}", package]);
    format!("{package} {version}")
}

/// Whether files there are on a disk.
pub fn is_on_disk(folder: &Path) -> bool {
    !["tmpfs", "ramfs"].contains(&mount(folder).1.as_str())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or("?".into(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}

fn first_line(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The device and the kind of file system that a folder is on.
fn mount(folder: &Path) -> (String, String) {
    let folder = folder.canonicalize().unwrap_or(folder.to_owned());
    let text = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, at, kind) = (words.next()?, words.next()?, words.next()?);
        folder
            .starts_with(at)
            .then(|| (at.len(), device.to_owned(), kind.to_owned()))
    });
    let deepest = mounts.max_by_key(|(length, ..)| *length);
    deepest.map_or(("?".into(), "?".into()), |(_, device, kind)| (device, kind))
}

/// What the kernel knows of a disk.
fn rotation(device: &str) -> String {
    let name = device.rsplit('/').next().unwrap_or_default();
    let queue = format!("/sys/block/{name}/queue/");
    match fs::read_to_string(queue.clone() + "write_cache") {
        Ok(cache) => format!(", cache: {}", cache.trim()),
        Err(_) => String::new(),
    }
}
