//! What nobody could look up any more if checkpoints or threads went.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::codec::ThreadDeleted;
use crate::index::burying::Burying;
use crate::index::chain::{Chain, lineage};
use crate::index::changes::Changes;
use crate::index::checkpoints::began_at;
use crate::index::key::Branch;
use crate::index::merging::tables_of;
use crate::index::reclaim::reclaim_branches;
use crate::index::{
    Entry, Key, Origin, Plan, Row, Rows, Snapshot, Tables, TablesError, Thread, deletion, pruning,
};

/// Records that nobody can look up any more.
#[derive(Debug)]
pub(crate) struct Lost(HashMap<u64, Origin>);

impl Lost {
    pub(crate) fn new(records: Vec<Origin>) -> Self {
        let mut lost: HashMap<u64, Origin> = HashMap::new();
        for record in records {
            // Writes that were inherited count nothing with the row that inherited them.
            let known = lost.entry(record.lsn).or_insert(record);
            known.bytes = known.bytes.max(record.bytes);
        }
        Self(lost)
    }

    pub(crate) fn has(&self, lsn: u64) -> bool {
        self.0.contains_key(&lsn)
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Origin> {
        self.0.values()
    }
}

/// The records that the rows of a branch came with.
fn records<H>(
    tables: &impl Rows<Key, Row<H>>,
    branch: Branch,
    to: &mut Vec<Origin>,
) -> Result<(), TablesError> {
    for (from, end) in tables_of(branch) {
        let (from, end) = (Bound::Included(&from), Bound::Excluded(&end));
        tables.scan(from, end, |_, row| {
            to.extend(row.origins());
            true
        })?;
    }
    Ok(())
}

/// So many rows are removed at a time.
const RECLAIMED_AT_ONCE: usize = 1024;

impl<H: Clone, T: Tables<Key, Row<H>>> Snapshot<H, T> {
    /// Has the rows be as if a plan were carried out, and tells which records nobody could look up any more. Rows that only the thread
    /// itself sees stay as they are.
    pub(crate) fn prune(
        &mut self,
        thread: &Thread,
        plan: &Plan<H>,
    ) -> Result<Vec<Origin>, TablesError> {
        let mut lost = Vec::new();
        if let Some(record) = &plan.record {
            let changes = pruning::prune_planned(&self.tables, record)?;
            self.make(thread, changes, &mut lost);
        }
        let chain = Chain::of(&self.tables, &thread.life)?;
        let mut burying = Burying::of(&chain);
        for survivor in &plan.survivors {
            let namespace = Arc::clone(&survivor.namespace);
            let key = Key::Checkpoint(chain.own(), namespace, Arc::clone(&survivor.id));
            let mut changes: Changes<H> = Changes::default();
            if self.tables.get(&key)?.is_some() {
                changes.died([survivor.entry.origin]);
            } else if burying.bury(&self.tables, &key, &mut changes)? {
                burying.note(&mut changes);
            }
            let mut again = Entry::clone(&survivor.entry);
            again.origin.lsn = u64::MAX;
            changes.put(key, Row::Checkpoint(Some(Arc::new(again))));
            self.make(thread, changes, &mut lost);
        }
        Ok(lost)
    }

    /// The same for its deletion.
    pub(crate) fn delete(&mut self, thread: &Thread) -> Result<Vec<Origin>, TablesError> {
        let mut lost = Vec::new();
        if thread.life.ancestor.is_none() {
            records(&self.tables, thread.life.branch, &mut lost)?;
            return Ok(lost);
        }
        let deleted = ThreadDeleted {
            thread: thread.name.to_string(),
            cutoff: String::new(),
        };
        let changes = deletion::delete(&self.tables, &deleted)?;
        self.make(thread, changes, &mut lost);
        while let Some(changes) = reclaim_branches(&self.tables, RECLAIMED_AT_ONCE)? {
            self.make(thread, changes, &mut lost);
        }
        Ok(lost)
    }

    fn make(&mut self, thread: &Thread, changes: Changes<H>, lost: &mut Vec<Origin>) {
        lost.extend(changes.dead());
        if thread.life.ancestor.is_some() {
            changes.make(&mut self.tables);
        }
    }
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// The oldest branch that a thread has inherited: those with the same may see each other's records.
    pub(crate) fn oldest(&self, thread: &Thread) -> Result<Option<u64>, TablesError> {
        let lineage = (thread.life.ancestor).map(|ancestor| lineage(self.tables(), ancestor));
        Ok(lineage.transpose()?.and_then(|of| of.last().copied()))
    }

    /// Gives all values that a thread has to `with`, and the LSNs of the records of their checkpoints or writes.
    pub(crate) fn each_value(
        &self,
        thread: &Thread,
        with: &mut dyn FnMut(u64, &H),
    ) -> Result<(), TablesError> {
        let chain = Chain::of(self.tables(), &thread.life)?;
        let [checkpoints, writes, _] = tables_of(chain.own());
        for (from, end) in [checkpoints, writes] {
            let mut from = Bound::Included(from);
            while let Some(shown) =
                chain.next(self.tables(), from.as_ref(), Bound::Excluded(&end))?
            {
                match &shown.row {
                    Row::Checkpoint(Some(entry)) => {
                        let lsn = entry.origin.lsn;
                        entry.values().for_each(|value| with(lsn, value));
                    }
                    Row::Writes(Some(writes)) => {
                        let writes = writes.writes.iter();
                        writes.for_each(|write| with(write.origin.lsn, &write.value));
                    }
                    _ => {}
                }
                from = Bound::Excluded(shown.key);
            }
        }
        Ok(())
    }

    /// The LSN from which on all records that a thread has are its own: nobody else sees them.
    pub(crate) fn own_from(&self, thread: &Thread) -> Result<u64, TablesError> {
        let mut child = thread.life.branch;
        let mut next = thread.life.ancestor;
        while let Some(branch) = next {
            let Some(row) = self.tables().get(&Key::Frozen(branch))? else {
                break;
            };
            let frozen = row.frozen()?;
            if frozen.heirs > 1 || frozen.merged_from.is_some() {
                return Ok(began_at(child));
            }
            child = branch;
            next = frozen.ancestor.filter(|older| *older < branch);
        }
        Ok(0)
    }
}
