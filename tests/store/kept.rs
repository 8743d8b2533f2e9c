//! The stores under test, and short ways to use them.

use std::sync::Arc;

use futures::executor::block_on;
use serde_json::Value;
use stepwell::store::{Filter, Item, ListNamespaces, MemoryStore, Search, Store, StoreError};

use crate::backend::Backend;
use crate::database::{Database, Reopening};

/// A store that may be closed and opened again between writing and reading.
pub(crate) struct Kept {
    open: Arc<dyn Store>,
    database: Option<(Database, Option<Reopening>)>,
}

impl Kept {
    pub(crate) fn new(backend: Backend) -> Self {
        let database = backend.open();
        let open: Arc<dyn Store> = match &database {
            Some((database, _)) => Arc::new(database.db().store()),
            None => Arc::new(MemoryStore::new()),
        };
        Self { open, database }
    }

    /// Closes and opens again what can be.
    pub(crate) fn reopen(&mut self) {
        if let Some((database, Some(reopening))) = &mut self.database {
            // Nothing may use the old one while the new one is opened.
            self.open = Arc::new(MemoryStore::new());
            database.reopen(*reopening);
            self.open = Arc::new(database.db().store());
        }
    }

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
