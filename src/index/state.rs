//! [`Index`]: the state machine that records are applied to.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::codec::Record;
use crate::index::changes::Changes;
use crate::index::names::Names;
use crate::index::reclaim::reclaim;
use crate::index::vector_table::{VectorTable, Vectors};
use crate::index::{
    Key, Origin, Row, Rows, Tables, TablesError, Unapplied, checkpoints, copying, deletion, items,
    policies, pruning, remnants, tags, writes,
};
use crate::item_vectors::ItemVectors;

/// Both memories, as the log tells them. `T` is where its rows are.
#[derive(Debug)]
pub(crate) struct Index<H, T> {
    tables: T,
    names: Names,
    /// Whether branches may be dropped whose rows are there yet.
    reclaims: bool,
    /// Records below this LSN were all taken when they were written, or are gone.
    sure_below: u64,
    /// How many bytes of records have died.
    died: u64,
    vectors: Vectors,
    handles: PhantomData<fn() -> H>,
}

/// The rows of an index, to be read.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot<H, T> {
    tables: T,
    handles: PhantomData<fn() -> H>,
}

impl<H, T: Default> Default for Index<H, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<H, T> Index<H, T> {
    pub(crate) fn new(tables: T) -> Self {
        Self {
            tables,
            names: Names::default(),
            reclaims: true,
            sure_below: 0,
            died: 0,
            vectors: Vectors::default(),
            handles: PhantomData,
        }
    }
}

impl<H: Clone, T: Tables<Key, Row<H>>> Index<H, T> {
    /// Applies a record, or changes nothing.
    pub(crate) fn apply(&mut self, mut record: Record<H>, origin: Origin) -> Result<(), Unapplied> {
        let at_hand = match &mut record {
            Record::ItemPut(put) => put.ranked.at_hand.take(),
            _ => None,
        };
        let (tables, names) = (&self.tables, &mut self.names);
        let sure = origin.lsn < self.sure_below;
        let changes: Changes<H> = match record {
            Record::CheckpointPut(put) => checkpoints::put(tables, names, put, origin, sure)?,
            Record::WritesPut(put) => writes::put(tables, names, put, origin, sure)?,
            Record::ItemPut(put) => items::put(tables, put, origin)?,
            Record::ItemDeleted(deleted) => items::delete(tables, deleted)?,
            Record::ItemTouched(touched) => items::touch(tables, touched, origin)?,
            Record::ItemExpired(expired) => items::expire(tables, expired, sure)?,
            Record::ThreadDeleted(deleted) => deletion::delete(tables, &deleted)?,
            Record::ThreadCopied(copied) => copying::copy(tables, &copied, origin, sure)?,
            Record::CheckpointsPruned(pruned) => pruning::prune(tables, pruned, origin, sure)?,
            Record::TagSet(set) => tags::set(tables, set, origin, sure)?,
            Record::TagRemoved(removed) => tags::remove(tables, &removed, origin)?,
            Record::Remnant(remnant) => remnants::apply(tables, remnant, origin)?,
            Record::ThreadPolicySet(set) => policies::set(tables, &set, origin)?,
        };
        self.make(changes, at_hand.as_ref())?;
        Ok(())
    }

    /// Removes up to about `limit` rows that belong to no thread any more, and tells how many; 0 if there are none.
    pub(crate) fn reclaim(&mut self, limit: usize) -> Result<usize, TablesError> {
        if !self.reclaims {
            return Ok(0);
        }
        let changes = reclaim(&self.tables, limit)?;
        let rows = changes.len();
        self.reclaims = rows > 0 || limit == 0;
        self.make(changes, None)?;
        Ok(rows)
    }

    fn make(
        &mut self,
        changes: Changes<H>,
        at_hand: Option<&Arc<ItemVectors>>,
    ) -> Result<(), TablesError> {
        let died = changes.dead_bytes();
        let changes = changes.account(&self.tables)?;
        self.vectors.follow(&changes, at_hand);
        self.reclaims |= changes.drops();
        changes.make(&mut self.tables);
        self.died = self.died.saturating_add(died);
        Ok(())
    }
}

impl<H, T> Index<H, T> {
    /// Takes records below this LSN as they come: none of those that are left was refused when it was written, and what would
    /// show that may be gone.
    pub(crate) fn be_sure_below(&mut self, lsn: u64) {
        self.sure_below = lsn;
    }

    /// The vectors of all items, if they are known.
    pub(crate) fn vectors(&self) -> Option<&VectorTable> {
        self.vectors.table()
    }

    /// From now on the vectors of items are being made known: those that there are now are handed over later.
    pub(crate) fn begin_vectors(&mut self) {
        self.vectors.begin();
    }

    /// The vectors of items are `then` as it was begun. Whether they are all known now.
    pub(crate) fn finish_vectors(&mut self, then: VectorTable) -> bool {
        self.vectors.finish(then)
    }

    /// How many bytes of records have died since it was made, those that were replayed included.
    pub(crate) fn died(&self) -> u64 {
        self.died
    }

    /// Where its rows are.
    pub(crate) fn tables(&self) -> &T {
        &self.tables
    }

    /// Where its rows are.
    pub(crate) fn tables_mut(&mut self) -> &mut T {
        &mut self.tables
    }
}

impl<H, T: Rows<Key, Row<H>> + Clone> Index<H, T> {
    /// The rows as they are now.
    pub(crate) fn snapshot(&self) -> Snapshot<H, T> {
        Snapshot::new(self.tables.clone())
    }
}

impl<H, T> Snapshot<H, T> {
    pub(crate) fn new(tables: T) -> Self {
        Self {
            tables,
            handles: PhantomData,
        }
    }

    pub(super) fn tables(&self) -> &T {
        &self.tables
    }
}
