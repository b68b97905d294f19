//! One ordered table of encoded rows, which can take back what was not committed.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{Result, StoreError, decode, encode};

/// Rows in the order of their keys. An index is a table of `()`.
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, Vec<u8>>,
    /// What each write of the open transaction replaced, oldest first.
    undo: Vec<(K, Option<Vec<u8>>)>,
    value: PhantomData<fn() -> V>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            undo: Vec::new(),
            value: PhantomData,
        }
    }
}

impl<K: Ord + Clone, V: Serialize + DeserializeOwned> Table<K, V> {
    /// Reads a row; `Corrupt` when it can't be decoded, as for every read here.
    pub fn get(&self, key: &K) -> Result<Option<V>> {
        self.rows.get(key).map(|bytes| read(bytes)).transpose()
    }

    /// Whether there is such a row.
    pub fn has(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// Adds or replaces a row.
    pub fn put(&mut self, key: K, value: &V) {
        let replaced = self.rows.insert(key.clone(), encode(value));
        self.undo.push((key, replaced));
    }

    /// Removes a row, if it is there.
    pub fn remove(&mut self, key: &K) {
        if let Some(replaced) = self.rows.remove(key) {
            self.undo.push((key.clone(), Some(replaced)));
        }
    }

    /// The keys in a range.
    pub fn keys(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = &K> {
        self.rows.range(range).map(|(key, _)| key)
    }

    /// The rows in a range.
    pub fn range(
        &self,
        range: impl RangeBounds<K>,
    ) -> impl DoubleEndedIterator<Item = Result<(&K, V)>> {
        self.rows
            .range(range)
            .map(|(key, bytes)| Ok((key, read(bytes)?)))
    }

    /// Keeps what was written since the last commit; whether anything was.
    pub fn commit(&mut self) -> bool {
        let wrote = !self.undo.is_empty();
        self.undo.clear();
        wrote
    }

    /// Takes back what was written since the last commit.
    pub fn roll_back(&mut self) {
        while let Some((key, replaced)) = self.undo.pop() {
            match replaced {
                Some(bytes) => self.rows.insert(key, bytes),
                None => self.rows.remove(&key),
            };
        }
    }
}

fn read<V: DeserializeOwned>(bytes: &[u8]) -> Result<V> {
    decode(bytes).map_err(|error| StoreError::Corrupt(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_committed_is_taken_back() {
        let mut table = Table::<u8, String>::default();
        table.put(1, &"one".into());
        assert!(table.commit());
        table.put(1, &"uno".into());
        table.put(1, &"un".into());
        table.put(2, &"two".into());
        table.remove(&1);
        table.roll_back();
        assert_eq!(table.get(&1), Ok(Some("one".into())));
        assert!(!table.has(&2));
        table.remove(&2);
        assert!(!table.commit(), "nothing was there to remove");
    }
}
