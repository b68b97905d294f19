//! Where nothing is: stretches of keys from which every row has been removed, but which a reader would
//! have to walk through, since in the log a removed row is a row.
//!
//! The first of what is due, of what expires and of what waits is looked for again and again, from
//! the same place on, while rows go at the front.

use std::collections::BTreeMap;
use std::ops::Bound;

/// So many stretches are remembered; with more, all are forgotten.
const MOST: usize = 1024;

/// Stretches without a row, by their first key, each up to its end. They don't overlap.
#[derive(Default)]
pub struct Gaps(BTreeMap<Vec<u8>, Vec<u8>>);

impl Gaps {
    /// There is no row from `start` on and before `end`.
    pub fn note(&mut self, start: Vec<u8>, end: Vec<u8>) {
        if start >= end {
            return;
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let (mut start, mut end) = (start, end);
        // What it overlaps or touches becomes part of it.
        while let Some((first, last)) = self.before(Bound::Included(&end)) {
            if *last < start {
                break;
            }
            let (first, last) = (first.clone(), last.clone());
            self.0.remove(&first);
            start = start.min(first);
            end = end.max(last);
        }
        self.0.insert(start, end);
    }

    /// A row is written under `key`.
    pub fn fill(&mut self, key: &[u8]) {
        let Some((first, last)) = self.before(Bound::Included(key)) else {
            return;
        };
        if key >= last.as_slice() {
            return;
        }
        let first = first.clone();
        match first == key {
            true => drop(self.0.remove(&first)),
            false => drop(self.0.insert(first, key.to_vec())),
        }
    }

    /// The first key from `start` on under which a row may be.
    pub fn behind(&self, start: Vec<u8>) -> Vec<u8> {
        match self.before(Bound::Included(&start)) {
            Some((_, end)) if start < *end => end.clone(),
            _ => start,
        }
    }

    /// The last stretch that begins up to there.
    fn before(&self, end: Bound<&[u8]>) -> Option<(&Vec<u8>, &Vec<u8>)> {
        self.0.range::<[u8], _>((Bound::Unbounded, end)).next_back()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// A reader looks for the first row from there on.
        Look(Vec<u8>),
        Write(Vec<u8>),
        Remove(Vec<u8>),
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0u8..3, 1..4)
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            key().prop_map(Step::Look),
            key().prop_map(Step::Write),
            key().prop_map(Step::Remove),
        ]
    }

    proptest! {
        #[test]
        fn no_row_is_in_a_gap(steps in prop::collection::vec(step(), 0..60)) {
            let (mut rows, mut gaps) = (BTreeSet::<Vec<u8>>::new(), Gaps::default());
            for step in steps {
                match step {
                    Step::Look(start) => {
                        let first = rows.range(start.clone()..).next().cloned();
                        let seen = rows.range(gaps.behind(start.clone())..).next().cloned();
                        prop_assert_eq!(&seen, &first);
                        gaps.note(start, first.unwrap_or(vec![9]));
                    }
                    Step::Write(key) => {
                        gaps.fill(&key);
                        rows.insert(key);
                    }
                    Step::Remove(key) => drop(rows.remove(&key)),
                }
            }
        }
    }

    #[test]
    fn stretches_that_touch_are_one() {
        let mut gaps = Gaps::default();
        gaps.note(vec![1], vec![3]);
        gaps.note(vec![5], vec![7]);
        gaps.note(vec![3], vec![5]);
        assert_eq!(gaps.behind(vec![1]), [7]);
        gaps.fill(&[4]);
        assert_eq!(
            (gaps.behind(vec![2]), gaps.behind(vec![5])),
            (vec![4], vec![5])
        );
    }
}
