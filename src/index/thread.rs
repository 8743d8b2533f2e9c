//! [`Thread`]: the namespaces of a thread, and when it was last deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::codec::{CheckpointPut, WritesPut};
use crate::index::Refused;
use crate::index::names::Names;
use crate::index::namespace::Namespace;

#[derive(Debug)]
pub(crate) struct Thread<H> {
    pub(crate) namespaces: BTreeMap<Arc<str>, Namespace<H>>,
    /// The cutoff of the last deletion: a version 6 UUID.
    deleted: Option<Box<str>>,
}

impl<H> Default for Thread<H> {
    fn default() -> Self {
        Self {
            namespaces: BTreeMap::new(),
            deleted: None,
        }
    }
}

impl<H: Clone> Thread<H> {
    pub(crate) fn put(&mut self, new: CheckpointPut<H>, names: &mut Names) -> Result<(), Refused> {
        if let Some(checkpoint) = self.lost_base(&new) {
            return Err(Refused {
                checkpoint: checkpoint.to_owned(),
                thread: new.thread,
            });
        }
        self.namespace(&new.namespace).put(new, names);
        Ok(())
    }

    pub(crate) fn put_writes(
        &mut self,
        new: WritesPut<H>,
        names: &mut Names,
    ) -> Result<(), Refused> {
        let id = &new.checkpoint_id;
        let before_deletion = self
            .deleted
            .as_deref()
            .is_some_and(|cutoff| precedes(id, cutoff).unwrap_or(false));
        if before_deletion && !self.holds(&new.namespace, id) {
            return Err(Refused {
                thread: new.thread,
                checkpoint: new.checkpoint_id,
            });
        }
        self.namespace(&new.namespace).put_writes(new, names);
        Ok(())
    }

    /// Forgets everything but that it was deleted.
    pub(crate) fn delete(&mut self, cutoff: String) {
        // A clock that was ahead may have made ids beyond the cutoff.
        let ids = std::mem::take(&mut self.namespaces)
            .into_values()
            .flat_map(|namespace| namespace.checkpoints.into_keys());
        let greatest = ids.filter(|id| is_v6(id)).max();
        let greatest = greatest.map(|id| Box::from(id.as_ref()));
        let cutoff = Some(cutoff.into_boxed_str());
        self.deleted = self.deleted.take().max(cutoff).max(greatest);
    }

    /// The checkpoint that `new` builds on, if that went with the thread's deletion.
    fn lost_base<'n>(&self, new: &'n CheckpointPut<H>) -> Option<&'n str> {
        let cutoff = self.deleted.as_deref()?;
        // Ids of another form cannot be compared with the cutoff, so every missing parent is taken for
        // a deleted one: to build on it would give a checkpoint without its inherited values.
        let parent = new
            .parent_id
            .as_deref()
            .filter(|id| precedes(id, cutoff).unwrap_or(true) && !self.holds(&new.namespace, id));
        // The first checkpoint of a subgraph has no parent, but belongs to the run of its ancestors.
        parent.or_else(|| {
            new.ancestors.iter().find_map(|(namespace, id)| {
                let lost = precedes(id, cutoff).unwrap_or(false) && !self.holds(namespace, id);
                lost.then_some(id.as_str())
            })
        })
    }

    fn holds(&self, namespace: &str, id: &str) -> bool {
        self.namespaces
            .get(namespace)
            .is_some_and(|namespace| namespace.checkpoints.contains_key(id))
    }

    fn namespace(&mut self, namespace: &str) -> &mut Namespace<H> {
        self.namespaces.entry(namespace.into()).or_default()
    }
}

/// Whether a checkpoint was made no later than `cutoff`, if their ids can tell.
fn precedes(id: &str, cutoff: &str) -> Option<bool> {
    (is_v6(id) && is_v6(cutoff)).then(|| id <= cutoff)
}

/// Whether `id` is a version 6 UUID in the form whose text grows with time.
fn is_v6(id: &str) -> bool {
    let parsed = Uuid::try_parse(id);
    id.len() == 36
        && !id.contains(|c: char| c.is_ascii_uppercase())
        && parsed.is_ok_and(|id| id.get_version_num() == 6)
}
