//! [`List`]: items with scores, the best first, with no more looked up than are asked for.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::index::{ItemName, Key, Row, Rows, Snapshot, TablesError};
use crate::store::planner::wide;

/// So many items are looked up at a time.
const AT_ONCE: usize = 64;

/// Something with a score. The greatest is the best; of equal ones, the least.
#[derive(Debug)]
pub(super) struct Scored<T> {
    pub(super) score: f64,
    pub(super) item: T,
}

impl<T: Ord> Ord for Scored<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then_with(|| Reverse(&self.item).cmp(&Reverse(&other.item)))
    }
}

impl<T: Ord> PartialOrd for Scored<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> Eq for Scored<T> {}

impl<T: Ord> PartialEq for Scored<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

/// Items with scores, the best first. Those of equal score come by namespace and key.
pub(super) enum List {
    Named(BinaryHeap<Scored<ItemName>>),
    Numbered(Box<Numbered>),
}

impl List {
    pub(super) fn of(items: Vec<Scored<ItemName>>) -> Self {
        Self::Named(items.into())
    }

    pub(super) fn next<H: Clone, T: Rows<Key, Row<H>>>(
        &mut self,
        rows: &Snapshot<H, T>,
    ) -> Result<Option<Scored<ItemName>>, TablesError> {
        match self {
            Self::Named(items) => Ok(items.pop()),
            Self::Numbered(items) => items.next(rows),
        }
    }
}

/// Items by their numbers. Which they are is looked up when their turn comes.
pub(super) struct Numbered {
    prefix: Vec<String>,
    /// How many items there are below that, about.
    all: u64,
    /// How many are wanted, about.
    wanted: u64,
    items: BinaryHeap<Scored<u64>>,
    score: f64,
    /// The next ones of that score.
    known: VecDeque<ItemName>,
    /// If those are found by going through all items: which are left to find, and where it goes on.
    left: HashSet<u64>,
    from: Bound<Key>,
}

impl Numbered {
    pub(super) fn new(
        prefix: &[String],
        (all, wanted): (u64, u64),
        items: Vec<Scored<u64>>,
    ) -> Self {
        Self {
            prefix: prefix.to_vec(),
            all,
            wanted,
            items: items.into(),
            score: 0.0,
            known: VecDeque::new(),
            left: HashSet::new(),
            from: Bound::Unbounded,
        }
    }

    fn next<H: Clone, T: Rows<Key, Row<H>>>(
        &mut self,
        rows: &Snapshot<H, T>,
    ) -> Result<Option<Scored<ItemName>>, TablesError> {
        loop {
            if let Some(item) = self.known.pop_front() {
                let score = self.score;
                return Ok(Some(Scored { score, item }));
            }
            if !self.left.is_empty() {
                self.go_on(rows)?;
                continue;
            }
            let Some(first) = self.items.pop() else {
                return Ok(None);
            };
            self.score = first.score;
            let mut equal = vec![first.item];
            while let Some(next) = self.items.peek_mut()
                && next.score.total_cmp(&first.score).is_eq()
            {
                equal.push(std::collections::binary_heap::PeekMut::pop(next).item);
            }
            // To go through all items until enough of them are found is less work if most are.
            let count = wide(equal.len());
            if count > wide(AT_ONCE) && self.wanted.saturating_mul(self.all) / count < count {
                self.left = equal.into_iter().collect();
                let prefix = self.prefix.as_slice().into();
                self.from = Bound::Included(Key::Item(prefix, Arc::default()));
                continue;
            }
            let mut names = Vec::with_capacity(equal.len());
            for item in equal {
                names.extend(rows.item_by_number(item)?);
            }
            names.sort_unstable();
            self.known = names.into();
        }
    }

    /// Finds some of those that are left to find.
    fn go_on<H: Clone, T: Rows<Key, Row<H>>>(
        &mut self,
        rows: &Snapshot<H, T>,
    ) -> Result<(), TablesError> {
        let items = rows.items_from(&self.prefix, self.from.as_ref(), AT_ONCE)?;
        let Some(last) = items.last() else {
            self.left.clear();
            return Ok(());
        };
        self.from = Bound::Excluded(Key::Item(
            Arc::clone(&last.namespace),
            Arc::clone(&last.key),
        ));
        for entry in items {
            if self.left.remove(&entry.place) {
                let item = (Arc::clone(&entry.namespace), Arc::clone(&entry.key));
                self.known.push_back(item);
            }
        }
        Ok(())
    }
}
