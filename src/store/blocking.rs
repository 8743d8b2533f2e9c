//! [`BlockingStore`]: a store for threads that may block.

use futures::executor::block_on;
use serde_json::Value;

use crate::store::{
    Answer, Explain, Get, Item, ItemHistory, ListNamespaces, Moment, Op, Page, Put, Search, Store,
    StoreError, Versions,
};

/// A [`Store`] whose methods block the calling thread until they are done. Not for async functions.
///
/// ```
/// use serde_json::json;
/// use stepwell::store::{MemoryStore, Store};
///
/// let store = MemoryStore::new().blocking();
/// store.put(&["alice"], "home", json!("Oslo"))?;
/// assert!(store.get(&["alice"], "home")?.is_some());
/// # Ok::<(), stepwell::store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BlockingStore<S> {
    store: S,
}

/// Each as the method of [`Store`] with its name.
impl<S: Store> BlockingStore<S> {
    /// A store whose methods block.
    pub fn new(store: S) -> Self {
        Self { store }
    }

    /// See [`Store::batch`].
    ///
    /// # Errors
    /// As there.
    pub fn batch(&self, ops: Vec<Op>) -> Result<Vec<Answer>, StoreError> {
        block_on(self.store.batch(ops))
    }

    /// See [`Store::put`].
    ///
    /// # Errors
    /// As there.
    pub fn put(&self, namespace: &[&str], key: &str, value: Value) -> Result<(), StoreError> {
        block_on(self.store.put(namespace, key, value))
    }

    /// See [`Store::put_with`].
    ///
    /// # Errors
    /// As there.
    pub fn put_with(&self, put: Put) -> Result<(), StoreError> {
        block_on(self.store.put_with(put))
    }

    /// See [`Store::get`].
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, namespace: &[&str], key: &str) -> Result<Option<Item>, StoreError> {
        block_on(self.store.get(namespace, key))
    }

    /// See [`Store::get_with`].
    ///
    /// # Errors
    /// As there.
    pub fn get_with(&self, get: Get) -> Result<Option<Item>, StoreError> {
        block_on(self.store.get_with(get))
    }

    /// See [`Store::get_as_of`].
    ///
    /// # Errors
    /// As there.
    pub fn get_as_of(
        &self,
        namespace: &[&str],
        key: &str,
        moment: Moment,
    ) -> Result<Option<Item>, StoreError> {
        block_on(self.store.get_as_of(namespace, key, moment))
    }

    /// See [`Store::history`].
    ///
    /// # Errors
    /// As there.
    pub fn history(&self, namespace: &[&str], key: &str) -> Result<Versions, StoreError> {
        block_on(self.store.history(namespace, key))
    }

    /// See [`Store::history_with`].
    ///
    /// # Errors
    /// As there.
    pub fn history_with(&self, of: ItemHistory) -> Result<Versions, StoreError> {
        block_on(self.store.history_with(of))
    }

    /// See [`Store::delete`].
    ///
    /// # Errors
    /// As there.
    pub fn delete(&self, namespace: &[&str], key: &str) -> Result<(), StoreError> {
        block_on(self.store.delete(namespace, key))
    }

    /// See [`Store::search`].
    ///
    /// # Errors
    /// As there.
    pub fn search(&self, search: Search) -> Result<Vec<Item>, StoreError> {
        block_on(self.store.search(search))
    }

    /// See [`Store::page`].
    ///
    /// # Errors
    /// As there.
    pub fn page(&self, search: Search) -> Result<Page, StoreError> {
        block_on(self.store.page(search))
    }

    /// See [`Store::count`].
    ///
    /// # Errors
    /// As there.
    pub fn count(&self, search: Search) -> Result<u64, StoreError> {
        block_on(self.store.count(search))
    }

    /// See [`Store::explain`].
    ///
    /// # Errors
    /// As there.
    pub fn explain(&self, search: Search) -> Result<Explain, StoreError> {
        block_on(self.store.explain(search))
    }

    /// See [`Store::list_namespaces`].
    ///
    /// # Errors
    /// As there.
    pub fn list_namespaces(&self, query: ListNamespaces) -> Result<Vec<Vec<String>>, StoreError> {
        block_on(self.store.list_namespaces(query))
    }
}
