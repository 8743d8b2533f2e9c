//! [`HotThread`]: what was put last in each namespace of a thread.

use hashlink::LruCache;
use hashlink::linked_hash_map::RawEntryMut;

use super::{HotCheckpoint, Puts, Sources};
use crate::db::place::At;
use crate::log::Lsn;

/// Subgraphs have a namespace for each of their calls: only those used last are kept.
const NAMESPACES_MAX: usize = 16;
/// A thread is counted anew when it has grown or shrunk by so many bytes.
const RECOUNTED_BYTES: usize = 512;

/// What was put last in each namespace of a thread.
#[derive(Debug)]
pub(in crate::db) struct HotThread {
    /// How many bytes it took when it was counted last.
    counted: usize,
    namespaces: LruCache<Box<str>, HotNamespace>,
    puts: Puts,
    /// The LSN after the last change that was no put.
    changed: Lsn,
    /// Whether a deletion may refuse what is put, if it was looked up since the last change.
    deleted: Option<bool>,
}

/// What was put last in a namespace.
#[derive(Debug, Default)]
pub(in crate::db) struct HotNamespace {
    pub(in crate::db) checkpoint: Option<HotCheckpoint>,
    pub(in crate::db) sources: Sources,
}

impl HotThread {
    /// A thread of which no more is known than that nothing was put since `end`.
    pub(super) fn since(end: Lsn) -> Self {
        Self {
            counted: 0,
            namespaces: LruCache::new(NAMESPACES_MAX),
            puts: Puts::before(end),
            changed: end,
            deleted: None,
        }
    }

    /// What was put last in a namespace.
    pub(in crate::db) fn namespace(&mut self, name: &str) -> &mut HotNamespace {
        self.namespace_and_puts(name).0
    }

    /// What was put last in a namespace, and in all of them.
    pub(in crate::db) fn namespace_and_puts(
        &mut self,
        name: &str,
    ) -> (&mut HotNamespace, &mut Puts) {
        let namespace = match self.namespaces.raw_entry_mut().from_key(name) {
            RawEntryMut::Occupied(mut known) => {
                known.to_back();
                known.into_mut()
            }
            RawEntryMut::Vacant(room) => room.insert(name.into(), HotNamespace::default()).1,
        };
        (namespace, &mut self.puts)
    }

    /// The LSN after all that was put or changed it.
    pub(super) fn end(&self) -> Lsn {
        self.puts.end().max(self.changed)
    }

    /// The LSN after the last change that was no put.
    pub(in crate::db) fn changed(&self) -> Lsn {
        self.changed
    }

    /// Notes that something else than a put was submitted, in a frame before `end`.
    pub(in crate::db) fn note_change(&mut self, end: Lsn) {
        self.changed = end;
        self.deleted = None;
    }

    /// Whether a deletion may refuse what is put: as it was found last, or as `look_up` says.
    pub(in crate::db) fn deleted<E>(
        &mut self,
        look_up: impl FnOnce() -> Result<bool, E>,
    ) -> Result<bool, E> {
        match self.deleted {
            Some(known) => Ok(known),
            None => Ok(*self.deleted.insert(look_up()?)),
        }
    }

    /// Whether that was asked since the last change.
    pub(in crate::db) fn is_asked(&self) -> bool {
        self.deleted.is_some()
    }

    /// Forgets everything but what must not be forgotten.
    pub(in crate::db) fn forget(&mut self) {
        self.namespaces = LruCache::new(NAMESPACES_MAX);
    }

    /// How much memory it takes now, if that is worth telling.
    pub(super) fn recounted(&mut self) -> Option<usize> {
        let bytes = self.bytes();
        (bytes.abs_diff(self.counted) >= RECOUNTED_BYTES).then(|| {
            self.counted = bytes;
            bytes
        })
    }

    /// Tells `with` of all places that are kept of the thread.
    pub(super) fn named(&self, with: &mut dyn FnMut(At)) {
        for (_, namespace) in &self.namespaces {
            namespace.sources.named(with);
            if let Some(checkpoint) = &namespace.checkpoint {
                checkpoint.named(with);
            }
        }
    }

    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        let namespaces = self.namespaces.iter().map(|(name, namespace)| {
            let checkpoint = namespace.checkpoint.as_ref();
            name.len()
                + size_of::<HotNamespace>()
                + checkpoint.map_or(0, HotCheckpoint::bytes)
                + namespace.sources.bytes()
        });
        size_of::<Self>() + self.puts.bytes() + namespaces.sum::<usize>()
    }
}
