//! A computer whose power can be cut, and come back.
//!
//! A copy that is made of a disk while it is written mixes old and new as no power cut does, and one
//! of a file system that is frozen has been synced, which hides what a store forgot to sync. So the
//! store lives on three file systems, each in a file of the one below:
//!
//! - `data`, where the store writes. Its page cache is the memory of the computer.
//! - `disk`, which holds `data`. Its page cache is the memory in a disk: a write to `data` stays
//!   there until `data` tells its device to flush, as it does for fsync. sled's `flush` alone, or a
//!   file that is renamed and not synced, is lost here.
//! - `ground`, which holds `disk`: what is on it is on the disk. It is frozen at an instant of the
//!   cut: writes of `disk` wait, none is half done. Freezing syncs `ground` and nothing above it.
//!
//! While it stands still the image of `disk` is copied; everything that the writer has told by then
//! must be in the copy, since nothing has reached the disk meanwhile. The writer is killed, and the
//! next one lives on the copy: what one cut damaged, the next ones meet.

use std::path::{Path, PathBuf};

use super::super::device::{self, Bench, text};

/// A computer with a disk.
pub struct Machine {
    bench: Bench,
    /// Which of two grounds the disk is on.
    ground: usize,
}

impl Machine {
    pub fn new(bench: Bench) -> Self {
        let machine = Self { bench, ground: 0 };
        for name in ["ground-0", "ground-1"] {
            let image = machine.bench.path(&format!("{name}.img"));
            device::format(&image, 900, &["-O", "^has_journal"]);
            machine.bench.mount(&image, name);
        }
        device::format(&machine.image(0), 800, &[]);
        let disk = machine.bench.mount(&machine.image(0), "disk");
        device::format(&disk.join("data.img"), 640, &[]);
        machine.bench.mount(&disk.join("data.img"), "data");
        machine
    }

    /// Where the store is.
    pub fn folder(&self) -> PathBuf {
        self.bench.path("data/store")
    }

    /// Stops the disk, keeps what is on it, and calls `told` before it goes on.
    pub fn cut(&self, told: impl FnOnce()) {
        let ground = self.bench.path(&format!("ground-{}", self.ground));
        let _frozen = freeze(&ground);
        let (from, to) = (self.image(self.ground), self.image(1 - self.ground));
        device::run("cp", &["--sparse=auto", text(&from), text(&to)]);
        told();
    }

    /// Comes up again with what was on the disk at the cut.
    pub fn power_up(&mut self) {
        unmount(&self.bench.path("data"));
        unmount(&self.bench.path("disk"));
        std::fs::remove_file(self.image(self.ground)).unwrap();
        self.ground = 1 - self.ground;
        let disk = self.bench.mount(&self.image(self.ground), "disk");
        self.bench.mount(&disk.join("data.img"), "data");
    }

    fn image(&self, ground: usize) -> PathBuf {
        self.bench.path(&format!("ground-{ground}/disk.img"))
    }
}

/// A file system that stands still as long as this lives: who writes to it waits.
struct Frozen<'a>(&'a Path);

fn freeze(at: &Path) -> Frozen<'_> {
    device::run("fsfreeze", &["--freeze", text(at)]);
    Frozen(at)
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        device::run("fsfreeze", &["--unfreeze", text(self.0)]);
    }
}

/// Takes it out of sight at once, and out of use when the kernel lets go of it, which may be later:
/// what it still writes goes to an image that nobody needs.
fn unmount(at: &Path) {
    device::run("umount", &["--lazy", text(at)]);
}
