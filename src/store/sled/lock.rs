//! One process owns a data folder: the lock that says which.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::OpenError;
use super::space::is_full;
use crate::model::Timestamp;

/// Held as long as it lives. The file stays; the kernel ends the lock with the process.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, and leaves word of who holds it.
    pub fn take(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| OpenError::io("open", path, &error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(OpenError::Owned {
                    by: owner(&mut file),
                });
            }
            Err(error) => return Err(OpenError::io("lock", path, &error.into())),
        }
        match sign(&mut file, now) {
            // The lock holds without a name, and a full disk must not keep mail from ending.
            Err(error) if !is_full(&error) => Err(OpenError::io("write", path, &error)),
            _ => Ok(Self { _file: file }),
        }
    }
}

fn sign(file: &mut File, now: Timestamp) -> io::Result<()> {
    file.set_len(0)?;
    write!(file, "process {}, since {now}", std::process::id())
}

fn owner(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.is_empty() => text,
        _ => "another process".into(),
    }
}
