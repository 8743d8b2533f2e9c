//! [`MemoryStore`]: items that last as long as the process.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::RwLock;
use serde_json::Value;

use crate::codec::{ItemDeleted, ItemPut, Record};
use crate::db::DbError;
use crate::index::{Index, ItemEntry, Key, MemTables, Origin, Row, Snapshot, Unapplied};
use crate::store::{Item, ListNamespaces, Search, Store, StoreError, namespace};
use crate::time;
use crate::vfs::{Host, OsHost};

/// A [`Store`] that keeps everything in memory. Clones share what they keep.
///
/// For tests and for runs that need not survive their process; it answers exactly as the database
/// does.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    kept: Arc<RwLock<Kept>>,
}

type Tables = MemTables<Key, Row<Value>>;

#[derive(Debug, Default)]
struct Kept {
    index: Index<Value, Tables>,
    /// How many records there were.
    lsn: u64,
}

impl MemoryStore {
    /// A store that keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn snapshot(&self) -> Snapshot<Value, Tables> {
        self.kept.read().index.snapshot()
    }

    fn apply(&self, record: Record<Value>) -> Result<(), StoreError> {
        let mut kept = self.kept.write();
        kept.lsn += 1;
        let origin = Origin {
            lsn: kept.lsn,
            segment: 0,
            bytes: 0,
        };
        match kept.index.apply(record, origin) {
            Err(Unapplied::Tables(error)) => Err(DbError::from(error).into()),
            // Nothing refuses an item.
            Ok(()) | Err(Unapplied::Refused(_)) => Ok(()),
        }
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
            self.apply(Record::ItemPut(ItemPut {
                namespace,
                key: key.to_owned(),
                value,
                at: time::to_micros(OsHost.system_time()),
            }))
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        async move {
            let found = self.snapshot().item(&namespace::owned(namespace), key);
            let found = found.map_err(DbError::from)?;
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
            self.apply(Record::ItemDeleted(ItemDeleted {
                namespace: namespace::owned(namespace),
                key: key.to_owned(),
            }))
        }
        .boxed()
    }

    fn search(&self, search: Search) -> BoxFuture<'_, Result<Vec<Item>, StoreError>> {
        async move {
            let found = self.snapshot().items_below(&search.prefix);
            let found = found.map_err(DbError::from)?;
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
        async move {
            let all = self.snapshot().item_namespaces().map_err(DbError::from)?;
            Ok(namespace::select(all.iter().map(AsRef::as_ref), &query))
        }
        .boxed()
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
