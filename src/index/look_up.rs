//! Looking up checkpoints.

use std::ops::Bound;
use std::sync::Arc;

use crate::index::chain::{Chain, after};
use crate::index::row::wrong;
use crate::index::writes::{self, ByTask};
use crate::index::{Entry, Key, Row, Rows, Snapshot, TablesError, threads};

/// A checkpoint as it was when it was looked up.
#[derive(Debug)]
pub(crate) struct Found<H> {
    pub(crate) thread: Arc<str>,
    pub(crate) namespace: Arc<str>,
    pub(crate) id: Arc<str>,
    pub(crate) entry: Arc<Entry<H>>,
    /// By task id.
    pub(crate) writes: ByTask<H>,
}

impl<H> Found<H> {
    /// About how many bytes it takes, handles not followed.
    pub(super) fn heap_len(&self) -> usize {
        let writes = self.writes.iter();
        let writes = writes.map(|(task, writes)| task.len() + writes.heap_len());
        let names = self.thread.len() + self.namespace.len() + self.id.len();
        size_of::<Self>() + names + self.entry.heap_len() + writes.sum::<usize>()
    }
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// The checkpoint `id`, or the latest, with its pending writes or without.
    pub(crate) fn get(
        &self,
        thread: &str,
        namespace: &str,
        id: Option<&str>,
        with_writes: bool,
    ) -> Result<Option<Found<H>>, TablesError> {
        let Some(life) = threads::life(self.tables(), thread)? else {
            return Ok(None);
        };
        let chain = Chain::of(self.tables(), &life)?;
        self.in_chain(&chain, &thread.into(), &namespace.into(), id, with_writes)
    }

    /// What is known of a checkpoint, without its pending writes.
    pub(crate) fn entry(
        &self,
        thread: &str,
        namespace: &str,
        id: &str,
    ) -> Result<Option<Arc<Entry<H>>>, TablesError> {
        let Some(life) = threads::life(self.tables(), thread)? else {
            return Ok(None);
        };
        let chain = Chain::of(self.tables(), &life)?;
        chain.checkpoint(self.tables(), &namespace.into(), &id.into())
    }

    /// The latest checkpoint in `namespace` of the first thread after `after` that has one.
    pub(crate) fn next_latest(
        &self,
        namespace: &str,
        after: Option<&str>,
        with_writes: bool,
    ) -> Result<Option<Found<H>>, TablesError> {
        let namespace = namespace.into();
        let mut next = self.next_thread(after)?;
        while let Some(thread) = next {
            let chain = Chain::of(self.tables(), &thread.life)?;
            let found = self.in_chain(&chain, &thread.name, &namespace, None, with_writes)?;
            if found.is_some() {
                return Ok(found);
            }
            next = self.next_thread(Some(&thread.name))?;
        }
        Ok(None)
    }

    fn in_chain(
        &self,
        chain: &Chain,
        thread: &Arc<str>,
        namespace: &Arc<str>,
        id: Option<&str>,
        with_writes: bool,
    ) -> Result<Option<Found<H>>, TablesError> {
        let found = match id {
            Some(id) => {
                let id = id.into();
                let entry = chain.checkpoint(self.tables(), namespace, &id)?;
                entry.map(|entry| (id, entry))
            }
            None => chain.newest(self.tables(), namespace, None)?,
        };
        let Some((id, entry)) = found else {
            return Ok(None);
        };
        let writes = if with_writes {
            writes::of(self.tables(), chain, namespace, &id)?
        } else {
            Vec::new()
        };
        Ok(Some(Found {
            thread: Arc::clone(thread),
            namespace: Arc::clone(namespace),
            writes,
            id,
            entry,
        }))
    }
}

/// The namespaces of a chain that have checkpoints, sorted.
pub(super) fn namespaces<H>(
    tables: &impl Rows<Key, Row<H>>,
    chain: &Chain,
) -> Result<Vec<Arc<str>>, TablesError> {
    let first = |branch, namespace| Key::Checkpoint(branch, namespace, Arc::default());
    let end = first(chain.own().saturating_add(1), Arc::default());
    let mut from = first(chain.own(), Arc::default());
    let mut namespaces = Vec::new();
    while let Some(shown) = chain.next(tables, Bound::Included(&from), Bound::Excluded(&end))? {
        let Key::Checkpoint(_, namespace, _) = shown.key else {
            return Err(wrong());
        };
        from = first(chain.own(), after(&namespace));
        namespaces.push(namespace);
    }
    Ok(namespaces)
}
