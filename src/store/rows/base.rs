//! Ordered bytes, and a layer of changes above them.

use std::any::Any;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;

use crate::store::Result;

/// A key and its row.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Rows to write by key; none removes.
pub type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What a row holds, or that there is none.
pub type Decoded = Arc<dyn Any + Send + Sync>;

/// In which direction keys are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// Whatever keeps ordered bytes.
pub trait Base {
    /// The row of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// There is no row of this key, which need not be looked for.
    fn add(&self, _key: &[u8]) {}

    /// The rows of a range of keys.
    fn range(
        &self,
        keys: Range<Vec<u8>>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair>> + '_>;

    /// The record that a row stands for.
    fn resolve(&self, row: Vec<u8>) -> Result<Vec<u8>>;

    /// What was remembered of a row, if it is still the same.
    fn known(&self, _key: &[u8]) -> Option<Decoded> {
        None
    }

    /// Remembers what a row of so many bytes was decoded to, for others who read it.
    fn remember(&self, _key: &[u8], _row: &Decoded, _bytes: usize) {}
}

/// What a range looks like through a layer of changes.
pub fn through<'a>(
    layer: &'a Writes,
    below: Box<dyn Iterator<Item = Result<Pair>> + 'a>,
    keys: Range<Vec<u8>>,
    order: Order,
) -> Box<dyn Iterator<Item = Result<Pair>> + 'a> {
    // A range that ends before it begins is empty here, and a panic in a map.
    if layer.is_empty() || keys.start >= keys.end {
        return below;
    }
    let changes = layer.range(keys);
    let above: Box<dyn Iterator<Item = _>> = match order {
        Order::Ascending => Box::new(changes),
        Order::Descending => Box::new(changes.rev()),
    };
    Box::new(Through {
        above: above.peekable(),
        below: below.peekable(),
        order,
    })
}

struct Through<A: Iterator, B: Iterator> {
    above: Peekable<A>,
    below: Peekable<B>,
    order: Order,
}

impl<'a, A, B> Iterator for Through<A, B>
where
    A: Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    B: Iterator<Item = Result<Pair>>,
{
    type Item = Result<Pair>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let first = match (self.above.peek(), self.below.peek()) {
                (None, _) | (_, Some(Err(_))) => return self.below.next(),
                (Some(_), None) => Ordering::Less,
                (Some((above, _)), Some(Ok((below, _)))) => match self.order {
                    Order::Ascending => above.as_slice().cmp(below),
                    Order::Descending => below.as_slice().cmp(above),
                },
            };
            match first {
                Ordering::Greater => return self.below.next(),
                Ordering::Equal => drop(self.below.next()),
                Ordering::Less => {}
            }
            if let Some((key, Some(row))) = self.above.next() {
                return Some(Ok((key.clone(), row.clone())));
            }
        }
    }
}

impl Base for BTreeMap<Vec<u8>, Vec<u8>> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(BTreeMap::get(self, key).cloned())
    }

    fn range(
        &self,
        keys: Range<Vec<u8>>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair>> + '_> {
        if keys.start >= keys.end {
            return Box::new(std::iter::empty());
        }
        let pairs = BTreeMap::range(self, keys).map(|(key, row)| Ok((key.clone(), row.clone())));
        match order {
            Order::Ascending => Box::new(pairs),
            Order::Descending => Box::new(pairs.rev()),
        }
    }

    fn resolve(&self, row: Vec<u8>) -> Result<Vec<u8>> {
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Map = BTreeMap<Vec<u8>, Vec<u8>>;

    fn rows() -> impl Strategy<Value = Map> {
        prop::collection::btree_map(key(), key(), 0..12)
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0u8..3, 0..3)
    }

    proptest! {
        #[test]
        fn a_layer_reads_as_if_it_had_been_written(
            below in rows(),
            layer in prop::collection::btree_map(key(), prop::option::of(key()), 0..12),
            start in key(),
            end in key(),
        ) {
            let mut written = below.clone();
            for (key, row) in &layer {
                match row {
                    Some(row) => written.insert(key.clone(), row.clone()),
                    None => written.remove(key),
                };
            }
            for order in [Order::Ascending, Order::Descending] {
                let keys = start.clone()..end.clone();
                let seen: Vec<Pair> = through(&layer, Base::range(&below, keys.clone(), order), keys.clone(), order)
                    .map(|pair| pair.unwrap())
                    .collect();
                let expected: Vec<Pair> =
                    Base::range(&written, keys, order).map(|pair| pair.unwrap()).collect();
                prop_assert_eq!(seen, expected);
            }
        }
    }
}
