//! Room on the disk: new mail stops while there is still some, so that what was accepted can end.
//!
//! Free space below the reserve refuses new mail. Where others fill the disk all the same, a file
//! as large as the reserve is given up, and made again once there is room for it. Whoever is about
//! to write looks first: rows that find no room fail the store.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// What is known of the disk under the data folder.
pub struct Space {
    folder: PathBuf,
    reserve_bytes: u64,
    /// Whether the file is there: without it, new mail would use up what was given up for old.
    held: Mutex<bool>,
}

impl Space {
    /// Keeps `reserve_bytes` free, twice; 0 looks at nothing.
    pub fn new(folder: &Path, reserve_bytes: u64) -> Self {
        let mut space = Self {
            folder: folder.to_owned(),
            reserve_bytes,
            held: Mutex::new(false),
        };
        let ballast = fs::metadata(space.ballast()).is_ok_and(|file| file.len() == reserve_bytes);
        space.held = Mutex::new(ballast);
        space.tend();
        space
    }

    /// Whether so many more bytes of new mail may be kept.
    pub fn has_room(&self, bytes: u64) -> bool {
        // Where all mail is refused, nobody else may come to see that there is room again.
        self.tend();
        self.reserve_bytes == 0
            || *self.held() && self.free() >= self.reserve_bytes.saturating_add(bytes)
    }

    /// Gives the file up when the disk is nearly full, makes it again when there is room; whether it
    /// is there, or none is wanted.
    pub fn tend(&self) -> bool {
        if self.reserve_bytes == 0 {
            return true;
        }
        let mut held = self.held();
        let free = self.free();
        if *held {
            if free < self.reserve_bytes / 4 {
                self.remove(&mut held);
            }
        } else if free >= self.reserve_bytes.saturating_mul(2) {
            match self.make() {
                Ok(()) => *held = true,
                Err(error) => tracing::warn!(%error, "no space can be reserved on the disk"),
            }
        }
        *held
    }

    /// Gives the file up; whether there was one.
    pub fn give_up(&self) -> bool {
        let mut held = self.held();
        *held && {
            self.remove(&mut held);
            true
        }
    }

    fn remove(&self, held: &mut bool) {
        *held = false;
        tracing::warn!("the disk is full: new mail is refused until there is room");
        if let Err(error) = fs::remove_file(self.ballast()) {
            tracing::error!(%error, "the reserve can't be given up");
        }
    }

    fn held(&self) -> MutexGuard<'_, bool> {
        self.held
            .lock()
            .expect("no code panics while it holds this lock")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("reserve")
    }

    fn make(&self) -> io::Result<()> {
        let file = File::create(self.ballast())?;
        match fallocate(&file, FallocateFlags::empty(), 0, self.reserve_bytes) {
            // Such a file system can't reserve; the floor alone must do.
            Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            Err(error) => {
                fs::remove_file(self.ballast())?;
                Err(error.into())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Bytes that we may still write; all of them where the disk doesn't tell.
    pub fn free(&self) -> u64 {
        statvfs(&self.folder).map_or(u64::MAX / 2, |disk| {
            disk.f_bavail.saturating_mul(disk.f_frsize)
        })
    }
}

/// Whether this is for want of space.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
