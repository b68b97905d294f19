//! What the store knows about itself: the version of its format, the epoch of its log, and how
//! much lives in each segment. Its keys begin with tag 0, which no table has.

use std::collections::BTreeMap;

use ::sled::{Batch, Db, Tree};

use super::OpenError;
use super::settle::Rows;

/// Makes the format of one version that of the next: what to write in the same batch as the new
/// version, so that it happens once.
pub type Step = fn(&Tree, &mut Batch) -> ::sled::Result<()>;

/// From version 1 to 2, from 2 to 3, and so on.
pub const STEPS: &[Step] = &[];

const VERSION: &[u8] = b"\0format";
const EPOCH: &[u8] = b"\0epoch";
const SETTLED: &[u8] = b"\0settled";
const LIVE: &[u8] = b"\0live";

/// Opens the format: writes it in a new store, refuses what these steps do not lead to. An older one
/// stays as it is until [`migrate`]. Returns the log's epoch, which is `fresh` in a new store. Nothing
/// of it is durable before the next sync.
pub fn open(db: &Db, fresh: u64, steps: &[Step]) -> Result<u64, OpenError> {
    let known = version_of(steps);
    match number(db, VERSION)? {
        None => {
            let mut batch = Batch::default();
            batch.insert(VERSION, &known.to_be_bytes());
            batch.insert(EPOCH, &fresh.to_be_bytes());
            db.apply_batch(batch).map_err(OpenError::rows)?;
            Ok(fresh)
        }
        Some(found) if found > known => Err(OpenError::TooNew { found, known }),
        Some(_) => {
            number(db, EPOCH)?.ok_or_else(|| OpenError::Failed("the store has no epoch".into()))
        }
    }
}

/// Makes an older format the newest, durably. Whatever has rows in the older one must have none left.
pub fn migrate(rows: &Rows, steps: &[Step]) -> Result<(), OpenError> {
    let found = number(&rows.db, VERSION)?.unwrap_or_else(|| version_of(steps));
    let failed = |version: u64| {
        move |error: ::sled::Error| {
            OpenError::Failed(format!("the format {version} can't be migrated: {error}"))
        }
    };
    for (version, step) in (1u64..).zip(steps).filter(|(version, _)| *version >= found) {
        let mut batch = Batch::default();
        step(&rows.db, &mut batch).map_err(failed(version))?;
        batch.insert(VERSION, &(version + 1).to_be_bytes());
        rows.db
            .apply_batch(batch)
            .and_then(|()| rows.sync())
            .map_err(failed(version))?;
    }
    Ok(())
}

/// How much lives in each segment.
pub fn live(tree: &Tree) -> Result<BTreeMap<u32, u64>, OpenError> {
    let mut live = BTreeMap::new();
    for pair in tree.scan_prefix(LIVE) {
        let (key, row) = pair.map_err(OpenError::rows)?;
        let segment = key
            .get(LIVE.len()..)
            .and_then(|number| number.try_into().ok());
        let (Some(segment), Ok(bytes)) = (segment, (*row).try_into()) else {
            return Err(OpenError::Failed(
                "the count of a segment is damaged".into(),
            ));
        };
        live.insert(u32::from_be_bytes(segment), u64::from_be_bytes(bytes));
    }
    Ok(live)
}

/// The number of the log's last record whose rows are here.
pub fn settled(tree: &Tree) -> Result<u64, OpenError> {
    Ok(number(tree, SETTLED)?.unwrap_or_default())
}

/// The row that says so.
pub fn settled_row(number: u64) -> (&'static [u8], Vec<u8>) {
    (SETTLED, number.to_be_bytes().to_vec())
}

/// The row that says how much lives in a segment.
pub fn live_row(segment: u32, bytes: u64) -> (Vec<u8>, Vec<u8>) {
    (live_key(segment), bytes.to_be_bytes().to_vec())
}

/// The key of a segment's row.
pub fn live_key(segment: u32) -> Vec<u8> {
    [LIVE, &segment.to_be_bytes()].concat()
}

fn version_of(steps: &[Step]) -> u64 {
    steps.len() as u64 + 1
}

fn number(tree: &Tree, key: &[u8]) -> Result<Option<u64>, OpenError> {
    let row = tree.get(key).map_err(OpenError::rows)?;
    row.map(|row| {
        let bytes = (*row).try_into();
        bytes
            .map(u64::from_be_bytes)
            .map_err(|_| OpenError::Failed("what the store says of itself is damaged".into()))
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let db = ::sled::Config::new().temporary(true).open().unwrap();
        // A temporary one has its file somewhere; what is synced here is none.
        let file = std::fs::File::open(env!("CARGO_MANIFEST_DIR")).unwrap();
        Rows { db, file }
    }

    fn doubles(tree: &Tree, batch: &mut Batch) -> ::sled::Result<()> {
        let row = tree.get(b"\x01n")?.unwrap();
        batch.insert(b"\x01n", &[row[0] * 2]);
        Ok(())
    }

    fn renames(tree: &Tree, batch: &mut Batch) -> ::sled::Result<()> {
        let row = tree.get(b"\x01n")?.unwrap();
        batch.insert(b"\x01m", row);
        batch.remove(b"\x01n");
        Ok(())
    }

    #[test]
    fn an_older_format_is_migrated_step_by_step_and_once() {
        let rows = rows();
        assert_eq!(open(&rows.db, 5, &[]).unwrap(), 5);
        rows.db.insert(b"\x01n", &[3]).unwrap();
        assert_eq!(open(&rows.db, 6, &[doubles, renames]).unwrap(), 5);
        migrate(&rows, &[doubles, renames]).unwrap();
        assert_eq!(number(&rows.db, VERSION).unwrap(), Some(3));
        assert_eq!(&*rows.db.get(b"\x01m").unwrap().unwrap(), &[6]);
        migrate(&rows, &[doubles, renames]).unwrap();
        assert_eq!(&*rows.db.get(b"\x01m").unwrap().unwrap(), &[6]);
    }

    #[test]
    fn a_migration_goes_on_from_where_it_stopped() {
        let rows = rows();
        open(&rows.db, 5, &[]).unwrap();
        rows.db.insert(b"\x01n", &[3]).unwrap();
        migrate(&rows, &[doubles]).unwrap();
        migrate(&rows, &[doubles, renames]).unwrap();
        assert_eq!(&*rows.db.get(b"\x01m").unwrap().unwrap(), &[6]);
    }

    #[test]
    fn a_newer_format_is_refused_as_it_is() {
        let rows = rows();
        open(&rows.db, 5, &[doubles, renames]).unwrap();
        let refused = open(&rows.db, 6, &[doubles]);
        assert!(matches!(
            refused,
            Err(OpenError::TooNew { found: 3, known: 2 })
        ));
        assert_eq!(number(&rows.db, VERSION).unwrap(), Some(3));
    }

    #[test]
    fn the_epoch_is_drawn_once() {
        let rows = rows();
        assert_eq!(open(&rows.db, 5, &[]).unwrap(), 5);
        assert_eq!(open(&rows.db, 6, &[]).unwrap(), 5);
    }
}
