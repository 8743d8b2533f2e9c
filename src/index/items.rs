//! [`Items`]: the items of the long-term memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::codec::{ItemDeleted, ItemPut};

/// Long-term memory as the log tells it.
#[derive(Debug)]
pub(crate) struct Items<H> {
    /// By namespace and key. No namespace is without items.
    namespaces: BTreeMap<Arc<[String]>, ByKey<H>>,
    /// The place of the next new key in the order of insertion.
    next_place: u64,
}

type ByKey<H> = BTreeMap<Box<str>, Arc<ItemEntry<H>>>;

/// What the index knows of one item.
#[derive(Clone, Debug)]
pub(crate) struct ItemEntry<H> {
    pub(crate) namespace: Arc<[String]>,
    pub(crate) key: Box<str>,
    pub(crate) value: H,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: u64,
    /// Microseconds since the Unix epoch.
    pub(crate) updated_at: u64,
    place: u64,
}

impl<H> Default for Items<H> {
    fn default() -> Self {
        Self {
            namespaces: BTreeMap::new(),
            next_place: 0,
        }
    }
}

impl<H> Items<H> {
    pub(crate) fn put(&mut self, new: ItemPut<H>) {
        let namespace: Arc<[String]> = new.namespace.into();
        let items = self.namespaces.entry(Arc::clone(&namespace)).or_default();
        let before = items.get(new.key.as_str());
        let (created_at, place) = before.map_or((new.at, self.next_place), |before| {
            (before.created_at, before.place)
        });
        if place == self.next_place {
            self.next_place += 1;
        }
        let key = new.key.into_boxed_str();
        let entry = ItemEntry {
            namespace,
            key: key.clone(),
            value: new.value,
            created_at,
            updated_at: new.at,
            place,
        };
        items.insert(key, Arc::new(entry));
    }

    pub(crate) fn delete(&mut self, old: &ItemDeleted) {
        if let Some(items) = self.namespaces.get_mut(old.namespace.as_slice()) {
            items.remove(old.key.as_str());
            if items.is_empty() {
                self.namespaces.remove(old.namespace.as_slice());
            }
        }
    }

    pub(crate) fn get(&self, namespace: &[String], key: &str) -> Option<Arc<ItemEntry<H>>> {
        self.namespaces.get(namespace)?.get(key).map(Arc::clone)
    }

    /// The items at or below a namespace, in the order in which their keys were first put.
    pub(crate) fn below(&self, prefix: &[String]) -> Vec<Arc<ItemEntry<H>>> {
        let mut items: Vec<_> = self
            .namespaces
            .range::<[String], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(namespace, _)| namespace.starts_with(prefix))
            .flat_map(|(_, items)| items.values().map(Arc::clone))
            .collect();
        items.sort_unstable_by_key(|item| item.place);
        items
    }

    /// The namespaces that hold items, sorted.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &[String]> {
        self.namespaces.keys().map(AsRef::as_ref)
    }
}
