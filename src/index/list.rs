//! [`List`]: checkpoints one after the other, greatest id first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::index::chain::Chain;
use crate::index::look_up::namespaces;
use crate::index::threads::Thread;
use crate::index::{Entry, Found, Key, Row, Rows, Snapshot, TablesError, writes};

/// Which checkpoints to list.
pub(crate) struct Selection<'q> {
    pub(crate) thread: Option<&'q str>,
    pub(crate) namespace: Option<&'q str>,
    /// Only smaller ids.
    pub(crate) before: Option<&'q str>,
}

/// The selected checkpoints of all threads and namespaces, greatest id first. They are looked up as they are asked
/// for.
pub(crate) struct List<H, T> {
    view: Snapshot<H, T>,
    sources: Vec<Source>,
    heads: BinaryHeap<Head<H>>,
}

/// The checkpoints of one namespace of a thread.
struct Source {
    thread: Arc<str>,
    namespace: Arc<str>,
    chain: Arc<Chain>,
}

/// The next checkpoint of a source, which is known by its place among the sources.
struct Head<H> {
    id: Arc<str>,
    source: Reverse<usize>,
    entry: Arc<Entry<H>>,
}

impl<H> PartialEq for Head<H> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<H> Eq for Head<H> {}

impl<H> PartialOrd for Head<H> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<H> Ord for Head<H> {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.id, self.source).cmp(&(&other.id, other.source))
    }
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    pub(crate) fn list(self, selection: &Selection<'_>) -> Result<List<H, T>, TablesError> {
        let mut sources = Vec::new();
        if let Some(name) = selection.thread {
            if let Some(thread) = self.thread(name)? {
                self.sources_of(&thread, selection, &mut sources)?;
            }
        } else {
            let mut next = self.next_thread(None)?;
            while let Some(thread) = next {
                self.sources_of(&thread, selection, &mut sources)?;
                next = self.next_thread(Some(&thread.name))?;
            }
        }
        let mut list = List {
            view: self,
            sources,
            heads: BinaryHeap::new(),
        };
        let before = selection.before.map(Arc::from);
        for source in 0..list.sources.len() {
            list.advance(source, before.as_ref())?;
        }
        Ok(list)
    }

    fn sources_of(
        &self,
        thread: &Thread,
        selection: &Selection<'_>,
        to: &mut Vec<Source>,
    ) -> Result<(), TablesError> {
        let chain = Arc::new(Chain::of(self.tables(), &thread.life)?);
        let namespaces = match selection.namespace {
            Some(namespace) => vec![namespace.into()],
            None => namespaces(self.tables(), &chain)?,
        };
        to.extend(namespaces.into_iter().map(|namespace| Source {
            thread: Arc::clone(&thread.name),
            namespace,
            chain: Arc::clone(&chain),
        }));
        Ok(())
    }
}

impl<H: Clone, T: Rows<Key, Row<H>>> List<H, T> {
    /// The next checkpoint that is `wanted`, with its pending writes or without.
    pub(crate) fn next(
        &mut self,
        with_writes: bool,
        wanted: impl Fn(&Entry<H>) -> bool,
    ) -> Result<Option<Found<H>>, TablesError> {
        while let Some(Head { id, source, entry }) = self.heads.pop() {
            let Reverse(source) = source;
            self.advance(source, Some(&id))?;
            if let Some(of) = self.sources.get(source)
                && wanted(&entry)
            {
                let writes = if with_writes {
                    writes::of(self.view.tables(), &of.chain, &of.namespace, &id)?
                } else {
                    Vec::new()
                };
                return Ok(Some(Found {
                    thread: Arc::clone(&of.thread),
                    namespace: Arc::clone(&of.namespace),
                    id,
                    entry,
                    writes,
                }));
            }
        }
        Ok(None)
    }

    /// Looks up the next checkpoint of a source.
    fn advance(&mut self, source: usize, before: Option<&Arc<str>>) -> Result<(), TablesError> {
        if let Some(of) = self.sources.get(source) {
            let next = (of.chain).newest(self.view.tables(), &of.namespace, before)?;
            self.heads.extend(next.map(|(id, entry)| Head {
                id,
                source: Reverse(source),
                entry,
            }));
        }
        Ok(())
    }
}
