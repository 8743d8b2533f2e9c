//! [`Store`]: what is asked of whatever remembers items.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::db::Db;
use crate::store::answer::only;
use crate::store::{
    Answer, BlockingStore, Explain, Get, Item, ItemHistory, ListNamespaces, Moment, Op, Page, Put,
    Scoped, Search, StoreError, StoreOptions, Versions,
};

/// Remembers items across threads.
///
/// A store implements [`batch`](Self::batch); everything else is a batch of one. Whether it does so as it should is
/// told by `stepwell::testing::store_conformance` (feature `testing`).
///
/// A write is done, and visible to every later read, when its future resolves; a write whose future
/// was polled once goes on even if the future is dropped. An item that has expired is never read, whether or not it was
/// removed.
pub trait Store: Send + Sync + 'static {
    /// Does all of `ops`, and answers them in their order.
    ///
    /// All that read see the store as it was before what the batch writes. All that write happen at once or not at all,
    /// also if the process is killed; if several write the same key, the last one counts. If one of `ops` cannot be done, none is.
    ///
    /// # Errors
    /// [`StoreError::InvalidNamespace`] if one is put to that is empty, has an empty label, a label with a
    /// `.` or a NUL, or starts with `langgraph`; [`StoreError::InvalidCursor`]; [`StoreError::NotKept`]; what the backend says.
    fn batch(&self, ops: Vec<Op>) -> BoxFuture<'_, Result<Vec<Answer>, StoreError>>;

    /// The database that keeps the items, if it is one. A graph can then commit what its nodes put
    /// together with its checkpoints.
    fn database(&self) -> Option<&Db> {
        None
    }

    /// What holds for items that say nothing themselves, if this handle on a database says it.
    #[doc(hidden)]
    fn options(&self) -> Option<&StoreOptions> {
        self.database().map(Db::store_options)
    }

    /// Remembers `value` under `key`, in place of what was there.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    fn put<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
        value: Value,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.put_with(Put::new(namespace, key, value))
    }

    /// Remembers a value, with what is to hold for it alone.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    fn put_with(&self, put: Put) -> BoxFuture<'_, Result<(), StoreError>> {
        let answers = self.batch(vec![put.into()]);
        answers.map(|answers| answers.map(drop)).boxed()
    }

    /// The item under `key`, if there is one.
    fn get<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        self.get_with(Get::new(namespace, key))
    }

    /// An item, if it is there.
    fn get_with(&self, get: Get) -> BoxFuture<'_, Result<Option<Item>, StoreError>> {
        one(self.batch(vec![get.into()]), |answer| match answer {
            Answer::Item(item) => Some(item),
            _ => None,
        })
    }

    /// The item under `key` as it was at a moment: that of a [checkpoint](crate::db::Db::moment), or a time.
    ///
    /// # Errors
    /// [`StoreError::NotKept`] if it may have been there and is not [kept](crate::store::StoreOptions::history); as
    /// [`batch`](Self::batch).
    fn get_as_of<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
        moment: Moment,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        self.get_with(Get::new(namespace, key).as_of(moment))
    }

    /// What the item under `key` is and was, newest first, as far as it is [kept](crate::store::StoreOptions::history); at most
    /// 100 versions.
    fn history<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<Versions, StoreError>> {
        self.history_with(ItemHistory::new(namespace, key))
    }

    /// What an item is and was.
    fn history_with(&self, of: ItemHistory) -> BoxFuture<'_, Result<Versions, StoreError>> {
        one(self.batch(vec![of.into()]), |answer| match answer {
            Answer::History(history) => Some(history),
            _ => None,
        })
    }

    /// Forgets the item under `key`. It is no error if there is none.
    fn delete<'a>(
        &'a self,
        namespace: &'a [&'a str],
        key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let answers = self.batch(vec![Op::delete(namespace, key)]);
        answers.map(|answers| answers.map(drop)).boxed()
    }

    /// The items that `search` selects, in its order.
    fn search(&self, search: Search) -> BoxFuture<'_, Result<Vec<Item>, StoreError>> {
        one(self.batch(vec![search.into()]), |answer| match answer {
            Answer::Page(page) => Some(page.items),
            _ => None,
        })
    }

    /// The items that `search` selects, in its order, and where to go on.
    ///
    /// ```
    /// # use stepwell::store::{MemoryStore, Search, Store};
    /// # async fn all(store: MemoryStore) -> Result<(), stepwell::store::StoreError> {
    /// let mut search = Search::new(&["alice"]).limit(100);
    /// loop {
    ///     let page = store.page(search.clone()).await?;
    ///     for item in &page.items { /* ... */ }
    ///     match page.next {
    ///         Some(next) => search.after = Some(next),
    ///         None => break,
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    fn page(&self, search: Search) -> BoxFuture<'_, Result<Page, StoreError>> {
        one(self.batch(vec![search.into()]), |answer| match answer {
            Answer::Page(page) => Some(page),
            _ => None,
        })
    }

    /// How many items `search` would find without its limit, offset and cursor.
    fn count(&self, search: Search) -> BoxFuture<'_, Result<u64, StoreError>> {
        one(self.batch(vec![Op::Count(search)]), |answer| match answer {
            Answer::Count(count) => Some(count),
            _ => None,
        })
    }

    /// How `search` finds its items, and what it reads for it. It does search for that, but refreshes nothing.
    fn explain(&self, search: Search) -> BoxFuture<'_, Result<Explain, StoreError>> {
        one(
            self.batch(vec![Op::Explain(search)]),
            |answer| match answer {
                Answer::Explained(explain) => Some(explain),
                _ => None,
            },
        )
    }

    /// The namespaces that hold items and that `query` selects, sorted, each once.
    fn list_namespaces(
        &self,
        query: ListNamespaces,
    ) -> BoxFuture<'_, Result<Vec<Vec<String>>, StoreError>> {
        one(self.batch(vec![query.into()]), |answer| match answer {
            Answer::Namespaces(namespaces) => Some(namespaces),
            _ => None,
        })
    }

    /// The same store, seen from within `prefix`: whoever has only this can neither read nor write outside of it.
    fn scope(&self, prefix: &[&str]) -> Scoped
    where
        Self: Sized + Clone,
    {
        Scoped::new(Arc::new(self.clone()), prefix)
    }

    /// The same store, for threads that may block.
    fn blocking(&self) -> BlockingStore<Self>
    where
        Self: Sized + Clone,
    {
        BlockingStore::new(self.clone())
    }
}

fn one<'a, T: 'a>(
    answers: BoxFuture<'a, Result<Vec<Answer>, StoreError>>,
    take: impl FnOnce(Answer) -> Option<T> + Send + 'a,
) -> BoxFuture<'a, Result<T, StoreError>> {
    answers.map(|answers| only(answers?, take)).boxed()
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn batch(&self, ops: Vec<Op>) -> BoxFuture<'_, Result<Vec<Answer>, StoreError>> {
        (**self).batch(ops)
    }

    fn database(&self) -> Option<&Db> {
        (**self).database()
    }

    fn options(&self) -> Option<&StoreOptions> {
        (**self).options()
    }
}
