//! The file with an admin's key, by which a server without keys is entered.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Presented;
use crate::model::Secret;

/// Where it is in the data folder.
pub fn path(folder: &Path) -> PathBuf {
    folder.join("admin.key")
}

/// The key in the file; none without a file.
///
/// # Errors
/// When the file can't be read, or holds no key.
pub fn read(path: &Path) -> io::Result<Option<Presented>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match Presented::parse(text.trim()) {
        Some(key) => Ok(Some(key)),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it holds no access key: take it away, and the next start makes one",
        )),
    }
}

/// Writes the key for its owner alone, in place of an earlier one: whole or not at all, and synced.
///
/// # Errors
/// When the folder takes no file.
pub fn write(path: &Path, key: &Secret) -> io::Result<()> {
    let fresh = path.with_extension("key.new");
    // What an earlier write left behind when it was cut off.
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(key.expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}
