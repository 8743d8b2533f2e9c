//! [`Plan`]: which checkpoints of a thread would go.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::codec::{CheckpointsPruned, Removed};
use crate::index::chain::Chain;
use crate::index::id::made_at;
use crate::index::look_up::namespaces;
use crate::index::tags::tagged;
use crate::index::{Entry, Key, Row, Rows, Snapshot, TablesError, Thread};

/// A checkpoint that may go.
pub(crate) struct Candidate<'c, H> {
    pub(crate) namespace: &'c str,
    /// How many checkpoints of its namespace are newer.
    pub(crate) newer: usize,
    pub(crate) id: &'c str,
    pub(crate) entry: &'c Entry<H>,
}

impl<H> Candidate<'_, H> {
    /// Microseconds since the Unix epoch, if they are known.
    pub(crate) fn made_at(&self) -> Option<u64> {
        made_at(self.id).or_else(|| self.entry.ts.micros())
    }
}

/// What the removal of checkpoints from a thread would mean.
pub(crate) struct Plan<H> {
    /// What to commit; `None` if nothing would go.
    pub(crate) record: Option<CheckpointsPruned>,
    /// How many checkpoints would go.
    pub(crate) checkpoints: u64,
    /// Those that stay and take values from some that go. They are to be put again, standalone, behind the record.
    pub(crate) survivors: Vec<Survivor<H>>,
}

/// A checkpoint that is to be put again.
pub(crate) struct Survivor<H> {
    pub(crate) namespace: Arc<str>,
    pub(crate) id: Arc<str>,
    pub(crate) entry: Arc<Entry<H>>,
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// Plans to remove the checkpoints that `goes` says of a thread, up to `most`: of each namespace the newest first, so
    /// that what stays is put again once and not with each portion. Those with a tag stay, and so do those that others need which
    /// stay: `made_of` names the channels whose values are what tasks have written since the last ancestor that has one.
    pub(crate) fn plan(
        &self,
        thread: &Thread,
        most: u64,
        goes: impl Fn(&Candidate<'_, H>) -> bool,
        made_of: impl Fn(&Entry<H>) -> Vec<String>,
    ) -> Result<Plan<H>, TablesError> {
        let chain = Chain::of(self.tables(), &thread.life)?;
        let mut plan = Plan {
            record: None,
            checkpoints: 0,
            survivors: Vec::new(),
        };
        let mut ranges = BTreeMap::new();
        for namespace in namespaces(self.tables(), &chain)? {
            if plan.checkpoints >= most {
                break;
            }
            let removed =
                self.plan_namespace(&chain, &namespace, most, (&goes, &made_of), &mut plan)?;
            if let Some(removed) = removed {
                ranges.insert(namespace.to_string(), removed);
            }
        }
        plan.record = (plan.checkpoints > 0).then(|| CheckpointsPruned {
            thread: thread.name.to_string(),
            as_of: thread.life.lsn,
            namespaces: ranges,
        });
        Ok(plan)
    }

    fn plan_namespace(
        &self,
        chain: &Chain,
        namespace: &Arc<str>,
        most: u64,
        (goes, made_of): (
            &impl Fn(&Candidate<'_, H>) -> bool,
            &impl Fn(&Entry<H>) -> Vec<String>,
        ),
        plan: &mut Plan<H>,
    ) -> Result<Option<Removed>, TablesError> {
        let tagged = tagged(self.tables(), chain, namespace)?;
        let mut removed = HashSet::new();
        // Which ancestors are needed, and for which channels. They are older, so they come later.
        let mut needed: HashMap<Arc<str>, BTreeSet<String>> = HashMap::new();
        let mut kept = Vec::new();
        // Greatest ids first, as they are found.
        let mut ranges: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        let mut is_open = false;
        let mut newer = 0;
        let mut before = None;
        while let Some((id, entry)) = chain.newest(self.tables(), namespace, before.as_ref())? {
            if plan.checkpoints >= most {
                break;
            }
            let candidate = Candidate {
                namespace,
                newer,
                id: &id,
                entry: &entry,
            };
            let wanted = needed.remove(&id);
            if !tagged.contains(&id) && wanted.is_none() && goes(&candidate) {
                plan.checkpoints += 1;
                removed.insert(Arc::clone(&id));
                match ranges.last_mut() {
                    Some((from, _)) if is_open => *from = Arc::clone(&id),
                    _ => ranges.push((Arc::clone(&id), Arc::clone(&id))),
                }
                is_open = true;
            } else {
                is_open = false;
                let mut open = wanted.unwrap_or_default();
                open.extend(made_of(&entry));
                open.retain(|channel| !entry.has_value(channel));
                if let Some(parent) = entry.parent_id.as_ref().filter(|_| !open.is_empty()) {
                    let needed = needed.entry(parent.as_ref().into()).or_default();
                    needed.extend(open);
                }
                // Only what needs another is remembered.
                if entry.parent_id.is_some() || entry.scanned {
                    kept.push((Arc::clone(&id), entry));
                }
            }
            newer += 1;
            before = Some(id);
        }
        if removed.is_empty() {
            return Ok(None);
        }
        kept.retain(|(_, entry)| {
            let parent = entry.parent_id.as_deref();
            entry.scanned || parent.is_some_and(|parent| removed.contains(parent))
        });
        let survivors = kept.into_iter().rev().map(|(id, entry)| Survivor {
            namespace: Arc::clone(namespace),
            id,
            entry,
        });
        plan.survivors.extend(survivors);
        let ranges = ranges.into_iter().rev();
        let ranges = ranges.map(|(from, to)| (from.to_string(), to.to_string()));
        Ok(Some(Some(ranges.collect())))
    }
}
