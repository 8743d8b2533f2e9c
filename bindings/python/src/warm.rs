//! [`Warm`]: which threads were put or read not long ago, so that reading them again finds most in memory.

use hashlink::LruCache;
use parking_lot::Mutex;

/// So many are remembered.
const KEPT: usize = 256;

/// Threads and namespaces that were put or read not long ago. A hint: what was in memory may have gone.
pub(crate) struct Warm(Mutex<LruCache<(String, String), ()>>);

impl Default for Warm {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }
}

impl Warm {
    pub(crate) fn note(&self, thread: &str, namespace: &str) {
        let key = (thread.to_owned(), namespace.to_owned());
        self.0.lock().insert(key, ());
    }

    pub(crate) fn has(&self, thread: &str, namespace: &str) -> bool {
        let key = (thread.to_owned(), namespace.to_owned());
        self.0.lock().get(&key).is_some()
    }
}
