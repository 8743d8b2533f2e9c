//! [`MemoryCache`]: outputs of nodes, remembered in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::cache::{CacheKey, NodeCache};
use crate::graph::output::NodeOutput;

/// Outputs of nodes, remembered in this process's memory: a bounded number of them, the oldest leave
/// first. Clones share what is remembered.
#[derive(Clone, Debug)]
pub struct MemoryCache {
    capacity: usize,
    entries: Arc<Mutex<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<CacheKey, Entry>,
    /// In the order in which they were put; those that were replaced or dropped since are skipped.
    order: VecDeque<(CacheKey, u64)>,
    puts: u64,
}

#[derive(Debug)]
struct Entry {
    output: NodeOutput,
    /// `None`: too far away to be expressed.
    expires: Option<Instant>,
    put: u64,
}

impl MemoryCache {
    /// Room for `capacity` outputs, at least 1.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            entries: Arc::default(),
        }
    }

    /// How many outputs are remembered, expired ones included.
    pub fn len(&self) -> usize {
        self.entries.lock().by_key.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.entries.lock() = Entries::default();
    }
}

impl Entries {
    fn get(&mut self, key: &CacheKey) -> Option<NodeOutput> {
        let entry = self.by_key.get(key)?;
        if entry.expires.is_some_and(|at| at <= Instant::now()) {
            self.by_key.remove(key);
            return None;
        }
        Some(entry.output.clone())
    }

    fn put(&mut self, key: CacheKey, output: NodeOutput, ttl: Duration, capacity: usize) {
        self.puts += 1;
        let entry = Entry {
            output,
            expires: Instant::now().checked_add(ttl),
            put: self.puts,
        };
        self.by_key.insert(key.clone(), entry);
        self.order.push_back((key, self.puts));
        // An output that is put again and again must not make the order grow without bound.
        while self.by_key.len() > capacity || self.order.len() > 2 * capacity {
            let Some((key, put)) = self.order.pop_front() else {
                break;
            };
            if self.by_key.get(&key).is_some_and(|entry| entry.put == put) {
                self.by_key.remove(&key);
            }
        }
    }
}

impl NodeCache for MemoryCache {
    fn get<'a>(&'a self, key: &'a CacheKey) -> BoxFuture<'a, Option<NodeOutput>> {
        let found = self.entries.lock().get(key);
        std::future::ready(found).boxed()
    }

    fn put(&self, key: CacheKey, output: NodeOutput, ttl: Duration) -> BoxFuture<'_, ()> {
        self.entries.lock().put(key, output, ttl, self.capacity);
        std::future::ready(()).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> CacheKey {
        CacheKey {
            node: "n".into(),
            input: name.into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn outputs_expire_and_the_oldest_leave_first() {
        let cache = MemoryCache::new(2);
        let minute = Duration::from_secs(60);
        cache.put(key("a"), NodeOutput::Nothing, minute).await;
        cache
            .put(key("b"), NodeOutput::Nothing, Duration::MAX)
            .await;
        assert!(cache.get(&key("a")).await.is_some());
        tokio::time::advance(minute).await;
        assert!(cache.get(&key("a")).await.is_none());
        assert!(cache.get(&key("b")).await.is_some());
        cache.put(key("c"), NodeOutput::Nothing, minute).await;
        cache.put(key("d"), NodeOutput::Nothing, minute).await;
        assert!(cache.get(&key("b")).await.is_none());
        assert_eq!(cache.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_output_that_is_put_again_stays_and_the_order_stays_bounded() {
        let cache = MemoryCache::new(2);
        for _ in 0..100 {
            cache
                .put(key("a"), NodeOutput::Nothing, Duration::MAX)
                .await;
        }
        assert!(cache.get(&key("a")).await.is_some());
        assert!(cache.entries.lock().order.len() <= 4);
    }
}
