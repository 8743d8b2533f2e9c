//! [`HotThread`]: what was put last in each namespace of a thread.

use hashlink::LruCache;

use super::{HotCheckpoint, Sources};

/// Subgraphs have a namespace for each of their calls: only those used last are kept.
const NAMESPACES_MAX: usize = 16;

/// What was put last in each namespace of a thread.
#[derive(Debug)]
pub(in crate::db) struct HotThread {
    namespaces: LruCache<Box<str>, HotNamespace>,
}

impl Default for HotThread {
    fn default() -> Self {
        Self {
            namespaces: LruCache::new(NAMESPACES_MAX),
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

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let namespaces = self.namespaces.iter().map(|(name, namespace)| {
            let checkpoint = namespace.checkpoint.as_ref();
            name.len()
                + size_of::<HotNamespace>()
                + checkpoint.map_or(0, HotCheckpoint::bytes)
                + namespace.sources.bytes()
        });
        size_of::<Self>() + namespaces.sum::<usize>()
    }
}
