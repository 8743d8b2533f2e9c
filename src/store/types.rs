//! The [`Store`] trait and what goes in and out of it.

use std::sync::Arc;
use std::time::SystemTime;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::db::Db;
use crate::store::{Filter, StoreError};

/// One remembered item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where it is kept, label by label.
    pub namespace: Vec<String>,
    /// Its name within the namespace.
    pub key: String,
    /// What is remembered.
    pub value: Value,
    /// When the key was first put (and not deleted since).
    pub created_at: SystemTime,
    /// When the value was last put.
    pub updated_at: SystemTime,
}

/// Which items [`Store::search`] returns.
#[derive(Clone, Debug)]
pub struct Search {
    /// Only items in this namespace or below it, compared by whole labels. Empty: all.
    pub prefix: Vec<String>,
    /// Only items whose value satisfies this.
    pub filter: Filter,
    /// At most so many; 10 by default.
    pub limit: usize,
    /// Skip so many first.
    pub offset: usize,
}

impl Search {
    /// The first 10 items at or below `prefix`.
    pub fn new(prefix: &[&str]) -> Self {
        Self {
            prefix: prefix.iter().map(ToString::to_string).collect(),
            filter: Filter::default(),
            limit: 10,
            offset: 0,
        }
    }

    /// Only items whose value satisfies `filter`.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// At most `limit` items.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Skips the first `offset` items.
    #[must_use]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }
}

/// Which namespaces [`Store::list_namespaces`] returns.
#[derive(Clone, Debug)]
pub struct ListNamespaces {
    /// Only namespaces that begin with these labels; `*` is any label.
    pub prefix: Vec<String>,
    /// Only namespaces that end with these labels; `*` is any label.
    pub suffix: Vec<String>,
    /// Cut longer namespaces to so many labels.
    pub max_depth: Option<usize>,
    /// At most so many; 100 by default.
    pub limit: usize,
    /// Skip so many first.
    pub offset: usize,
}

impl Default for ListNamespaces {
    fn default() -> Self {
        Self {
            prefix: Vec::new(),
            suffix: Vec::new(),
            max_depth: None,
            limit: 100,
            offset: 0,
        }
    }
}

/// Remembers items across threads.
///
/// A write is done, and visible to every later read, when its future resolves; a write whose future
/// was polled once goes on even if the future is dropped.
pub trait Store: Send + Sync + 'static {
    /// Remembers `value` under `key`, in place of what was there.
    ///
    /// # Errors
    /// [`StoreError::InvalidNamespace`] if `namespace` is empty, has an empty label, a label with a
    /// `.`, or starts with `langgraph`.
    fn put<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
        value: Value,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The item under `key`, if there is one.
    fn get<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>>;

    /// Forgets the item under `key`. It is no error if there is none.
    fn delete<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The items that `search` selects, in the order in which their keys were first put.
    fn search(&self, search: Search) -> BoxFuture<'_, Result<Vec<Item>, StoreError>>;

    /// The database that keeps the items, if it is one. A graph can then commit what its nodes put
    /// together with its checkpoints.
    fn database(&self) -> Option<&Db> {
        None
    }

    /// The namespaces that hold items and that `query` selects, sorted, each once.
    fn list_namespaces(
        &self,
        query: ListNamespaces,
    ) -> BoxFuture<'_, Result<Vec<Vec<String>>, StoreError>>;
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn put<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
        value: Value,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).put(namespace, key, value)
    }

    fn get<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        (**self).get(namespace, key)
    }

    fn delete<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).delete(namespace, key)
    }

    fn search(&self, search: Search) -> BoxFuture<'_, Result<Vec<Item>, StoreError>> {
        (**self).search(search)
    }

    fn database(&self) -> Option<&Db> {
        (**self).database()
    }

    fn list_namespaces(
        &self,
        query: ListNamespaces,
    ) -> BoxFuture<'_, Result<Vec<Vec<String>>, StoreError>> {
        (**self).list_namespaces(query)
    }
}
