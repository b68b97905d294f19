//! Disks of a test's own: ext4 in a file, on a loop device, to be filled or to lose their power.
//!
//! Where the test may not have loop devices, it is told so on stderr, past the capture of tests,
//! and passes. Where it may, whatever fails is a failure. Mounts go with the [`Bench`], also when
//! the test panics; those of a run that was killed go when the next one begins.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder for images and the places where they are mounted.
pub struct Bench {
    folder: PathBuf,
    /// Held while this run lives: the kernel lets go of it with the process.
    _lock: File,
}

/// Says aloud why there is none, where loop devices can't be had.
pub fn bench(test: &str) -> Option<Bench> {
    // The owner of its own entry there is whoever the process acts as.
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let lacks = if !root {
        "needs root"
    } else if !Path::new("/dev/loop-control").exists() {
        "needs loop devices (/dev/loop-control)"
    } else {
        return Some(Bench::new());
    };
    let line = format!("\n==> NOT TESTED: {test} {lacks}, and did not run\n\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

impl Bench {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disks");
        fs::create_dir_all(&all).unwrap();
        // Nobody takes a folder for dead while it is being made.
        let gate = File::create(all.join("gate")).unwrap();
        gate.lock().unwrap();
        for entry in fs::read_dir(&all).unwrap().map(Result::unwrap) {
            let lock = File::open(entry.path().join("lock"));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                clear(&entry.path());
            }
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = all.join(format!("{}-{count}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        Self {
            folder,
            _lock: lock,
        }
    }

    /// A place in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Mounts an image in a folder of its own.
    pub fn mount(&self, image: &Path, name: &str) -> PathBuf {
        let at = self.path(name);
        fs::create_dir_all(&at).unwrap();
        run("mount", &["-o", "loop,noatime", text(image), text(&at)]);
        at
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        clear(&self.folder);
    }
}

/// Makes a file system of so many MiB. The file grows as it is written to.
pub fn format(image: &Path, mib: u64, options: &[&str]) {
    let file = File::create(image).unwrap();
    file.set_len(mib * 1024 * 1024).unwrap();
    let always = ["-q", "-F", "-m", "0", text(image)];
    run("mkfs.ext4", &[options, &always].concat());
}

/// Takes all the room that is left on a disk, but for so many bytes.
pub fn fill(path: &Path, but: u64) {
    let mut file = File::create(path).unwrap();
    for bytes in [1024 * 1024, 4096] {
        let chunk = vec![0x5a; bytes];
        let full = loop {
            if let Err(error) = file.write_all(&chunk) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }
    let bytes = file.metadata().unwrap().len();
    file.set_len(bytes.saturating_sub(but)).unwrap();
    file.sync_all().unwrap();
}

/// Ends all that is mounted below a folder, whatever state it is in, and removes the folder. It
/// must not panic: it may run while a test does.
fn clear(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below: Vec<&str> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|at| Path::new(at).starts_with(folder))
        .collect();
    let quietly = |name: &str, arguments: &[&str]| {
        // A thing that is not so has no need of it.
        let _ = Command::new(name).args(arguments).output();
    };
    for at in &below {
        quietly("fsfreeze", &["--unfreeze", at]);
    }
    for at in below.iter().rev() {
        // Gone for us at once, and for good when the last process lets go of it.
        quietly("umount", &["--lazy", at]);
    }
    let _ = fs::remove_dir_all(folder);
}

/// Runs a command that must succeed.
pub fn run(name: &str, arguments: &[&str]) {
    let output = Command::new(name)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}; is it installed?"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {said}");
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
