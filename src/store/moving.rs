//! [`MovedItem`]: an item with all its times, on its way from one store to another; and how a database gives and takes it.
//!
//! What is put otherwise gets the time of its put. This must never know where the other store is.

use std::ops::Bound;
use std::time::Duration;

use serde_json::Value;

use crate::codec::Moved;
use crate::db::DbError;
use crate::index::{ItemEntry, Key};
use crate::item_vectors::ItemVectors;
use crate::store::db_store::value;
use crate::store::embedding::Embedded;
use crate::store::reading::item_of;
use crate::store::{DbStore, Item, Op, Put, StoreError, Ttl, namespace};
use crate::{Encoded, ItemChange, time};

/// Namespace and key.
pub(crate) type ItemName = (Vec<String>, String);

/// An item, and for how long each put or refresh lets it live.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MovedItem {
    pub(crate) item: Item,
    /// If it expires.
    pub(crate) lifetime: Option<Duration>,
    /// Whether it has vectors, which are not moved: each store's embedder makes its own.
    pub(crate) has_vectors: bool,
}

/// An item that cannot be read or held.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UnreadItem {
    pub(crate) name: ItemName,
    pub(crate) reason: String,
}

/// Items in an order of their store's own.
#[derive(Debug, Default)]
pub(crate) struct ItemPage {
    /// Without those that have expired.
    pub(crate) items: Vec<Result<MovedItem, UnreadItem>>,
    /// The last that was looked at, if there may be more behind it.
    pub(crate) next: Option<ItemName>,
}

impl MovedItem {
    pub(crate) fn name(&self) -> ItemName {
        (self.item.namespace.clone(), self.item.key.clone())
    }

    /// Whether another store has the same: in a store that is read from, an item may have been let live on.
    pub(crate) fn is_in(&self, there: &Self) -> bool {
        let (a, b) = (&self.item, &there.item);
        (&a.value, a.created_at, a.updated_at) == (&b.value, b.created_at, b.updated_at)
            && self.lifetime == there.lifetime
            && match (a.expires_at, b.expires_at) {
                (Some(own), Some(other)) => own <= other,
                (own, other) => own == other,
            }
    }
}

impl UnreadItem {
    /// Why a store cannot hold items of this name, if so.
    pub(crate) fn of_name(name: &ItemName) -> Option<Self> {
        let refused = namespace::check(&name.0).err()?;
        Some(Self {
            name: name.clone(),
            reason: refused.to_string(),
        })
    }
}

impl DbStore {
    /// The items behind one, at most `limit`.
    pub(crate) fn moved_behind(
        &self,
        last: Option<&ItemName>,
        limit: usize,
    ) -> Result<ItemPage, StoreError> {
        let (rows, now) = (self.db.snapshot(), self.db.now());
        let from = match last {
            Some((namespace, key)) => {
                Bound::Excluded(Key::Item(namespace.as_slice().into(), key.as_str().into()))
            }
            None => Bound::Included(Key::Item([].into(), "".into())),
        };
        let found = rows.items_from(&[], from.as_ref(), limit);
        let found = found.map_err(DbError::from)?;
        let last = found.last().filter(|_| found.len() >= limit);
        let next = last.map(|item| (item.namespace.to_vec(), item.key.to_string()));
        let mut reader = self.db.reader();
        let items = found.iter().filter(|item| !item.is_expired(now));
        let items = items.map(|entry| {
            Ok(match value(&mut reader, entry) {
                Ok(value) => Ok(moved(entry, value)),
                Err(StoreError::Db(DbError::UnreadableValue { what, reason })) => Err(UnreadItem {
                    name: (entry.namespace.to_vec(), entry.key.to_string()),
                    reason: format!("{what}: {reason}"),
                }),
                Err(error) => return Err(error),
            })
        });
        let items = items.collect::<Result<_, StoreError>>()?;
        Ok(ItemPage { items, next })
    }

    /// The items of these names that are there.
    pub(crate) fn moved_of(&self, names: &[ItemName]) -> Result<Vec<MovedItem>, StoreError> {
        let (rows, now) = (self.db.snapshot(), self.db.now());
        let mut reader = self.db.reader();
        let mut items = Vec::new();
        for (namespace, key) in names {
            let found = rows.item(namespace, key).map_err(DbError::from)?;
            let Some(entry) = found.filter(|entry| !entry.is_expired(now)) else {
                continue;
            };
            let value = value(&mut reader, &entry)?;
            items.push(moved(&entry, value));
        }
        Ok(items)
    }

    /// Puts items with their times. Their vectors are made by this store's embedder, if it has one.
    pub(crate) async fn put_moved(&self, items: Vec<MovedItem>) -> Result<(), StoreError> {
        let ops: Vec<_> = items.iter().map(op).collect();
        let embedded = Embedded::of(&ops, self.options()).await?;
        let changes = items.into_iter().enumerate().map(|(at, moved)| {
            let MovedItem { item, lifetime, .. } = moved;
            let times = Moved {
                created: time::to_micros(item.created_at),
                expires: item.expires_at.map(time::to_micros),
            };
            let change = ItemChange {
                value: Some(Encoded::json(&item.value)),
                namespace: item.namespace,
                key: item.key,
                ttl: lifetime.map_or(Ttl::Never, Ttl::After),
                index: None,
                texts: None,
                vectors: embedded.item(at).map(ItemVectors::encode),
            };
            (change, time::to_micros(item.updated_at), times)
        });
        let records = self.db.moved_records(changes.collect())?;
        if records.is_empty() {
            return Ok(());
        }
        let what = || format!("{} moved items", ops.len());
        let _ = self.db.submit_shared(records, None, what)?.await?;
        Ok(())
    }
}

fn moved<H>(entry: &ItemEntry<H>, value: Value) -> MovedItem {
    MovedItem {
        item: item_of(entry, value),
        lifetime: entry.life.map(|life| Duration::from_micros(life.lifetime)),
        has_vectors: entry.vectors.is_some(),
    }
}

fn op(moved: &MovedItem) -> Op {
    let namespace: Vec<_> = moved.item.namespace.iter().map(String::as_str).collect();
    Put::new(&namespace, moved.item.key.clone(), moved.item.value.clone()).into()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use futures::executor::block_on;
    use serde_json::json;

    use super::*;
    use crate::db::Db;
    use crate::store::{Get, Moment, Search, Store};

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn there(store: &DbStore) -> Item {
        block_on(store.get(&["a"], "k")).unwrap().unwrap()
    }

    #[test]
    fn times_of_another_store_outlive_later_puts_compaction_and_opening_again() {
        let directory = tempfile::TempDir::new().unwrap();
        let db = Db::open(directory.path()).unwrap();
        let item = Item {
            namespace: vec!["a".into()],
            key: "k".into(),
            value: json!({"n": 1}),
            created_at: at(1_000),
            updated_at: at(2_000),
            expires_at: Some(at(9_000_000_000)),
            score: None,
        };
        let moved = MovedItem {
            item: item.clone(),
            lifetime: Some(Duration::from_secs(60)),
            has_vectors: false,
        };
        block_on(db.store().put_moved(vec![moved.clone()])).unwrap();
        assert_eq!(there(&db.store()), item);
        db.close().unwrap();
        let db = Db::open(directory.path()).unwrap();
        let page = db.store().moved_behind(None, 9).unwrap();
        assert_eq!(page.items, [Ok(moved)]);
        let get = |seconds| Get::new(&["a"], "k").as_of(Moment::at(at(seconds)));
        let then = |seconds| block_on(db.store().get_with(get(seconds)));
        assert_eq!(then(2_000).unwrap(), Some(item));
        assert!(matches!(then(1_500), Err(StoreError::NotKept { .. })));
        assert_eq!(then(500).unwrap(), None);
        let search = Search::new(&["a"]).as_of(Moment::at(at(1_500)));
        let found = block_on(db.store().search(search));
        assert!(matches!(found, Err(StoreError::NotKept { .. })));

        let put = Put::new(&["a"], "k", json!(2)).forever();
        block_on(db.store().put_with(put)).unwrap();
        assert_eq!(there(&db.store()).created_at, at(1_000));
        db.compact().unwrap();
        db.close().unwrap();
        let _ = std::fs::remove_file(directory.path().join("index.redb"));
        let db = Db::open(directory.path()).unwrap();
        let left = there(&db.store());
        assert_eq!((left.created_at, left.expires_at), (at(1_000), None));
        assert_eq!(left.value, json!(2));
    }
}
