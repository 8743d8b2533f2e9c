//! [`MemoryStore`]: items that last as long as the process.

use std::sync::Arc;
use std::time::SystemTime;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::RwLock;
use serde_json::Value;

use crate::codec::{ItemDeleted, ItemPut};
use crate::index::{ItemEntry, Items};
use crate::store::{Item, ListNamespaces, Search, Store, StoreError, namespace};
use crate::time;

/// A [`Store`] that keeps everything in memory. Clones share what they keep.
///
/// For tests and for runs that need not survive their process; it answers exactly as the database
/// does.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    kept: Arc<RwLock<Items<Value>>>,
}

impl MemoryStore {
    /// A store that keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn put<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
        value: Value,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let namespace = namespace::checked(namespace)?;
            let mut kept = self.kept.write();
            kept.put(ItemPut {
                namespace,
                key: key.to_owned(),
                value,
                at: time::to_micros(SystemTime::now()),
            });
            Ok(())
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        async move {
            let found = self.kept.read().get(&namespace::owned(namespace), key);
            Ok(found.map(|entry| item(&entry)))
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.kept.write().delete(&ItemDeleted {
                namespace: namespace::owned(namespace),
                key: key.to_owned(),
            });
            Ok(())
        }
        .boxed()
    }

    fn search(&self, search: Search) -> BoxFuture<'_, Result<Vec<Item>, StoreError>> {
        async move {
            let found = self.kept.read().below(&search.prefix);
            let matching = found
                .iter()
                .filter(|entry| search.filter.matches(&entry.value));
            let page = matching.skip(search.offset).take(search.limit);
            Ok(page.map(|entry| item(entry)).collect())
        }
        .boxed()
    }

    fn list_namespaces(
        &self,
        query: ListNamespaces,
    ) -> BoxFuture<'_, Result<Vec<Vec<String>>, StoreError>> {
        async move { Ok(namespace::select(self.kept.read().namespaces(), &query)) }.boxed()
    }
}

fn item(entry: &ItemEntry<Value>) -> Item {
    Item {
        namespace: entry.namespace.to_vec(),
        key: entry.key.to_string(),
        value: entry.value.clone(),
        created_at: time::from_micros(entry.created_at),
        updated_at: time::from_micros(entry.updated_at),
    }
}
