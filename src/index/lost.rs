//! What nobody could look up any more if checkpoints or threads went.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::index::burying::Burying;
use crate::index::chain::Chain;
use crate::index::changes::Changes;
use crate::index::checkpoints::began_at;
use crate::index::key::Branch;
use crate::index::merging::tables_of;
use crate::index::row::FrozenRow;
use crate::index::{Key, Origin, Plan, Row, Rows, Snapshot, TablesError, Thread, pruning};

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

/// Threads that go one after the other. What several of them have inherited goes with the last.
#[derive(Debug, Default)]
pub(crate) struct Deletions {
    /// How many heirs of a branch have gone.
    gone: HashMap<Branch, u64>,
}

impl Deletions {
    /// The records that nobody could look up any more if this thread went, too.
    pub(crate) fn lost<H: Clone, T: Rows<Key, Row<H>>>(
        &mut self,
        snapshot: &Snapshot<H, T>,
        thread: &Thread,
    ) -> Result<Vec<Origin>, TablesError> {
        let tables = snapshot.tables();
        let life = &thread.life;
        let mut lost = Vec::new();
        if life.own {
            records(tables, life.branch, &mut lost)?;
        }
        let mut next = life.ancestor;
        while let Some(branch) = next {
            let Some(row) = tables.get(&Key::Frozen(branch))? else {
                break;
            };
            let frozen: FrozenRow = row.frozen()?;
            let gone = self.gone.entry(branch).or_default();
            *gone += 1;
            if *gone < frozen.heirs {
                break;
            }
            let dropped = frozen.dropped();
            if !dropped.is_merged {
                records(tables, branch, &mut lost)?;
            }
            next = dropped.needs.filter(|older| *older < branch);
        }
        Ok(lost)
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

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// The records that nobody could look up any more if a plan were carried out.
    pub(crate) fn lost(&self, thread: &Thread, plan: &Plan<H>) -> Result<Vec<Origin>, TablesError> {
        let mut changes: Changes<H> = Changes::default();
        if let Some(record) = &plan.record {
            changes = pruning::prune_planned(self.tables(), record.clone())?;
        }
        let chain = Chain::of(self.tables(), &thread.life)?;
        let mut burying = Burying::of(&chain);
        for survivor in &plan.survivors {
            let namespace = Arc::clone(&survivor.namespace);
            let key = Key::Checkpoint(chain.own(), namespace, Arc::clone(&survivor.id));
            if self.tables().get(&key)?.is_some() {
                changes.died([survivor.entry.origin]);
            } else {
                burying.bury(self.tables(), &key, &mut changes)?;
            }
        }
        Ok(changes.into_dead())
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
