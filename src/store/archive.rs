//! A copy of a store as bytes: rows, each with its checksum, and a manifest at the end that has the
//! SHA-256 of all before it. A copy that was cut off has no manifest, and is refused.
//!
//! Of several rows of one key the last one counts. What is sealed stays sealed; no key is in it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{LogBounds, VaultKeys};
use crate::model::Timestamp;
use crate::model::secret::KeyId;
use crate::store::{decode, encode};

/// What every copy begins with; the last byte is the version of this format.
const HEAD: &[u8] = b"mailwright backup\n\x01";

/// Of a frame: the length of its content, and the CRC-32 of that; big-endian.
const FRAME_HEAD_BYTES: usize = 8;

/// No content is longer: a row is at most 1 GiB and its key 64 KiB.
const CONTENT_MAX_BYTES: usize = (1 << 30) + (1 << 17);

const ROW: u8 = 1;
const GONE: u8 = 2;
const MANIFEST: u8 = 3;

/// A key and its record; none where the row was removed while the copy was made.
pub type CopiedRow = (Vec<u8>, Option<Vec<u8>>);

/// What a copy says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The program that made it.
    pub version: String,
    /// When it was begun: what it holds is at least as new.
    pub time: Timestamp,
    /// The log it has, and how far.
    pub epoch: u64,
    pub newest: u64,
    /// Keys of the vault that are needed to open it.
    pub key_ids: Vec<KeyId>,
    /// Rows by the tag of their table, repeated ones counted.
    pub rows: BTreeMap<u8, u64>,
    /// SHA-256 of everything before the manifest.
    pub sha256: [u8; 32],
}

/// Bytes that are no whole copy; why, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoArchive(String);

impl fmt::Display for NoArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoArchive {}

impl Manifest {
    /// All rows, repeated ones counted.
    pub fn row_count(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// Turns rows into the bytes of a copy.
pub struct Writer {
    hash: Sha256,
    rows: BTreeMap<u8, u64>,
}

impl Writer {
    /// A new copy, and how it begins.
    pub fn begin() -> (Self, Vec<u8>) {
        let mut hash = Sha256::new();
        hash.update(HEAD);
        let rows = BTreeMap::new();
        (Self { hash, rows }, HEAD.to_vec())
    }

    /// The bytes of these rows.
    pub fn rows(&mut self, rows: &[CopiedRow]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, record) in rows {
            let tag = key.first().copied().unwrap_or_default();
            *self.rows.entry(tag).or_default() += 1;
            let kind = if record.is_some() { ROW } else { GONE };
            let length = u16::try_from(key.len()).expect("keys are some hundred bytes at most");
            let record = record.as_deref().unwrap_or_default();
            frame(&mut bytes, &[&[kind], &length.to_be_bytes(), key, record]);
        }
        self.hash.update(&bytes);
        bytes
    }

    /// How the copy ends.
    pub fn end(self, version: &str, time: Timestamp, log: LogBounds, keys: &VaultKeys) -> Vec<u8> {
        let manifest = Manifest {
            version: version.to_owned(),
            time,
            epoch: log.epoch,
            newest: log.newest,
            key_ids: keys.keys.keys().copied().collect(),
            rows: self.rows,
            sha256: self.hash.finalize().into(),
        };
        let mut bytes = Vec::new();
        frame(&mut bytes, &[&[MANIFEST], &encode(&manifest)]);
        bytes
    }
}

/// Reads a copy to its end, hands each row on, and checks all of it: rows by themselves before they
/// are handed on, the whole at the end.
///
/// # Errors
/// [`NoArchive`] where it is damaged, cut off, longer than it should be, or of a newer version; and
/// what `each` returns.
pub fn read(
    from: &mut impl Read,
    mut each: impl FnMut(CopiedRow) -> Result<(), NoArchive>,
) -> Result<Manifest, NoArchive> {
    let mut hash = Sha256::new();
    let mut head = [0; HEAD.len()];
    fill(from, &mut head)?;
    match (
        head[..HEAD.len() - 1] == HEAD[..HEAD.len() - 1],
        head == *HEAD,
    ) {
        (true, true) => hash.update(head),
        (true, false) => return Err(told("it is of a newer version")),
        (false, _) => return Err(told("it is no backup of Mailwright")),
    }
    let mut rows: BTreeMap<u8, u64> = BTreeMap::new();
    loop {
        let (frame_head, content) = read_frame(from)?;
        let (kind, content) = content
            .split_first()
            .ok_or_else(|| told("a part is empty"))?;
        if *kind == MANIFEST {
            let manifest: Manifest = decode(content).map_err(|error| told(&error.to_string()))?;
            return whole(manifest, hash, &rows, from);
        }
        hash.update(frame_head);
        hash.update([*kind]);
        hash.update(content);
        let row = row(*kind, content).ok_or_else(|| told("a row can't be read"))?;
        let tag = row.0.first().copied().unwrap_or_default();
        *rows.entry(tag).or_default() += 1;
        each(row)?;
    }
}

/// An error in words of its own.
pub fn told(why: &str) -> NoArchive {
    NoArchive(why.to_owned())
}

fn whole(
    manifest: Manifest,
    hash: Sha256,
    rows: &BTreeMap<u8, u64>,
    from: &mut impl Read,
) -> Result<Manifest, NoArchive> {
    let sum: [u8; 32] = hash.finalize().into();
    if manifest.sha256 != sum || manifest.rows != *rows {
        return Err(told("it is not what its manifest says"));
    }
    match from.read(&mut [0]) {
        Ok(0) => Ok(manifest),
        Ok(_) => Err(told("something follows its end")),
        Err(error) => Err(unread(&error)),
    }
}

fn frame(bytes: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).expect("a row is at most 1 GiB");
    let mut sum = crc32fast::Hasher::new();
    parts.iter().for_each(|part| sum.update(part));
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&sum.finalize().to_be_bytes());
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
}

fn read_frame(from: &mut impl Read) -> Result<([u8; FRAME_HEAD_BYTES], Vec<u8>), NoArchive> {
    let mut head = [0; FRAME_HEAD_BYTES];
    fill(from, &mut head)?;
    let [length, sum] = [0, 4].map(|at| {
        let bytes = head[at..at + 4].try_into();
        u32::from_be_bytes(bytes.expect("it is four bytes long"))
    });
    let length = length as usize;
    if length > CONTENT_MAX_BYTES {
        return Err(told("a part is damaged: its length makes no sense"));
    }
    // Only what is there takes memory, whatever a damaged length says.
    let mut content = Vec::new();
    from.take(length as u64)
        .read_to_end(&mut content)
        .map_err(|error| unread(&error))?;
    if content.len() < length {
        return Err(cut_off());
    }
    if crc32fast::hash(&content) != sum {
        return Err(told("a part is damaged: its checksum is wrong"));
    }
    Ok((head, content))
}

fn row(kind: u8, content: &[u8]) -> Option<CopiedRow> {
    let (length, rest) = content.split_first_chunk()?;
    let (key, record) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    // Tag 0 belongs to whoever keeps the bytes.
    key.first().filter(|tag| **tag != 0)?;
    match kind {
        ROW => Some((key.to_vec(), Some(record.to_vec()))),
        GONE if record.is_empty() => Some((key.to_vec(), None)),
        _ => None,
    }
}

fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), NoArchive> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_off(),
        _ => unread(&error),
    })
}

fn cut_off() -> NoArchive {
    told("it was cut off: its end is missing")
}

fn unread(error: &io::Error) -> NoArchive {
    NoArchive(format!("it can't be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<CopiedRow> {
        vec![
            (b"\x01a".to_vec(), Some(b"one".to_vec())),
            (b"\x01b".to_vec(), Some(Vec::new())),
            (b"\x01a".to_vec(), None),
        ]
    }

    fn archive() -> Vec<u8> {
        let (mut writer, mut bytes) = Writer::begin();
        bytes.extend(writer.rows(&rows()));
        let log = LogBounds {
            epoch: 7,
            oldest: 0,
            newest: 9,
        };
        bytes.extend(writer.end("1", Timestamp::default(), log, &VaultKeys::default()));
        bytes
    }

    fn read_all(bytes: &[u8]) -> Result<(Manifest, Vec<CopiedRow>), NoArchive> {
        let mut found = Vec::new();
        let manifest = read(&mut &*bytes, |row| {
            found.push(row);
            Ok(())
        })?;
        Ok((manifest, found))
    }

    #[test]
    fn a_copy_is_read_back() {
        let (manifest, found) = read_all(&archive()).unwrap();
        assert_eq!(found, rows());
        assert_eq!((manifest.epoch, manifest.newest), (7, 9));
        assert_eq!(manifest.row_count(), 3);
    }

    #[test]
    fn no_flipped_bit_no_cut_and_no_addition_passes() {
        let bytes = archive();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read_all(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(read_all(&bytes[..length]).is_err(), "cut at {length}");
        }
        assert!(read_all(&[bytes.as_slice(), b"x"].concat()).is_err());
    }
}
