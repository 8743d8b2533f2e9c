//! [`Draft`]: changes of a store that are not made yet, seen by whoever makes them as if they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;

use crate::item_vectors::ItemVectors;
use crate::store::changes::changes_inside;
use crate::store::embedding::Embedded;
use crate::store::{
    Answer, Cursor, Get, IndexedFields, Item, ListNamespaces, Op, Order, Page, Search, Store,
    StoreError, StoreOptions, TextFields, Ttl, namespace,
};
use crate::vfs::{Host, OsHost};
use crate::{Encoded, ItemChange, time};

/// A [`Store`] that notes changes instead of making them, over the store that they are meant for.
pub(crate) struct Draft {
    base: Arc<dyn Store>,
    /// The store at the bottom, which is no draft.
    store: Arc<dyn Store>,
    changes: Mutex<Notes>,
}

/// A value is kept in the list of what a task has changed, in an object that says how.
const NOTED_INSIDE: usize = 2;

type Key = (Vec<String>, String);
/// By key; `None`: the item is deleted.
type Notes = BTreeMap<Key, Option<Note>>;

/// The changes that were noted at some moment.
#[derive(Clone)]
pub(crate) struct DraftMark(Notes);

#[derive(Clone)]
struct Note {
    value: Value,
    at: SystemTime,
    ttl: Ttl,
    index: Option<IndexedFields>,
    texts: Option<TextFields>,
    vectors: Option<Encoded>,
}

impl Draft {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            base: Arc::clone(&store),
            store,
            changes: Mutex::default(),
        }
    }

    /// Changes that come after those of `draft`.
    pub(crate) fn over(draft: Arc<Self>) -> Self {
        Self {
            store: Arc::clone(&draft.store),
            base: draft,
            changes: Mutex::default(),
        }
    }

    fn now(&self) -> SystemTime {
        match self.store.database() {
            Some(db) => time::from_micros(db.now()),
            None => OsHost.system_time(),
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
            ttl: note.as_ref().map(|note| note.ttl).unwrap_or_default(),
            index: note.as_ref().and_then(|note| note.index.clone()),
            texts: note.as_ref().and_then(|note| note.texts.clone()),
            vectors: note.as_ref().and_then(|note| note.vectors.clone()),
        };
        changes.iter().map(change).collect()
    }

    /// Forgets what was noted about the item that `change` is about.
    pub(crate) fn forget(&self, change: ItemChange) {
        self.changes.lock().remove(&(change.namespace, change.key));
    }

    /// Notes a change that was noted elsewhere.
    pub(crate) fn absorb(&self, change: ItemChange) {
        let at = self.now();
        let (ttl, index) = (change.ttl, change.index);
        let (texts, vectors) = (change.texts, change.vectors);
        let note = change.value.and_then(|value| {
            Some(Note {
                value: value.to_json().ok()?,
                at,
                ttl,
                index,
                texts,
                vectors,
            })
        });
        self.changes
            .lock()
            .insert((change.namespace, change.key), note);
    }

    /// The notes about items at or below `prefix`.
    fn notes_below(&self, prefix: &[String]) -> Notes {
        let changes = self.changes.lock();
        let below = changes.range((prefix.to_vec(), String::new())..);
        let below = below.take_while(|((namespace, _), _)| namespace.starts_with(prefix));
        below
            .map(|(key, note)| (key.clone(), note.clone()))
            .collect()
    }

    async fn answer(&self, op: Op) -> Result<Answer, StoreError> {
        Ok(match op {
            // What was is not changed by what will be.
            Op::Get(get) if get.as_of.is_some() => Answer::Item(self.base.get_with(get).await?),
            Op::Search(search) if search.as_of.is_some() => {
                Answer::Page(self.base.page(search).await?)
            }
            Op::Count(search) if search.as_of.is_some() => {
                Answer::Count(self.base.count(search).await?)
            }
            Op::History(of) => Answer::History(self.base.history_with(of).await?),
            Op::Get(get) => Answer::Item(self.get_noted(get).await?),
            Op::Search(search) => Answer::Page(self.page_noted(search).await?),
            Op::Count(search) => {
                let everything = Search {
                    limit: usize::MAX,
                    offset: 0,
                    after: None,
                    refresh_ttl: Some(false),
                    ..search
                };
                let found = self.page_noted(everything).await?.items.len();
                Answer::Count(u64::try_from(found).unwrap_or(u64::MAX))
            }
            Op::Explain(search) => Answer::Explained(self.base.explain(search).await?),
            Op::ListNamespaces(query) => Answer::Namespaces(self.namespaces_noted(query).await?),
            Op::Put(_) | Op::Delete { .. } => Answer::Done,
        })
    }

    async fn get_noted(&self, get: Get) -> Result<Option<Item>, StoreError> {
        let key = (get.namespace.clone(), get.key.clone());
        let noted = self.changes.lock().get(&key).cloned();
        match noted {
            None => self.base.get_with(get).await,
            Some(None) => Ok(None),
            Some(Some(note)) => self.item(key, note).await,
        }
    }

    /// When the item that was noted will have expired.
    fn expiry(&self, namespace: &[String], note: &Note) -> Option<SystemTime> {
        let lifetime = self.store.options()?.lifetime(namespace, note.ttl)?;
        let until = time::to_micros(note.at).saturating_add(lifetime);
        Some(time::from_micros(until))
    }

    /// Whether the item that was noted has expired by now.
    fn has_expired(&self, namespace: &[String], note: &Note) -> bool {
        let expiry = self.expiry(namespace, note);
        expiry.is_some_and(|at| at <= self.now())
    }

    /// The item that there will be, unless it has expired by now.
    async fn item(&self, (namespace, key): Key, note: Note) -> Result<Option<Item>, StoreError> {
        if self.has_expired(&namespace, &note) {
            return Ok(None);
        }
        let get = Get {
            namespace: namespace.clone(),
            key: key.clone(),
            refresh_ttl: Some(false),
            as_of: None,
        };
        let before = self.base.get_with(get).await?;
        Ok(Some(Item {
            expires_at: self.expiry(&namespace, &note),
            namespace,
            key,
            value: note.value,
            created_at: before.map_or(note.at, |before| before.created_at),
            updated_at: note.at,
            score: None,
        }))
    }

    async fn page_noted(&self, search: Search) -> Result<Page, StoreError> {
        let mut notes = self.notes_below(&search.prefix);
        if notes.is_empty() {
            return self.base.page(search).await;
        }
        let wanted = search.offset.saturating_add(search.limit);
        let more = Search {
            // What was changed may be among the first.
            limit: wanted.saturating_add(notes.len()),
            offset: 0,
            ..search.clone()
        };
        let mut items = self.base.search(more).await?;
        items.retain(|item| !notes.contains_key(&(item.namespace.clone(), item.key.clone())));
        let order = search.order;
        while let Some((key, note)) = notes.pop_first() {
            let Some(note) = note else { continue };
            if search.filter.matches(&note.value) {
                let Some(item) = self.item(key, note).await? else {
                    continue;
                };
                let is_after = match &search.after {
                    Some(cursor) => order
                        .compare(order.place(&item).parts(), cursor.place_in(order)?.parts())
                        .is_gt(),
                    None => true,
                };
                if is_after {
                    items.push(item);
                }
            }
        }
        // What is only noted has no score.
        let scored = items.partition_point(|item| item.score.is_some());
        let (_, unscored) = items.split_at_mut(scored);
        unscored.sort_by(|a, b| order.compare(order.place(a).parts(), order.place(b).parts()));
        let items: Vec<_> = (items.into_iter().skip(search.offset))
            .take(search.limit)
            .collect();
        let has_cursors = search.query.as_ref().is_none_or(String::is_empty);
        let last = items.last();
        let last = last.filter(|_| has_cursors && items.len() >= search.limit);
        let next = last.map(|item| Cursor::behind(item, order));
        Ok(Page { items, next })
    }

    async fn namespaces_noted(
        &self,
        query: ListNamespaces,
    ) -> Result<Vec<Vec<String>>, StoreError> {
        let notes = self.notes_below(&query.within);
        if notes.is_empty() {
            return self.base.list_namespaces(query).await;
        }
        let everything = ListNamespaces {
            within: query.within.clone(),
            limit: usize::MAX,
            ..ListNamespaces::default()
        };
        let all = self.base.list_namespaces(everything).await?;
        let mut all: BTreeSet<_> = all.into_iter().collect();
        for ((namespace, _), note) in &notes {
            let note = note.as_ref();
            if note.is_some_and(|note| !self.has_expired(namespace, note)) {
                all.insert(namespace.clone());
            } else if all.contains(namespace) {
                let first = Search {
                    prefix: namespace.clone(),
                    order: Order::Key,
                    limit: 1,
                    refresh_ttl: Some(false),
                    ..Search::new(&[])
                };
                let left = self.page_noted(first).await?.items;
                if left.first().is_none_or(|item| &item.namespace != namespace) {
                    all.remove(namespace);
                }
            }
        }
        Ok(namespace::select(all.iter().map(Vec::as_slice), &query))
    }

    fn note(&self, ops: &[Op], embedded: &Embedded) -> Result<(), StoreError> {
        // None is noted if one is wrong.
        changes_inside(NOTED_INSIDE, ops, embedded)?;
        let at = self.now();
        let mut noted = self.changes.lock();
        for (number, op) in ops.iter().enumerate() {
            let (key, note) = match op {
                Op::Put(put) => {
                    let note = Note {
                        value: put.value.clone(),
                        at,
                        ttl: put.ttl,
                        index: put.index.clone(),
                        texts: put.texts.clone(),
                        vectors: embedded.item(number).map(ItemVectors::encode),
                    };
                    ((&put.namespace, &put.key), Some(note))
                }
                Op::Delete { namespace, key } => ((namespace, key), None),
                _ => continue,
            };
            noted.insert((key.0.clone(), key.1.clone()), note);
        }
        Ok(())
    }
}

fn is_write(op: &Op) -> bool {
    matches!(op, Op::Put(_) | Op::Delete { .. })
}

impl Store for Draft {
    fn batch(&self, ops: Vec<Op>) -> BoxFuture<'_, Result<Vec<Answer>, StoreError>> {
        async move {
            let mut answers = Vec::with_capacity(ops.len());
            for op in &ops {
                answers.push(match op {
                    Op::Put(_) | Op::Delete { .. } => Answer::Done,
                    reads => self.answer(reads.clone()).await?,
                });
            }
            let default = StoreOptions::default();
            let options = self.store.options();
            let writes: Vec<_> = ops.into_iter().filter(is_write).collect();
            let embedded = Embedded::of(&writes, options.unwrap_or(&default)).await?;
            self.note(&writes, &embedded)?;
            Ok(answers)
        }
        .boxed()
    }
}
