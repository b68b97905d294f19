//! One record of a segment, and the row that refers to it.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;

use rustix::io::{ReadWriteFlags, preadv2};

use crate::store::{Result, StoreError};

/// Length of the row (4 bytes), CRC-32 of all that follows and of the length (4), length of the
/// key (2): big-endian.
const HEADER_BYTES: usize = 10;

/// Copying more than this would keep other tasks of a thread waiting.
const SMALL_MAX_BYTES: u32 = 64 * 1024;

/// The first byte of a row that refers to a segment. No record begins with it: there it is the
/// version.
const TAG: u8 = u8::MAX;

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    pub segment: u32,
    pub offset: u64,
    /// Bytes of the whole record.
    pub size: u32,
}

/// A row as a segment holds it.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Vec<u8>,
    pub row: Vec<u8>,
}

impl Reference {
    /// The row that stands for it.
    pub fn to_row(self) -> Vec<u8> {
        let mut row = vec![TAG];
        row.extend_from_slice(&self.segment.to_be_bytes());
        row.extend_from_slice(&self.offset.to_be_bytes());
        row.extend_from_slice(&self.size.to_be_bytes());
        row
    }

    /// Where a row refers to; none when it is a record itself.
    pub fn from_row(row: &[u8]) -> Option<Self> {
        let (segment, rest) = row.strip_prefix(&[TAG])?.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        Some(Self {
            segment: u32::from_be_bytes(*segment),
            offset: u64::from_be_bytes(*offset),
            size: u32::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

/// A record's bytes.
///
/// # Errors
/// When key or row is longer than a record holds: 64 KiB and 1 GiB.
pub fn write(key: &[u8], row: &[u8]) -> io::Result<Vec<u8>> {
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "the row is too long");
    let key_length = u16::try_from(key.len()).map_err(|_| too_long())?;
    let length = u32::try_from(row.len())
        .ok()
        .filter(|length| *length <= 1 << 30)
        .ok_or_else(too_long)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + key.len() + row.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&key_length.to_be_bytes());
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(row);
    let sum = checksum(&bytes);
    bytes[4..8].copy_from_slice(&sum.to_be_bytes());
    Ok(bytes)
}

/// The size of a record of so many bytes.
pub fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a record is at most 1 GiB and some")
}

/// Reads a record that must be there.
pub fn read(file: &File, reference: Reference) -> Result<Record> {
    let damaged = |what: &str| StoreError::Corrupt(format!("{reference:?}: {what}"));
    let mut bytes = vec![0; reference.size as usize];
    file.read_exact_at(&mut bytes, reference.offset)
        .map_err(|error| damaged(&error.to_string()))?;
    parse(bytes).ok_or_else(|| damaged("its checksum is wrong"))
}

/// Reads a record if the system has all of it in memory and it is small: that takes less time than to
/// ask another thread for it. Whatever keeps it from that, [`read`] tells.
pub fn read_from_memory(file: &File, reference: Reference) -> Option<Record> {
    if reference.size > SMALL_MAX_BYTES {
        return None;
    }
    let mut bytes = vec![0; reference.size as usize];
    let mut buffers = [IoSliceMut::new(&mut bytes)];
    let now = ReadWriteFlags::NOWAIT;
    let read = preadv2(file, &mut buffers, reference.offset, now).ok()?;
    if read < bytes.len() {
        return None;
    }
    parse(bytes)
}

/// The key and the size of the record at `offset`, unchecked; none when no whole one is there
/// before `end`.
pub fn peek(file: &File, offset: u64, end: u64) -> Option<(Vec<u8>, u32)> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, offset).ok()?;
    let (row, key) = lengths(&header)?;
    let size = HEADER_BYTES + key + row;
    if offset + size as u64 > end {
        return None;
    }
    let mut bytes = vec![0; key];
    file.read_exact_at(&mut bytes, offset + HEADER_BYTES as u64)
        .ok()?;
    Some((bytes, u32::try_from(size).ok()?))
}

fn parse(mut bytes: Vec<u8>) -> Option<Record> {
    let (row, key) = lengths(&bytes)?;
    let sum = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
    if bytes.len() != HEADER_BYTES + key + row || checksum(&bytes) != sum {
        return None;
    }
    let row = bytes.split_off(HEADER_BYTES + key);
    let key = bytes.split_off(HEADER_BYTES);
    Some(Record { key, row })
}

fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let row = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let key = u16::from_be_bytes(bytes.get(8..HEADER_BYTES)?.try_into().ok()?);
    Some((usize::try_from(row).ok()?, usize::from(key)))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes[..4]);
    sum.update(&bytes[8..]);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_no_flipped_bit_passes() {
        let bytes = write(b"key", b"row").unwrap();
        let record = Record {
            key: b"key".to_vec(),
            row: b"row".to_vec(),
        };
        assert_eq!(parse(bytes.clone()), Some(record));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(flipped), None, "bit {bit}");
        }
        assert_eq!(parse(bytes[..bytes.len() - 1].to_vec()), None);
    }

    #[test]
    fn a_reference_is_its_row_and_a_record_is_none() {
        let reference = Reference {
            segment: 7,
            offset: 1 << 40,
            size: 9,
        };
        assert_eq!(Reference::from_row(&reference.to_row()), Some(reference));
        assert_eq!(Reference::from_row(&crate::store::encode(&1u8)), None);
    }

    #[test]
    fn a_small_record_is_read_from_memory_a_large_or_damaged_one_is_not() {
        let path = std::env::temp_dir().join(format!("mailwright-record-{}", std::process::id()));
        let sizes = [1, SMALL_MAX_BYTES as usize];
        let records = sizes.map(|size| write(b"key", &vec![7; size]).unwrap());
        std::fs::write(&path, records.concat()).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let [small, large] =
            [(0, &records[0]), (records[0].len() as u64, &records[1])].map(|(offset, record)| {
                Reference {
                    segment: 0,
                    offset,
                    size: size(record.len()),
                }
            });
        let whole = read(&file, small).unwrap();
        assert_eq!(read_from_memory(&file, small), Some(whole));
        assert_eq!(read_from_memory(&file, large), None);
        let elsewhere = Reference { offset: 1, ..small };
        assert_eq!(read_from_memory(&file, elsewhere), None);
        assert_eq!(read(&file, large).unwrap().row.len(), sizes[1]);
    }
}
