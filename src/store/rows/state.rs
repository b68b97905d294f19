//! Typed tables over ordered bytes, and what a transaction writes above them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;
use std::ops::{Range, RangeBounds};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::base::{Base, Decoded, Order, Pair, Writes, through};
use super::key::Key;
use super::tables::Table;
use crate::store::{Result, StoreError, decode, encode};

/// A row that was written; none for one that was removed.
type Write = Option<Vec<u8>>;

/// What a row holds.
pub trait Value: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Value for V {}

/// All tables. A transaction is a method; whoever calls it commits or rolls back.
pub struct State<B> {
    base: B,
    /// What was written above the base: committed, and by the open transaction.
    writes: Writes,
    /// Rows of hot tables as they were read or written last, since decoding them each time is dear.
    hot: RefCell<BTreeMap<Vec<u8>, Decoded>>,
    /// What each write of the open transaction replaced in `writes`, oldest first.
    undo: Vec<(Vec<u8>, Option<Write>)>,
}

impl<B: Base> State<B> {
    /// The tables that `base` keeps.
    pub fn over(base: B) -> Self {
        Self {
            base,
            writes: Writes::new(),
            hot: RefCell::default(),
            undo: Vec::new(),
        }
    }

    /// Keeps what was written since the last commit; whether anything was.
    pub fn commit(&mut self) -> bool {
        let wrote = !self.undo.is_empty();
        self.undo.clear();
        wrote
    }

    /// Takes back what was written since the last commit.
    pub fn roll_back(&mut self) {
        self.hot.get_mut().clear();
        while let Some((key, replaced)) = self.undo.pop() {
            match replaced {
                Some(write) => self.writes.insert(key, write),
                None => self.writes.remove(&key),
            };
        }
    }

    /// The base, with what has been committed above it since this was last called: whoever calls
    /// it writes that to the base.
    pub fn committed(&mut self) -> (&mut B, Writes) {
        self.hot.get_mut().clear();
        (&mut self.base, mem::take(&mut self.writes))
    }

    /// Reads a row; `Corrupt` when it can't be decoded, as for every read here.
    pub fn get<K: Key, V: Value>(&self, table: Table<K, V>, key: &K) -> Result<Option<V>> {
        match table.is_hot() {
            true => Ok(Option::clone(&*self.shared(table, key)?)),
            false => self
                .record(&table.key(key))?
                .map(|record| read(&record))
                .transpose(),
        }
    }

    /// Reads a row of a hot table without a copy.
    pub fn shared<K: Key, V: Value>(&self, table: Table<K, V>, key: &K) -> Result<Arc<Option<V>>> {
        let key = table.key(key);
        let known = self.hot.borrow().get(&key).cloned();
        let is_base = known.is_none() && !self.writes.contains_key(&key);
        let known = known.or_else(|| self.base.known(&key).filter(|_| is_base));
        if let Some(Ok(row)) = known.map(Arc::downcast) {
            return Ok(row);
        }
        let record = self.record(&key)?;
        let bytes = record.as_ref().map_or(0, Vec::len);
        let row = Arc::new(record.map(|record| read::<V>(&record)).transpose()?);
        if is_base {
            let row = row.clone() as Decoded;
            self.base.remember(&key, &row, key.len() + bytes);
        }
        self.hot.borrow_mut().insert(key, row.clone());
        Ok(row)
    }

    /// The record of a key.
    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.row(key)?.map(|row| self.resolve(row)).transpose()
    }

    /// Whether there is such a row.
    pub fn has<K: Key, V>(&self, table: Table<K, V>, key: &K) -> Result<bool> {
        Ok(self.row(&table.key(key))?.is_some())
    }

    /// Adds or replaces a row.
    pub fn put<K: Key, V: Value>(&mut self, table: Table<K, V>, key: &K, value: &V) {
        let key = table.key(key);
        let hot = table.is_hot().then(|| key.clone());
        self.write(key, Some(encode(value)));
        if let Some(key) = hot {
            let row = Arc::new(Some(value.clone()));
            self.hot.get_mut().insert(key, row);
        }
    }

    /// Adds or replaces a row, of which it may be known that there is none.
    pub fn enter<K: Key, V: Value>(
        &mut self,
        is_new: bool,
        table: Table<K, V>,
        key: &K,
        value: &V,
    ) {
        match is_new {
            true => self.add(table, key, value),
            false => self.put(table, key, value),
        }
    }

    /// Adds a row where there is none.
    pub fn add<K: Key, V: Value>(&mut self, table: Table<K, V>, key: &K, value: &V) {
        self.add_row(table, key, encode(value));
    }

    /// Adds a row by its bytes, a record or what the base resolves to one, where there is none.
    pub fn add_row<K: Key, V>(&mut self, table: Table<K, V>, key: &K, row: Vec<u8>) {
        let key = table.key(key);
        if !self.writes.contains_key(&key) {
            self.base.add(&key);
        }
        self.write(key, Some(row));
    }

    /// Removes a row, if it is there.
    pub fn remove<K: Key, V>(&mut self, table: Table<K, V>, key: &K) -> Result<()> {
        let key = table.key(key);
        if self.row(&key)?.is_some() {
            self.write(key, None);
        }
        Ok(())
    }

    /// The keys in a range.
    pub fn keys<K: Key, V>(
        &self,
        table: Table<K, V>,
        range: impl RangeBounds<K>,
    ) -> impl Iterator<Item = Result<K>> {
        self.pairs(table.bytes(range), Order::Ascending)
            .map(move |pair| parse(table, &pair?.0))
    }

    /// The keys that begin with `part`.
    pub fn keys_under<'a, K: Key, V, P: Key>(
        &'a self,
        table: Table<K, V>,
        part: &P,
    ) -> impl Iterator<Item = Result<K>> + use<'a, K, V, P, B> {
        self.pairs(table.under(part), Order::Ascending)
            .map(move |pair| parse(table, &pair?.0))
    }

    /// The rows in a range.
    pub fn rows<K: Key, V: DeserializeOwned>(
        &self,
        table: Table<K, V>,
        range: impl RangeBounds<K>,
        order: Order,
    ) -> impl Iterator<Item = Result<(K, V)>> {
        self.pairs(table.bytes(range), order).map(move |pair| {
            let (key, row) = pair?;
            Ok((parse(table, &key)?, self.read(row)?))
        })
    }

    /// The rows whose keys begin with `part`.
    pub fn rows_under<K: Key, V: DeserializeOwned>(
        &self,
        table: Table<K, V>,
        part: &impl Key,
    ) -> impl Iterator<Item = Result<V>> {
        self.pairs(table.under(part), Order::Ascending)
            .map(|pair| self.read(pair?.1))
    }

    /// The row of a key as the base keeps it.
    pub fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.writes.get(key) {
            Some(write) => Ok(write.clone()),
            None => self.base.get(key),
        }
    }

    pub(super) fn write(&mut self, key: Vec<u8>, row: Option<Vec<u8>>) {
        self.hot.get_mut().remove(&key);
        let replaced = self.writes.insert(key.clone(), row);
        self.undo.push((key, replaced));
    }

    pub(super) fn pairs(
        &self,
        keys: Range<Vec<u8>>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair>> + '_> {
        let below = self.base.range(keys.clone(), order);
        through(&self.writes, below, keys, order)
    }

    /// The row of a key in the base.
    pub(super) fn base_row(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.base.get(key)
    }

    /// The record that a row stands for.
    pub(super) fn resolve(&self, row: Vec<u8>) -> Result<Vec<u8>> {
        self.base.resolve(row)
    }

    fn read<V: DeserializeOwned>(&self, row: Vec<u8>) -> Result<V> {
        read(&self.resolve(row)?)
    }
}

fn read<V: DeserializeOwned>(record: &[u8]) -> Result<V> {
    decode(record).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn parse<K: Key, V>(table: Table<K, V>, key: &[u8]) -> Result<K> {
    table
        .parse(key)
        .ok_or_else(|| corrupt(format!("a key that can't be read: {key:02x?}")))
}

/// What only a bug or a damaged store can bring about.
pub(super) fn corrupt(what: String) -> StoreError {
    StoreError::Corrupt(what)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tables::GENERATIONS;
    use super::*;

    #[test]
    fn what_was_not_committed_is_taken_back() {
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        let mut state = State::over(BTreeMap::<Vec<u8>, Vec<u8>>::new());
        state.put(GENERATIONS, &one, &1);
        assert!(state.commit());
        state.put(GENERATIONS, &one, &2);
        state.put(GENERATIONS, &one, &3);
        state.put(GENERATIONS, &two, &4);
        state.remove(GENERATIONS, &one).unwrap();
        assert_eq!(state.get(GENERATIONS, &one), Ok(None));
        state.roll_back();
        assert_eq!(state.get(GENERATIONS, &one), Ok(Some(1)), "which is hot");
        assert_eq!(state.has(GENERATIONS, &two), Ok(false));
        state.remove(GENERATIONS, &two).unwrap();
        assert!(!state.commit(), "nothing was there to remove");
        assert_eq!(state.committed().1.len(), 1);
    }
}
