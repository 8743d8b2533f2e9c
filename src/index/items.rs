//! The items of the long-term memory.

use std::ops::Bound;
use std::sync::Arc;

use crate::codec::{ItemDeleted, ItemPut};
use crate::index::changes::Changes;
use crate::index::row::{Origin, wrong};
use crate::index::{Key, Row, Rows, Snapshot, TablesError};

/// What the index knows of one item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemEntry<H> {
    pub(crate) namespace: Arc<[String]>,
    pub(crate) key: Arc<str>,
    pub(crate) value: H,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: u64,
    /// Microseconds since the Unix epoch.
    pub(crate) updated_at: u64,
    /// The place of its key in the order of insertion: the LSN of the record that it first came with.
    pub(crate) place: u64,
    pub(crate) origin: Origin,
}

pub(super) fn put<H>(
    tables: &impl Rows<Key, Row<H>>,
    new: ItemPut<H>,
    origin: Origin,
) -> Result<Changes<H>, TablesError> {
    let namespace: Arc<[String]> = new.namespace.into();
    let name: Arc<str> = new.key.into();
    let key = Key::Item(Arc::clone(&namespace), Arc::clone(&name));
    let mut changes = Changes::default();
    let (mut created_at, mut place) = (new.at, origin.lsn);
    if let Some(before) = tables.get(&key)? {
        let before = before.item()?;
        (created_at, place) = (before.created_at, before.place);
        changes.died([before.origin]);
    }
    let entry = ItemEntry {
        namespace,
        key: name,
        value: new.value,
        created_at,
        updated_at: new.at,
        place,
        origin,
    };
    changes.put(key, Row::Item(Arc::new(entry)));
    Ok(changes)
}

pub(super) fn delete<H>(
    tables: &impl Rows<Key, Row<H>>,
    old: ItemDeleted,
) -> Result<Changes<H>, TablesError> {
    let key = Key::Item(old.namespace.into(), old.key.into());
    let mut changes = Changes::default();
    if let Some(before) = tables.get(&key)? {
        changes.died([before.item()?.origin]);
        changes.set(key, None);
    }
    Ok(changes)
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    pub(crate) fn item(
        &self,
        namespace: &[String],
        key: &str,
    ) -> Result<Option<Arc<ItemEntry<H>>>, TablesError> {
        let row = self
            .tables()
            .get(&Key::Item(namespace.into(), key.into()))?;
        row.map(Row::item).transpose()
    }

    /// The items at or below a namespace, in the order in which their keys were first put.
    pub(crate) fn items_below(
        &self,
        prefix: &[String],
    ) -> Result<Vec<Arc<ItemEntry<H>>>, TablesError> {
        let mut items = Vec::new();
        let mut from = Bound::Included(Key::Item(prefix.into(), Arc::default()));
        while let Some((key, row)) = self.next_item(&from)? {
            let item = row.item()?;
            if !item.namespace.starts_with(prefix) {
                break;
            }
            items.push(item);
            from = Bound::Excluded(key);
        }
        items.sort_unstable_by_key(|item| item.place);
        Ok(items)
    }

    /// The namespaces that hold items, sorted.
    pub(crate) fn item_namespaces(&self) -> Result<Vec<Arc<[String]>>, TablesError> {
        let mut namespaces = Vec::new();
        let mut from = Bound::Included(Key::Item(Arc::default(), Arc::default()));
        while let Some((key, _)) = self.next_item(&from)? {
            let Key::Item(namespace, _) = key else {
                return Err(wrong());
            };
            // What comes right after a namespace has one more label, which is empty.
            let next = (namespace.iter().cloned()).chain([String::new()]).collect();
            namespaces.push(namespace);
            from = Bound::Included(Key::Item(next, Arc::default()));
        }
        Ok(namespaces)
    }

    fn next_item(&self, from: &Bound<Key>) -> Result<Option<(Key, Row<H>)>, TablesError> {
        self.tables()
            .next(from.as_ref(), Bound::Excluded(&Key::Segment(0)))
    }
}
