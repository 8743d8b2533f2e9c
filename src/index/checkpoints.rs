//! [`Checkpoints`]: the checkpoints of all threads.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Bound;
use std::sync::Arc;

use crate::codec::{CheckpointPut, ThreadDeleted, WritesPut};
use crate::index::Refused;
use crate::index::entry::Entry;
use crate::index::names::Names;
use crate::index::namespace::{Namespace, Writes};
use crate::index::thread::Thread;
use crate::version::ChannelVersion;

/// Short-term memory as the log tells it.
#[derive(Debug)]
pub(crate) struct Checkpoints<H> {
    threads: BTreeMap<Arc<str>, Thread<H>>,
    names: Names,
}

/// A checkpoint as it was when it was looked up.
#[derive(Debug)]
pub(crate) struct Found<H> {
    pub(crate) thread: Arc<str>,
    pub(crate) namespace: Arc<str>,
    pub(crate) id: Arc<str>,
    pub(crate) entry: Arc<Entry<H>>,
    pub(crate) writes: Option<Arc<Writes<H>>>,
}

/// Which checkpoints to find.
pub(crate) struct Selection<'q, H> {
    pub(crate) thread: Option<&'q str>,
    pub(crate) namespace: Option<&'q str>,
    /// Only smaller ids.
    pub(crate) before: Option<&'q str>,
    pub(crate) limit: usize,
    /// Whether an entry is wanted.
    pub(crate) wanted: &'q dyn Fn(&Entry<H>) -> bool,
}

impl<H> Default for Checkpoints<H> {
    fn default() -> Self {
        Self {
            threads: BTreeMap::new(),
            names: Names::default(),
        }
    }
}

impl<H: Clone> Checkpoints<H> {
    pub(crate) fn put(&mut self, new: CheckpointPut<H>) -> Result<(), Refused> {
        let thread = thread_of(&mut self.threads, &new.thread);
        thread.put(new, &mut self.names)
    }

    pub(crate) fn put_writes(&mut self, new: WritesPut<H>) -> Result<(), Refused> {
        let thread = thread_of(&mut self.threads, &new.thread);
        thread.put_writes(new, &mut self.names)
    }

    pub(crate) fn delete_thread(&mut self, old: ThreadDeleted) {
        thread_of(&mut self.threads, &old.thread).delete(old.cutoff);
    }

    /// The checkpoint `id`, or the latest.
    pub(crate) fn get(&self, thread: &str, namespace: &str, id: Option<&str>) -> Option<Found<H>> {
        let (thread, namespaces) = self.threads.get_key_value(thread)?;
        let (name, namespace) = namespaces.namespaces.get_key_value(namespace)?;
        let (id, entry) = match id {
            Some(id) => namespace.checkpoints.get_key_value(id)?,
            None => namespace.checkpoints.last_key_value()?,
        };
        Some(found(thread, name, namespace, id, entry))
    }

    /// The selected checkpoints of all threads and namespaces, greatest id first.
    pub(crate) fn list(&self, selection: &Selection<'_, H>) -> Vec<Found<H>> {
        let before = selection.before.map_or(Bound::Unbounded, Bound::Excluded);
        let mut sources: Vec<_> = self
            .threads_named(selection.thread)
            .flat_map(|(thread, state)| {
                namespaces_named(state, selection.namespace).map(move |(name, namespace)| {
                    let newest_first = namespace
                        .checkpoints
                        .range::<str, _>((Bound::Unbounded, before))
                        .rev()
                        .filter(|(_, entry)| (selection.wanted)(entry));
                    (thread, name, namespace, newest_first)
                })
            })
            .collect();
        let mut heads = BinaryHeap::new();
        for (at, (_, _, _, newest_first)) in sources.iter_mut().enumerate() {
            heads.extend(newest_first.next().map(|(id, e)| Head(id, Reverse(at), e)));
        }
        let mut list = Vec::new();
        while list.len() < selection.limit {
            let Some(Head(id, Reverse(at), entry)) = heads.pop() else {
                break;
            };
            let Some((thread, name, namespace, newest_first)) = sources.get_mut(at) else {
                break;
            };
            list.push(found(thread, name, namespace, id, entry));
            heads.extend(newest_first.next().map(|(id, e)| Head(id, Reverse(at), e)));
        }
        list
    }

    /// The latest checkpoint of each thread that has one in `namespace`.
    pub(crate) fn latest(&self, namespace: &str) -> Vec<Found<H>> {
        let latest = self.threads.iter().filter_map(|(thread, state)| {
            let (name, namespace) = state.namespaces.get_key_value(namespace)?;
            let (id, entry) = namespace.checkpoints.last_key_value()?;
            Some(found(thread, name, namespace, id, entry))
        });
        latest.collect()
    }

    fn threads_named(&self, thread: Option<&str>) -> impl Iterator<Item = (&Arc<str>, &Thread<H>)> {
        let range = thread.map_or((Bound::Unbounded, Bound::Unbounded), |thread| {
            (Bound::Included(thread), Bound::Included(thread))
        });
        self.threads.range::<str, _>(range)
    }

    /// Whether a checkpoint that is put with `parent_id` would find the unchanged `channel` without
    /// bringing its value.
    pub(crate) fn resolves(
        &self,
        thread: &str,
        namespace: &str,
        parent_id: &str,
        channel: &str,
        version: &ChannelVersion,
    ) -> bool {
        self.threads
            .get(thread)
            .and_then(|thread| thread.namespaces.get(namespace))
            .is_some_and(|namespace| namespace.resolves(parent_id, channel, version))
    }

    /// The greatest checkpoint id of a thread, in whichever namespace.
    pub(crate) fn greatest_id(&self, thread: &str) -> Option<&str> {
        let namespaces = &self.threads.get(thread)?.namespaces;
        let greatest = namespaces
            .values()
            .filter_map(|namespace| namespace.checkpoints.last_key_value());
        greatest.map(|(id, _)| id.as_ref()).max()
    }
}

/// The next checkpoint of a source, which is known by its place among the sources.
struct Head<'i, H>(&'i Arc<str>, Reverse<usize>, &'i Arc<Entry<H>>);

impl<H> Head<'_, H> {
    fn key(&self) -> (&str, Reverse<usize>) {
        (self.0, self.1)
    }
}

impl<H> PartialEq for Head<'_, H> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<H> Eq for Head<'_, H> {}

impl<H> PartialOrd for Head<'_, H> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<H> Ord for Head<'_, H> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

fn namespaces_named<'t, H>(
    thread: &'t Thread<H>,
    namespace: Option<&str>,
) -> impl Iterator<Item = (&'t Arc<str>, &'t Namespace<H>)> {
    let range = namespace.map_or((Bound::Unbounded, Bound::Unbounded), |namespace| {
        (Bound::Included(namespace), Bound::Included(namespace))
    });
    thread.namespaces.range::<str, _>(range)
}

fn thread_of<'t, H>(
    threads: &'t mut BTreeMap<Arc<str>, Thread<H>>,
    thread: &str,
) -> &'t mut Thread<H> {
    threads.entry(thread.into()).or_default()
}

fn found<H>(
    thread: &Arc<str>,
    name: &Arc<str>,
    namespace: &Namespace<H>,
    id: &Arc<str>,
    entry: &Arc<Entry<H>>,
) -> Found<H> {
    Found {
        thread: Arc::clone(thread),
        namespace: Arc::clone(name),
        id: Arc::clone(id),
        entry: Arc::clone(entry),
        writes: namespace.writes.get(id).map(Arc::clone),
    }
}
