//! The log of rows: what a group wrote is durable once it is in here, and goes to sled later.
//!
//! Two files that take turns. Each has its full length from the beginning and is written over and
//! over, so that a sync writes data and nothing of the file system's own. A record is its length,
//! a CRC-32, its number, and the rows. Numbers go up by one from record to record: what is left
//! behind a file's last record, of its turn before or torn by a crash, continues nothing. It doesn't
//! know what the rows mean.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::sync_folder;
use crate::store::rows::base::Writes;

/// A file takes so much, or one group that is larger.
const TURN_BYTES: u64 = 4 * 1024 * 1024;

/// What both files take.
pub const BYTES: u64 = 2 * TURN_BYTES;

/// Length of what follows (4 bytes), CRC-32 of the rest (4), number (8): big-endian.
const HEADER_BYTES: usize = 16;

/// In place of a row's length: the row is removed.
const REMOVED: u32 = u32::MAX;

/// The log, and where to write in it.
pub struct Log {
    files: [File; 2],
    turn: usize,
    offset: u64,
    /// Of the last record.
    number: u64,
}

/// What one group wrote.
pub struct Record {
    pub number: u64,
    pub writes: Writes,
}

impl Log {
    /// Opens the files in `folder`, makes them where they are not; nothing is written before
    /// [`Log::begin`].
    pub fn open(folder: &Path) -> io::Result<Self> {
        let files = [prepared(&folder.join("a"))?, prepared(&folder.join("b"))?];
        sync_folder(folder)?;
        Ok(Self {
            files,
            turn: 0,
            offset: 0,
            number: 0,
        })
    }

    /// The records behind number `settled`, in order.
    ///
    /// # Errors
    /// When one is missing that others follow.
    pub fn read(&self, settled: u64) -> io::Result<Vec<Record>> {
        let mut turns = [records(&self.files[0])?, records(&self.files[1])?];
        turns.sort_by_key(|turn| turn.first().map(|record| record.number));
        let [first, second] = turns;
        let unsettled: Vec<_> = first
            .into_iter()
            .chain(second)
            .filter(|record| record.number > settled)
            .collect();
        match (settled + 1..)
            .zip(&unsettled)
            .find(|(n, record)| record.number != *n)
        {
            None => Ok(unsettled),
            Some((missing, _)) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("record {missing} of the log is damaged"),
            )),
        }
    }

    /// Goes on behind number `settled`: sled holds everything up to it.
    pub fn begin(&mut self, settled: u64) {
        self.number = settled;
    }

    /// The number of the last record.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the file whose turn it is takes so many bytes more.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.offset == 0 || self.offset + bytes as u64 <= TURN_BYTES
    }

    /// Turns to the other file, of which everything is in sled.
    pub fn turn(&mut self) -> io::Result<()> {
        self.turn = 1 - self.turn;
        self.offset = 0;
        let file = &self.files[self.turn];
        match file.metadata()?.len() > TURN_BYTES {
            true => file.set_len(TURN_BYTES),
            false => Ok(()),
        }
    }

    /// Writes a record as [`record`] makes it. It is durable after [`Log::sync`].
    pub fn append(&mut self, mut record: Vec<u8>) -> io::Result<()> {
        record[8..HEADER_BYTES].copy_from_slice(&(self.number + 1).to_be_bytes());
        let sum = crc32fast::hash(&record[8..]);
        record[4..8].copy_from_slice(&sum.to_be_bytes());
        self.files[self.turn].write_all_at(&record, self.offset)?;
        self.offset += record.len() as u64;
        self.number += 1;
        Ok(())
    }

    pub fn sync(&self) -> io::Result<()> {
        self.files[self.turn].sync_data()
    }
}

/// A record of these rows, but for its number and its checksum.
pub fn record(writes: &Writes) -> Vec<u8> {
    let row_bytes = |row: &Option<Vec<u8>>| row.as_ref().map_or(0, Vec::len);
    let size: usize = writes
        .iter()
        .map(|(key, row)| 8 + key.len() + row_bytes(row))
        .sum();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + size);
    bytes.extend_from_slice(&length(size).to_be_bytes());
    bytes.resize(HEADER_BYTES, 0);
    for (key, row) in writes {
        let row_length = row.as_ref().map_or(REMOVED, |row| length(row.len()));
        bytes.extend_from_slice(&length(key.len()).to_be_bytes());
        bytes.extend_from_slice(&row_length.to_be_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(row.as_deref().unwrap_or_default());
    }
    bytes
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a group of transactions is bounded far below 4 GiB")
}

fn prepared(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let length = file.metadata()?.len();
    if length < TURN_BYTES {
        let zeros = usize::try_from(TURN_BYTES - length).expect("it is 4 MiB at most");
        file.write_all_at(&vec![0; zeros], length)?;
        file.sync_all()?;
    }
    Ok(file)
}

/// The records of a file: those that follow one another from its beginning.
fn records(file: &File) -> io::Result<Vec<Record>> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0)?;
    let (mut rest, mut records) = (bytes.as_slice(), Vec::<Record>::new());
    while let Some((record, behind)) = parse(rest) {
        let follows = |last: &Record| last.number + 1 == record.number;
        if !records.last().is_none_or(follows) {
            break;
        }
        records.push(record);
        rest = behind;
    }
    Ok(records)
}

/// The record at the front of `bytes`, if a whole one is there, and what is behind it.
fn parse(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (size, rest) = number(bytes)?;
    let (sum, rest) = number(rest)?;
    let (summed, behind) = rest.split_at_checked(8 + size as usize)?;
    if crc32fast::hash(summed) != sum {
        return None;
    }
    let (number_bytes, mut rows) = summed.split_first_chunk()?;
    let mut writes = Writes::new();
    while !rows.is_empty() {
        let (key_length, rest) = number(rows)?;
        let (row_length, rest) = number(rest)?;
        let (key, rest) = rest.split_at_checked(key_length as usize)?;
        let (row, rest) = match row_length {
            REMOVED => (None, rest),
            length => {
                let (row, rest) = rest.split_at_checked(length as usize)?;
                (Some(row.to_vec()), rest)
            }
        };
        writes.insert(key.to_vec(), row);
        rows = rest;
    }
    let number = u64::from_be_bytes(*number_bytes);
    // Zeros don't have the checksum zero, so they end the log above; and no record has number zero.
    (number > 0).then_some((Record { number, writes }, behind))
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = env!("CARGO_MANIFEST_DIR");

    /// A fresh log, and its folder.
    fn log(test: &str) -> (Log, std::path::PathBuf) {
        let folder = Path::new(PATH).join("target/tmp/log").join(test);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        (Log::open(&folder).unwrap(), folder)
    }

    fn writes(n: u64, bytes: usize) -> Writes {
        let removed = (vec![1, 2], None);
        Writes::from([(n.to_be_bytes().to_vec(), Some(vec![7; bytes])), removed])
    }

    fn append(log: &mut Log, bytes: usize) {
        let record = record(&writes(log.number() + 1, bytes));
        if !log.has_room(record.len()) {
            log.turn().unwrap();
        }
        log.append(record).unwrap();
    }

    fn numbers(log: &Log, settled: u64) -> Vec<u64> {
        let records = log.read(settled).unwrap();
        records.iter().map(|record| record.number).collect()
    }

    fn damage(folder: &Path, name: &str, offset: u64) {
        let file = OpenOptions::new().write(true).open(folder.join(name));
        file.unwrap().write_all_at(&[0xa5; 16], offset).unwrap();
    }

    #[test]
    fn what_was_written_is_read_in_order_and_no_trace_of_an_earlier_turn() {
        let (mut log, folder) = log("order");
        assert!(numbers(&log, 0).is_empty());
        for _ in 0..10 {
            append(&mut log, 1 << 20);
        }
        // Three a turn: 1 to 3 are written over.
        assert_eq!(numbers(&log, 6), [7, 8, 9, 10]);
        let log = Log::open(&folder).unwrap();
        let records = log.read(6).unwrap();
        assert!(records[0].writes == writes(7, 1 << 20));
        assert!(numbers(&log, 10).is_empty());
    }

    #[test]
    fn a_torn_record_ends_the_log_and_a_lost_one_is_said_to_be() {
        let (mut log, folder) = log("torn");
        for _ in 0..4 {
            append(&mut log, 1 << 20);
        }
        damage(&folder, "b", 1000);
        assert_eq!(numbers(&log, 0), [1, 2, 3]);
        log.begin(3);
        log.offset = 0;
        append(&mut log, 1 << 20);
        damage(&folder, "a", (2 << 20) + 1000);
        let lost = log.read(0).map(|_| ()).unwrap_err();
        assert_eq!(lost.to_string(), "record 3 of the log is damaged");
        assert_eq!(numbers(&log, 3), [4]);
    }

    #[test]
    fn a_group_larger_than_a_file_has_one_of_its_own() {
        let (mut log, folder) = log("large");
        append(&mut log, 100);
        append(&mut log, 6 << 20);
        assert_eq!(numbers(&log, 0), [1, 2]);
        append(&mut log, 100);
        append(&mut log, 6 << 20);
        append(&mut log, 100);
        assert_eq!(numbers(&log, 3), [4, 5]);
        let length = |name| folder.join(name).metadata().unwrap().len();
        assert_eq!(length("a"), TURN_BYTES);
    }
}
