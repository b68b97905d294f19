//! How rows are written: one byte of version, then postcard.
//!
//! The version is that of the format of all records together; a record of a newer version is
//! refused, an older one is migrated by whoever opens the store.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

/// The format that this program writes.
const VERSION: u8 = 1;

/// A record that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError(String);

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes a record.
pub fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    /// Most records fit, so that they need not be moved while they grow.
    const COMMON_BYTES: usize = 256;
    let mut bytes = Vec::with_capacity(COMMON_BYTES);
    bytes.push(VERSION);
    postcard::to_extend(record, bytes).expect("our records hold nothing that postcard can't write")
}

/// Reads a record.
///
/// # Errors
/// When it was written by a newer program, or is damaged.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest)
            .map_err(|error| RecordError(format!("a damaged record: {error}"))),
        Some((version, _)) => Err(RecordError(format!(
            "a record of version {version}; this program reads {VERSION}"
        ))),
        None => Err(RecordError("an empty record".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Reply, Timestamp};

    #[test]
    fn records_carry_their_version() {
        let record = (
            Timestamp::from_unix_seconds(5),
            Some(Reply::new(550, "5.1.1 no")),
        );
        let mut bytes = encode(&record);
        assert_eq!(
            decode::<(Timestamp, Option<Reply>)>(&bytes).unwrap(),
            record
        );
        bytes[0] = VERSION + 1;
        assert!(
            decode::<(Timestamp, Option<Reply>)>(&bytes)
                .unwrap_err()
                .to_string()
                .contains("version 2")
        );
        assert!(decode::<Reply>(&[]).is_err());
        assert!(decode::<Reply>(&[VERSION, 0xff]).is_err());
    }
}
