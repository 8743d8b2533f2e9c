//! The stores under test, and short ways to use them.

use std::sync::Arc;

use futures::executor::block_on;
use serde_json::Value;
use stepwell::store::{Filter, Item, ListNamespaces, MemoryStore, Search, Store, StoreError};

/// What keeps the items.
#[derive(Clone, Copy)]
pub(crate) enum Backend {
    /// Memory.
    Memory,
}

/// A store that may be closed and opened again between writing and reading.
pub(crate) struct Kept {
    open: Arc<dyn Store>,
}

impl Kept {
    pub(crate) fn new(backend: Backend) -> Self {
        match backend {
            Backend::Memory => Self {
                open: Arc::new(MemoryStore::new()),
            },
        }
    }

    /// Closes and opens again what can be.
    pub(crate) fn reopen(&mut self) {}

    pub(crate) fn put(&self, namespace: &[&str], key: &str, value: Value) {
        self.try_put(namespace, key, value).unwrap();
    }

    pub(crate) fn try_put(
        &self,
        namespace: &[&str],
        key: &str,
        value: Value,
    ) -> Result<(), StoreError> {
        block_on(self.open.put(namespace, key, value))
    }

    pub(crate) fn get(&self, namespace: &[&str], key: &str) -> Option<Item> {
        block_on(self.open.get(namespace, key)).unwrap()
    }

    pub(crate) fn delete(&self, namespace: &[&str], key: &str) {
        block_on(self.open.delete(namespace, key)).unwrap();
    }

    pub(crate) fn search(&self, search: Search) -> Vec<Item> {
        block_on(self.open.search(search)).unwrap()
    }

    /// The keys of the items that a search finds.
    pub(crate) fn keys(&self, search: Search) -> Vec<String> {
        self.search(search).into_iter().map(|i| i.key).collect()
    }

    /// The keys of the items below `prefix` that satisfy `filter`.
    pub(crate) fn matching(&self, prefix: &[&str], filter: Value) -> Vec<String> {
        let filter = Filter::from_json(&filter).unwrap();
        self.keys(Search::new(prefix).filter(filter))
    }

    /// The namespaces that a query selects, labels joined by `/`.
    pub(crate) fn namespaces(&self, query: ListNamespaces) -> Vec<String> {
        let namespaces = block_on(self.open.list_namespaces(query)).unwrap();
        namespaces.iter().map(|labels| labels.join("/")).collect()
    }
}
