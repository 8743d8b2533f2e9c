//! [`KnownLatest`]: the latest checkpoints of threads that were asked for not long ago.
//!
//! Whoever looks after a run asks again and again what its latest checkpoint is. As long as nothing was done to the thread, that is what it
//! was the last time. The index takes out what a record may change before anybody sees the rows that it makes, and must never
//! forget to.

use std::sync::Arc;

use hashlink::LruCache;
use parking_lot::Mutex;

use crate::index::look_up::Found;

/// Of so many threads some are known.
pub(super) const THREADS_MAX: usize = 512;
/// Of so many namespaces of a thread: its own, and those of what it calls.
const NAMESPACES_MAX: usize = 4;
/// Those that take more memory are looked up each time, so that all together take no more than some megabytes.
pub(super) const BYTES_MAX: usize = 2 << 10;

/// The latest checkpoints of threads that were asked for not long ago.
#[derive(Debug)]
pub(crate) struct KnownLatest<H> {
    by_thread: Mutex<LruCache<Arc<str>, OfThread<H>>>,
    /// How often any may have changed.
    changes: u64,
}

/// The latest of a thread's namespaces; the one that was asked for first is in front.
type OfThread<H> = Vec<Arc<Found<H>>>;

/// When something was looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsOf(u64);

impl<H> Default for KnownLatest<H> {
    fn default() -> Self {
        Self {
            by_thread: Mutex::new(LruCache::new(THREADS_MAX)),
            changes: 0,
        }
    }
}

impl<H> KnownLatest<H> {
    /// The latest checkpoint of a namespace, with its pending writes, if it is known.
    pub(crate) fn get(&self, thread: &str, namespace: &str) -> Option<Arc<Found<H>>> {
        let mut by_thread = self.by_thread.lock();
        let known = by_thread.get(thread)?;
        let mut known = known.iter();
        known.find(|of| *of.namespace == *namespace).cloned()
    }

    /// The rows that there are now.
    pub(crate) fn as_of(&self) -> AsOf {
        AsOf(self.changes)
    }

    /// Notes what was found with its pending writes in the rows of that time, if they are still those that there are.
    pub(crate) fn note(&self, found: &Arc<Found<H>>, as_of: AsOf) {
        if as_of.0 != self.changes || found.heap_len() > BYTES_MAX {
            return;
        }
        let mut by_thread = self.by_thread.lock();
        let known = by_thread.entry(Arc::clone(&found.thread));
        let known = known.or_insert_with(OfThread::new);
        known.retain(|of| of.namespace != found.namespace);
        if known.len() >= NAMESPACES_MAX {
            known.remove(0);
        }
        known.push(Arc::clone(found));
    }

    /// Something was put to a thread.
    pub(super) fn changed(&mut self, thread: &str) {
        self.changes += 1;
        self.by_thread.get_mut().remove(thread);
    }

    /// Anything may have changed.
    pub(super) fn all_changed(&mut self) {
        self.changes += 1;
        self.by_thread.get_mut().clear();
    }
}
