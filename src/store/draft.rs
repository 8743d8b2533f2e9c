//! [`Draft`]: changes of a store that are not made yet, seen by whoever makes them as if they were.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;

use crate::store::{Item, ListNamespaces, Search, Store, StoreError, namespace};
use crate::vfs::{Host, OsHost};
use crate::{Encoded, ItemChange};

/// A [`Store`] that notes changes instead of making them, over the store that they are meant for.
pub(crate) struct Draft {
    base: Arc<dyn Store>,
    changes: Mutex<BTreeMap<Key, Option<Note>>>,
}

type Key = (Vec<String>, String);

/// The changes that were noted at some moment.
#[derive(Clone)]
pub(crate) struct DraftMark(BTreeMap<Key, Option<Note>>);

#[derive(Clone)]
struct Note {
    value: Value,
    at: SystemTime,
}

impl Draft {
    pub(crate) fn new(base: Arc<dyn Store>) -> Self {
        Self {
            base,
            changes: Mutex::default(),
        }
    }

    /// What was noted so far, to come back to.
    pub(crate) fn mark(&self) -> DraftMark {
        DraftMark(self.changes.lock().clone())
    }

    /// Forgets all changes since `mark`.
    pub(crate) fn rewind(&self, mark: &DraftMark) {
        self.changes.lock().clone_from(&mark.0);
    }

    /// The changes noted so far: of each key the last.
    pub(crate) fn changes(&self) -> Vec<ItemChange> {
        let changes = self.changes.lock();
        let change = |((namespace, key), note): (&Key, &Option<Note>)| ItemChange {
            namespace: namespace.clone(),
            key: key.clone(),
            value: note.as_ref().map(|note| Encoded::json(&note.value)),
        };
        changes.iter().map(change).collect()
    }

    /// Notes a change that was noted elsewhere.
    pub(crate) fn absorb(&self, change: ItemChange) {
        let note = change.value.and_then(|value| {
            let value = value.to_json().ok()?;
            let at = OsHost.system_time();
            Some(Note { value, at })
        });
        self.changes
            .lock()
            .insert((change.namespace, change.key), note);
    }

    fn note(&self, labels: &[&str], key: &str, note: Option<Note>) {
        let key = (namespace::owned(labels), key.to_owned());
        self.changes.lock().insert(key, note);
    }

    /// `items` as they are with the changes made; new ones come last.
    fn merged(&self, items: Vec<Item>, search: &Search) -> Vec<Item> {
        let mut changes = self.changes.lock().clone();
        let mut merged = Vec::with_capacity(items.len());
        for mut item in items {
            match changes.remove(&(item.namespace.clone(), item.key.clone())) {
                None => merged.push(item),
                Some(None) => {}
                Some(Some(note)) => {
                    item.value = note.value;
                    item.updated_at = note.at;
                    merged.push(item);
                }
            }
        }
        for ((namespace, key), note) in changes {
            if let Some(note) = note
                && namespace.starts_with(&search.prefix)
            {
                merged.push(new_item(namespace, key, note));
            }
        }
        merged.retain(|item| search.filter.matches(&item.value));
        merged
    }
}

fn new_item(namespace: Vec<String>, key: String, note: Note) -> Item {
    Item {
        namespace,
        key,
        value: note.value,
        created_at: note.at,
        updated_at: note.at,
    }
}

impl Store for Draft {
    fn put<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
        value: Value,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let checked = namespace::checked(namespace).map(|_| {
            let at = OsHost.system_time();
            self.note(namespace, key, Some(Note { value, at }));
        });
        std::future::ready(checked).boxed()
    }

    fn get<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        async move {
            let place = (namespace::owned(namespace), key.to_owned());
            let noted = self.changes.lock().get(&place).cloned();
            match noted {
                None => self.base.get(namespace, key).await,
                Some(None) => Ok(None),
                Some(Some(note)) => {
                    let (namespace_kept, key_kept) = place;
                    let mut item = new_item(namespace_kept, key_kept, note);
                    if let Some(before) = self.base.get(namespace, key).await? {
                        item.created_at = before.created_at;
                    }
                    Ok(Some(item))
                }
            }
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.note(namespace, key, None);
        std::future::ready(Ok(())).boxed()
    }

    fn search(&self, search: Search) -> BoxFuture<'_, Result<Vec<Item>, StoreError>> {
        async move {
            let everything = Search {
                prefix: search.prefix.clone(),
                filter: crate::store::Filter::default(),
                limit: usize::MAX,
                offset: 0,
            };
            let merged = self.merged(self.base.search(everything).await?, &search);
            let page = merged.into_iter().skip(search.offset).take(search.limit);
            Ok(page.collect())
        }
        .boxed()
    }

    fn list_namespaces(
        &self,
        query: ListNamespaces,
    ) -> BoxFuture<'_, Result<Vec<Vec<String>>, StoreError>> {
        async move {
            let everything = Search::new(&[]).limit(usize::MAX);
            let items = self.base.search(everything.clone()).await?;
            let merged = self.merged(items, &everything);
            let mut namespaces: Vec<_> = merged.into_iter().map(|item| item.namespace).collect();
            namespaces.sort();
            let all = namespaces.iter().map(Vec::as_slice);
            Ok(namespace::select(all, &query))
        }
        .boxed()
    }
}
