//! [`Place`]: one end of a transfer.

use std::collections::BTreeSet;
use std::fmt;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};

use crate::checkpoint::{
    CheckpointError, Checkpointer, ListQuery, Projection, Tag, ThreadOrder, ThreadQuery,
};
use crate::store::StoreError;
use crate::store::moving::{ItemName, ItemPage, MovedItem};

/// Id and namespace of a checkpoint, in an order in which none comes before its parent.
pub(crate) type Key = (String, String);

/// Where threads and items are moved from, or to: a database, or the tables of LangGraph.
pub struct Place(Box<dyn End>);

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

impl Place {
    pub(crate) fn new(end: impl End + 'static) -> Self {
        Self(Box::new(end))
    }

    pub(super) fn end(&self) -> &dyn End {
        &*self.0
    }
}

/// What a place has to be able to do.
pub(crate) trait End: Send + Sync {
    fn checkpoints(&self) -> &dyn Checkpointer;

    /// The threads by name, and how many checkpoints each has.
    fn threads(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, CheckpointError>> {
        async {
            let query = ThreadQuery {
                order: ThreadOrder::Name,
                ..ThreadQuery::default()
            };
            let all = self.checkpoints().list_threads(query).await?;
            let all = all.into_iter().map(|of| (of.thread, of.checkpoints));
            Ok(all.collect())
        }
        .boxed()
    }

    /// The checkpoints of a thread, those that cannot be read as well.
    fn keys<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<BTreeSet<Key>, CheckpointError>> {
        async move {
            let mut found = self.checkpoints().list(ListQuery {
                thread: Some(thread.to_owned()),
                projection: Projection::metadata_only(),
                ..ListQuery::default()
            });
            let mut keys = BTreeSet::new();
            while let Some(found) = found.next().await {
                let found = found?;
                keys.insert((found.checkpoint.id, found.namespace));
            }
            Ok(keys)
        }
        .boxed()
    }

    fn tags<'a>(&'a self, thread: &'a str) -> BoxFuture<'a, Result<Vec<Tag>, CheckpointError>> {
        self.checkpoints().tags(thread)
    }

    /// Whether what failed is one checkpoint, and others can be read.
    fn is_of_one(&self, error: &CheckpointError) -> bool;

    /// The items behind one, as many as fit well into memory.
    fn items(&self, last: Option<ItemName>) -> BoxFuture<'_, Result<ItemPage, StoreError>>;

    /// The items of these names that are there and have not expired, in any order.
    fn items_of(&self, names: Vec<ItemName>) -> BoxFuture<'_, Result<Vec<MovedItem>, StoreError>>;

    /// Puts items with their times, all or none.
    fn put_items(&self, items: Vec<MovedItem>) -> BoxFuture<'_, Result<(), StoreError>>;
}
