//! [`Used`]: short ways to use the store under test.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::failure::Failure;
use super::{Capability, Subject};
use crate::store::{
    Answer, BlockingStore, Explain, Filter, Get, Item, ItemHistory, ListNamespaces, Op, Page, Put,
    Search, Store, StoreError, Versions,
};
use crate::vfs::{Host, OsHost};

/// The store under test.
pub(super) struct Used<'s> {
    subject: &'s mut dyn Subject,
    store: Option<BlockingStore<Arc<dyn Store>>>,
}

impl<'s> Used<'s> {
    pub(super) fn new(subject: &'s mut dyn Subject) -> Self {
        let store = Some(BlockingStore::new(subject.store()));
        Self { subject, store }
    }

    pub(super) fn reopen(&mut self) {
        self.store = None;
        self.subject.reopen();
        self.store = Some(BlockingStore::new(self.subject.store()));
    }

    /// The store itself, as whoever shares it has it. To be let go before it is opened again.
    pub(super) fn shared(&self) -> Arc<dyn Store> {
        self.subject.store()
    }

    /// Whether the store does such things.
    pub(super) fn can(&self, capability: Capability) -> bool {
        self.subject.can(capability)
    }

    fn with<T>(
        &self,
        with: impl FnOnce(&BlockingStore<Arc<dyn Store>>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &self.store {
            Some(store) => with(store),
            None => with(&BlockingStore::new(self.subject.store())),
        }
    }

    pub(super) fn put(
        &self,
        namespace: &[&str],
        key: &str,
        value: Value,
    ) -> Result<(), StoreError> {
        self.with(|store| store.put(namespace, key, value))
    }

    pub(super) fn put_with(&self, put: Put) -> Result<(), StoreError> {
        self.with(|store| store.put_with(put))
    }

    pub(super) fn get(&self, namespace: &[&str], key: &str) -> Result<Option<Item>, StoreError> {
        self.with(|store| store.get(namespace, key))
    }

    pub(super) fn get_with(&self, get: Get) -> Result<Option<Item>, StoreError> {
        self.with(|store| store.get_with(get))
    }

    /// An item that must be there.
    pub(super) fn there(&self, namespace: &[&str], key: &str) -> Result<Item, Failure> {
        let item = self.get(namespace, key)?;
        item.ok_or_else(|| Failure::new(format!("item `{key}` in {namespace:?} is missing")))
    }

    pub(super) fn delete(&self, namespace: &[&str], key: &str) -> Result<(), StoreError> {
        self.with(|store| store.delete(namespace, key))
    }

    pub(super) fn batch(&self, ops: Vec<Op>) -> Result<Vec<Answer>, StoreError> {
        self.with(|store| store.batch(ops))
    }

    pub(super) fn search(&self, search: Search) -> Result<Vec<Item>, StoreError> {
        self.with(|store| store.search(search))
    }

    pub(super) fn page(&self, search: Search) -> Result<Page, StoreError> {
        self.with(|store| store.page(search))
    }

    pub(super) fn count(&self, search: Search) -> Result<u64, StoreError> {
        self.with(|store| store.count(search))
    }

    pub(super) fn explain(&self, search: Search) -> Result<Explain, StoreError> {
        self.with(|store| store.explain(search))
    }

    pub(super) fn history(&self, of: ItemHistory) -> Result<Versions, StoreError> {
        self.with(|store| store.history_with(of))
    }

    /// The keys of the items that a search finds.
    pub(super) fn keys(&self, search: Search) -> Result<Vec<String>, StoreError> {
        let items = self.search(search)?;
        Ok(items.into_iter().map(|item| item.key).collect())
    }

    /// The sorted keys of the items below `prefix` that satisfy `filter`.
    pub(super) fn matching(
        &self,
        prefix: &[&str],
        filter: &Value,
    ) -> Result<Vec<String>, StoreError> {
        let search = Search::new(prefix).filter(Filter::from_json(filter)?);
        let mut keys = self.keys(search.limit(usize::MAX))?;
        keys.sort();
        Ok(keys)
    }

    /// The namespaces that a query selects, labels joined by `/`.
    pub(super) fn namespaces(&self, query: ListNamespaces) -> Result<Vec<String>, StoreError> {
        let namespaces = self.with(|store| store.list_namespaces(query))?;
        Ok(namespaces.iter().map(|labels| labels.join("/")).collect())
    }
}

/// Waits for so many milliseconds, and then a little.
pub(super) fn wait(millis: u64) {
    OsHost.sleep(Duration::from_millis(millis + 2));
}
