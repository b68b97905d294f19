//! What rows were decoded to that are read again and again: decoding one takes longer than a Send has.

use std::collections::HashMap;

use crate::store::rows::base::Decoded;

/// So much is remembered, counted in encoded bytes and in rows; with more, all is forgotten. In memory
/// it may be a few times as much.
const MOST_BYTES: usize = 4 * 1024 * 1024;
const MOST_ROWS: usize = 8 * 1024;

/// Decoded rows by their keys.
#[derive(Default)]
pub struct Known {
    rows: HashMap<Vec<u8>, (Decoded, usize)>,
    bytes: usize,
}

impl Known {
    pub fn get(&self, key: &[u8]) -> Option<Decoded> {
        self.rows.get(key).map(|(row, _)| row.clone())
    }

    /// A row of so many bytes is this.
    pub fn remember(&mut self, key: &[u8], row: &Decoded, bytes: usize) {
        self.forget(key);
        if self.bytes + bytes > MOST_BYTES || self.rows.len() >= MOST_ROWS {
            *self = Self::default();
        }
        if bytes <= MOST_BYTES {
            self.rows.insert(key.to_vec(), (row.clone(), bytes));
            self.bytes += bytes;
        }
    }

    /// It is another now.
    pub fn forget(&mut self, key: &[u8]) {
        if let Some((_, bytes)) = self.rows.remove(key) {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn known(known: &Known, key: &[u8]) -> Option<u64> {
        known.get(key).map(|row| *row.downcast().unwrap())
    }

    #[test]
    fn what_is_remembered_is_bounded_in_bytes_and_in_rows() {
        let (mut all, row) = (Known::default(), Arc::new(7_u64) as Decoded);
        all.remember(b"large", &row, MOST_BYTES);
        assert_eq!(known(&all, b"large"), Some(7));
        all.remember(b"one more", &row, 1);
        assert_eq!(known(&all, b"large"), None);
        assert_eq!(known(&all, b"one more"), Some(7));
        all.remember(b"too large", &row, MOST_BYTES + 1);
        assert_eq!(known(&all, b"too large"), None);
        for n in 0..2 * MOST_ROWS {
            all.remember(&n.to_be_bytes(), &row, 0);
            assert!(all.rows.len() <= MOST_ROWS);
        }
    }

    #[test]
    fn what_is_forgotten_takes_no_room() {
        let (mut all, row) = (Known::default(), Arc::new(7_u64) as Decoded);
        all.remember(b"key", &row, MOST_BYTES);
        all.remember(b"key", &row, MOST_BYTES);
        all.forget(b"key");
        assert_eq!((all.bytes, known(&all, b"key")), (0, None));
    }
}
