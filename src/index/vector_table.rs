//! [`VectorTable`]: the vectors of all items, in memory, in step with the rows.
//!
//! It is filled when it is asked for first, from what the rows name, and from then on whatever changes a row changes it as well. A copy costs
//! nothing, and is as the rows were when it was made.

use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use crate::index::changes::Changes;
#[cfg(feature = "ann")]
use crate::index::near::{Graphs, Kind};
use crate::index::{Key, Row};
use crate::item_vectors::ItemVectors;

/// An item by its namespace and key.
pub(crate) type ItemName = (Arc<[String]>, Arc<str>);

/// The vectors of items.
#[derive(Clone, Default)]
pub(crate) struct VectorTable {
    items: OrdMap<ItemName, Known>,
    /// The items by the LSN that they were put with.
    #[cfg(feature = "ann")]
    by_put: OrdMap<u64, ItemName>,
    #[cfg(feature = "ann")]
    graphs: Arc<Graphs>,
}

/// The vectors of an item, and the LSN of the record that it was put with.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) put: u64,
    pub(crate) vectors: Arc<ItemVectors>,
}

impl std::fmt::Debug for VectorTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let items = self.items.len();
        f.debug_struct("VectorTable")
            .field("items", &items)
            .finish()
    }
}

impl VectorTable {
    pub(crate) fn insert(&mut self, item: ItemName, known: Known) {
        #[cfg(feature = "ann")]
        self.by_put.insert(known.put, item.clone());
        let _before = self.items.insert(item, known);
        #[cfg(feature = "ann")]
        if let Some(before) = _before {
            self.by_put.remove(&before.put);
        }
    }

    fn remove(&mut self, item: &ItemName) {
        let _before = self.items.remove(item);
        #[cfg(feature = "ann")]
        if let Some(before) = _before {
            self.by_put.remove(&before.put);
        }
    }

    pub(crate) fn get(&self, item: &ItemName) -> Option<&Known> {
        self.items.get(item)
    }

    /// The items at or below a namespace, by namespace and key.
    pub(crate) fn below<'t>(
        &'t self,
        prefix: &'t [String],
    ) -> impl Iterator<Item = (&'t ItemName, &'t Known)> {
        let from: ItemName = (prefix.into(), Arc::default());
        let range = (self.items).range::<_, ItemName>((Bound::Included(from), Bound::Unbounded));
        range.take_while(move |((namespace, _), _)| namespace.starts_with(prefix))
    }
}

/// What is asked for the sake of [graphs](crate::index::near).
#[cfg(feature = "ann")]
impl VectorTable {
    /// The same vectors, for which graphs are made anew.
    pub(super) fn without_graphs(&self) -> Self {
        Self {
            graphs: Arc::default(),
            ..self.clone()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The greatest LSN that one of the items was put with.
    pub(super) fn newest(&self) -> u64 {
        self.by_put.get_max().map_or(0, |(put, _)| *put)
    }

    /// The items that were put after that one.
    pub(super) fn since(&self, put: u64) -> impl Iterator<Item = &ItemName> {
        let after = (Bound::Excluded(put), Bound::Unbounded);
        self.by_put.range(after).map(|(_, item)| item)
    }

    /// The items whose vectors are nearest to a query, nearly, and perhaps others; `None` if that is not known yet, and will be.
    pub(crate) fn nearest(&self, kind: &Kind, query: &[f32]) -> Option<Vec<ItemName>> {
        let graph = self.graphs.of(self, kind)?;
        let is_there = |(item, put): &(ItemName, u64)| {
            let known = self.get(item);
            known.is_some_and(|known| known.put == *put)
        };
        let found = graph.nearest(query).into_iter().filter(is_there);
        let found = found.map(|(item, _)| item);
        let mut all: Vec<_> = found.chain(self.since(graph.made).cloned()).collect();
        all.sort_unstable();
        all.dedup();
        Some(all)
    }
}

/// A table that may not be there.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Nobody has asked.
    #[default]
    Unknown,
    /// It is being filled with what there was at some moment. Items that have changed since are here.
    Filling {
        now: VectorTable,
        changed: HashSet<ItemName>,
    },
    Known(VectorTable),
}

impl Vectors {
    pub(super) fn table(&self) -> Option<&VectorTable> {
        match &self.state {
            State::Known(table) => Some(table),
            State::Unknown | State::Filling { .. } => None,
        }
    }

    /// It is not needed any more, nor is what is made of it.
    pub(super) fn forget(&mut self) {
        self.state = State::Unknown;
    }

    /// From now on it is filled.
    pub(super) fn begin(&mut self) {
        let (now, changed) = (VectorTable::default(), HashSet::new());
        self.state = State::Filling { now, changed };
    }

    /// It is filled with what there was when that was begun. Whether it is whole now.
    pub(super) fn finish(&mut self, then: VectorTable) -> bool {
        let State::Filling { now, changed } = std::mem::take(&mut self.state) else {
            return false;
        };
        let mut table = then;
        for item in &changed {
            table.remove(item);
        }
        for (item, known) in now.items {
            table.insert(item, known);
        }
        self.state = State::Known(table);
        true
    }

    /// Follows what changes rows. `at_hand` are the vectors of an item that is put.
    pub(super) fn follow<H>(&mut self, changes: &Changes<H>, at_hand: Option<&Arc<ItemVectors>>) {
        if matches!(self.state, State::Unknown) {
            return;
        }
        for (key, row) in changes.rows() {
            let Key::Item(namespace, name) = key else {
                continue;
            };
            let item: ItemName = (Arc::clone(namespace), Arc::clone(name));
            let known = match (row, at_hand) {
                (Some(Row::Item(entry)), _) if entry.vectors.is_none() => None,
                (Some(Row::Item(entry)), Some(vectors)) => Some(Known {
                    put: entry.origin.lsn,
                    vectors: Arc::clone(vectors),
                }),
                (Some(Row::Item(entry)), None) => {
                    if self.has(&item, entry.origin.lsn) {
                        continue;
                    }
                    // They would have to be read: it is filled anew when it is asked for.
                    self.state = State::Unknown;
                    return;
                }
                _ => None,
            };
            let table = match &mut self.state {
                State::Unknown => return,
                State::Filling { now, changed } => {
                    changed.insert(item.clone());
                    now
                }
                State::Known(table) => table,
            };
            match known {
                Some(known) => table.insert(item, known),
                None => table.remove(&item),
            }
        }
    }

    /// Whether the vectors that an item was put with are known, or will be.
    fn has(&self, item: &ItemName, put: u64) -> bool {
        match &self.state {
            State::Unknown => false,
            State::Known(table) => table.get(item).is_some_and(|known| known.put == put),
            State::Filling { now, changed } => match now.get(item) {
                Some(known) => known.put == put,
                None => !changed.contains(item),
            },
        }
    }
}
