//! [`Hot`]: what is kept in memory of what was put last, so that the next checkpoint need not read its parent.
//!
//! All of it can be forgotten at any time: what is not here is looked up in the index and read from the log. It names places that
//! the index may no longer need, so whoever removes frames from the log has everything forgotten first
//! ([`Hot::forget_all`]).

mod checkpoint;
mod contents;
mod sources;
mod thread;
mod values;
mod versions;

use std::sync::Arc;

use hashlink::LruCache;
use parking_lot::{Mutex, RwLock};

pub(super) use checkpoint::{Draft, Held, HotCheckpoint, HotValue};
pub(super) use contents::{Content, Contents, LASTING_BYTES, MIN_BYTES, NewContent};
pub(super) use sources::Sources;
pub(super) use thread::HotThread;
pub(crate) use values::Values;
pub(super) use versions::HotVersions;

/// What is kept in memory of what was put last.
#[derive(Debug)]
pub(crate) struct Hot {
    /// Written to by whoever has all forgotten, so that no record is on its way that names what was known before.
    gate: RwLock<()>,
    threads: Mutex<Threads>,
    limit: usize,
    values: Values,
    contents: Contents,
}

#[derive(Debug)]
struct Threads {
    by_name: LruCache<Box<str>, Slot>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Slot {
    thread: Arc<Mutex<HotThread>>,
    /// As it was counted last.
    bytes: usize,
}

/// This part of the memory is for what is known of threads, the rest for values.
const THREADS_SHARE: usize = 4;

impl Hot {
    /// Takes at most about `limit` bytes of memory.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            gate: RwLock::new(()),
            threads: Mutex::new(Threads {
                by_name: LruCache::new_unbounded(),
                bytes: 0,
            }),
            limit: limit / THREADS_SHARE,
            values: Values::new(limit - limit / THREADS_SHARE),
            contents: Contents::new(),
        }
    }

    /// Values by their places.
    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// Large values by their contents. What is found there may be named in a record only as long as the gate is held, see
    /// [`with_thread`](Self::with_thread) and [`gated`](Self::gated).
    pub(in crate::db) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// For whoever submits a record of no thread that builds on what is known here.
    pub(super) fn gated<T>(&self, with: impl FnOnce() -> T) -> T {
        let _gate = self.gate.read();
        with()
    }

    /// Lends what is known of a thread. Whoever has it is alone with the thread, so what is submitted meanwhile is in
    /// the order in which it was made.
    pub(super) fn with_thread<T>(&self, name: &str, with: impl FnOnce(&mut HotThread) -> T) -> T {
        let _gate = self.gate.read();
        let shared = self.threads.lock().get(name);
        let (outcome, bytes) = {
            let mut thread = shared.lock();
            let outcome = with(&mut thread);
            (outcome, thread.recounted())
        };
        if let Some(bytes) = bytes {
            self.threads.lock().settle(name, bytes, self.limit);
        }
        outcome
    }

    /// Forgets everything, when nobody is about to submit a record that builds on it. Nobody else is, until `then` is done.
    pub(crate) fn forget_all<T>(&self, then: impl FnOnce() -> T) -> T {
        let _gate = self.gate.write();
        let mut threads = self.threads.lock();
        threads.by_name.clear();
        threads.bytes = 0;
        drop(threads);
        self.values.clear();
        self.contents.clear();
        then()
    }
}

impl Threads {
    fn get(&mut self, name: &str) -> Arc<Mutex<HotThread>> {
        if let Some(slot) = self.by_name.get(name) {
            return Arc::clone(&slot.thread);
        }
        let slot = Slot::default();
        let thread = Arc::clone(&slot.thread);
        self.by_name.insert(name.into(), slot);
        thread
    }

    /// Counts a thread anew, and forgets those that were not used for longest.
    fn settle(&mut self, name: &str, bytes: usize, limit: usize) {
        if let Some(slot) = self.by_name.get_mut(name) {
            self.bytes = (self.bytes + bytes).saturating_sub(slot.bytes);
            slot.bytes = bytes;
        }
        while self.bytes > limit {
            let Some((_, oldest)) = self.by_name.remove_lru() else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoded;

    #[test]
    fn all_is_forgotten() {
        let hot = Hot::new(1 << 20);
        hot.values().insert((1, 0), Encoded::new("bytes", "value"));
        hot.with_thread("t", |thread| drop(thread.namespace("n")));
        hot.forget_all(|| assert_eq!(hot.values().get((1, 0)), None));
        assert_eq!(hot.threads.lock().by_name.len(), 0);
    }
}
