//! [`HotThread`]: what was put last in each namespace of a thread.

use hashlink::LruCache;

use super::shared::Shared;
use super::{HotCheckpoint, Sources};
use crate::db::place::At;

/// Subgraphs have a namespace for each of their calls: only those used last are kept.
const NAMESPACES_MAX: usize = 16;

/// What was put last in each namespace of a thread.
#[derive(Debug)]
pub(in crate::db) struct HotThread {
    namespaces: LruCache<Box<str>, HotNamespace>,
    /// Large values that the thread has put.
    pub(in crate::db) shared: Shared,
}

impl Default for HotThread {
    fn default() -> Self {
        Self {
            namespaces: LruCache::new(NAMESPACES_MAX),
            shared: Shared::default(),
        }
    }
}

/// What was put last in a namespace.
#[derive(Debug, Default)]
pub(in crate::db) struct HotNamespace {
    pub(in crate::db) checkpoint: Option<HotCheckpoint>,
    pub(in crate::db) sources: Sources,
}

impl HotThread {
    /// What was put last in a namespace.
    pub(in crate::db) fn namespace(&mut self, name: &str) -> HotNamespace {
        self.namespaces.remove(name).unwrap_or_default()
    }

    /// Keeps what was put last in a namespace.
    pub(in crate::db) fn keep(&mut self, name: &str, namespace: HotNamespace) {
        self.namespaces.insert(name.into(), namespace);
    }

    /// Forgets everything.
    pub(in crate::db) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Tells `with` of all places that are kept of the thread.
    pub(super) fn named(&self, with: &mut dyn FnMut(At)) {
        self.shared.named(with);
        for (_, namespace) in &self.namespaces {
            namespace.sources.named(with);
            if let Some(checkpoint) = &namespace.checkpoint {
                checkpoint.named(with);
            }
        }
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let namespaces = self.namespaces.iter().map(|(name, namespace)| {
            let checkpoint = namespace.checkpoint.as_ref();
            name.len()
                + size_of::<HotNamespace>()
                + checkpoint.map_or(0, HotCheckpoint::bytes)
                + namespace.sources.bytes()
        });
        size_of::<Self>() + self.shared.bytes() + namespaces.sum::<usize>()
    }
}
