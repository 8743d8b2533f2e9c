//! [`DbStore`]: items in the database.
//!
//! It maps the [`Store`] trait to records and must never know how they are encoded or where they
//! are.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::Encoded;
use crate::codec::Record;
use crate::db::{Db, DbError, Durability, Place, Reader};
use crate::index::ItemEntry;
use crate::item_change::ItemChange;
use crate::store::{Item, ListNamespaces, Search, Store, StoreError, namespace};
use crate::time;

/// A [`Store`] that keeps everything in a database. Clones share the database.
///
/// A search reads every item below its prefix until it has found enough.
#[derive(Clone, Debug)]
pub struct DbStore {
    db: Db,
    durability: Option<Durability>,
}

impl Db {
    /// A store that keeps its items in this database.
    pub fn store(&self) -> DbStore {
        DbStore {
            db: self.clone(),
            durability: None,
        }
    }
}

impl DbStore {
    /// The same items, written with `durability` instead of the database's.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    async fn submit(
        &self,
        record: Record<Encoded>,
        what: impl Fn() -> String,
    ) -> Result<(), StoreError> {
        // Nothing refuses an item: threads are deleted, namespaces are not.
        let submitted = (self.db).submit_shared(vec![record], self.durability, what)?;
        let _ = submitted.await?;
        Ok(())
    }
}

impl Store for DbStore {
    fn put<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
        value: Value,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let put = ItemChange {
                namespace: namespace::checked(namespace)?,
                key: key.to_owned(),
                value: Some(Encoded::json(&value)),
            };
            self.submit(put.into_record(self.db.now()), || name(namespace, key))
                .await
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        async move {
            let namespace = namespace::owned(namespace);
            let mut reader = self.db.reader();
            let found = self
                .db
                .snapshot()
                .item(&namespace, key)
                .map_err(DbError::from)?;
            found.map(|entry| read(&mut reader, &entry)).transpose()
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let deleted = ItemChange {
                namespace: namespace::owned(namespace),
                key: key.to_owned(),
                value: None,
            };
            self.submit(deleted.into_record(self.db.now()), || name(namespace, key))
                .await
        }
        .boxed()
    }

    fn search(&self, search: Search) -> BoxFuture<'_, Result<Vec<Item>, StoreError>> {
        async move {
            let mut reader = self.db.reader();
            let found = self.db.snapshot().items_below(&search.prefix);
            let found = found.map_err(DbError::from)?;
            let mut to_skip = search.offset;
            let mut items = Vec::new();
            for entry in found {
                if items.len() >= search.limit {
                    break;
                }
                let item = read(&mut reader, &entry)?;
                if !search.filter.matches(&item.value) {
                    continue;
                }
                if to_skip > 0 {
                    to_skip -= 1;
                } else {
                    items.push(item);
                }
            }
            Ok(items)
        }
        .boxed()
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.db)
    }

    fn list_namespaces(
        &self,
        query: ListNamespaces,
    ) -> BoxFuture<'_, Result<Vec<Vec<String>>, StoreError>> {
        async move {
            let all = self
                .db
                .snapshot()
                .item_namespaces()
                .map_err(DbError::from)?;
            Ok(namespace::select(all.iter().map(AsRef::as_ref), &query))
        }
        .boxed()
    }
}

fn read(reader: &mut Reader, entry: &ItemEntry<Place>) -> Result<Item, StoreError> {
    let value = reader.values([&entry.value])?.pop();
    let value = value.map_or(Ok(Value::Null), |value| value.to_json());
    let value = value.map_err(|e| DbError::UnreadableValue {
        what: name(&entry.namespace, &entry.key),
        reason: e.to_string(),
    })?;
    Ok(Item {
        namespace: entry.namespace.to_vec(),
        key: entry.key.to_string(),
        value,
        created_at: time::from_micros(entry.created_at),
        updated_at: time::from_micros(entry.updated_at),
    })
}

/// What errors call an item.
fn name<L: std::fmt::Debug>(namespace: &[L], key: &str) -> String {
    format!("item `{key}` in namespace {namespace:?}")
}
