//! A database as an end of a transfer, and what stands for one that is not there yet.

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::checkpoint::{CheckpointError, Checkpointer, DbSaver, MemorySaver};
use crate::db::{Db, DbError};
use crate::store::moving::{ItemName, ItemPage, MovedItem};
use crate::store::{DbStore, StoreError};
use crate::transfer::Place;
use crate::transfer::place::End;

/// So many items are read at a time.
const PAGE: usize = 256;

struct InDatabase {
    checkpoints: DbSaver,
    items: DbStore,
}

struct Nowhere(MemorySaver);

impl Place {
    /// A database.
    pub fn database(db: &Db) -> Self {
        Self::new(InDatabase {
            checkpoints: db.checkpointer(),
            items: db.store(),
        })
    }

    /// One that has nothing, and keeps no items: where a dry run would move to what is not there.
    pub fn nowhere() -> Self {
        Self::new(Nowhere(MemorySaver::new()))
    }
}

impl End for InDatabase {
    fn checkpoints(&self) -> &dyn Checkpointer {
        &self.checkpoints
    }

    fn is_of_one(&self, error: &CheckpointError) -> bool {
        let CheckpointError::Db(error) = error else {
            return false;
        };
        matches!(
            error,
            DbError::UnreadableValue { .. } | DbError::UnreadableRecord { .. }
        )
    }

    fn items(&self, last: Option<ItemName>) -> BoxFuture<'_, Result<ItemPage, StoreError>> {
        async move { self.items.moved_behind(last.as_ref(), PAGE) }.boxed()
    }

    fn items_of(&self, names: Vec<ItemName>) -> BoxFuture<'_, Result<Vec<MovedItem>, StoreError>> {
        async move { self.items.moved_of(&names) }.boxed()
    }

    fn put_items(&self, items: Vec<MovedItem>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.items.put_moved(items).boxed()
    }
}

impl End for Nowhere {
    fn checkpoints(&self) -> &dyn Checkpointer {
        &self.0
    }

    fn is_of_one(&self, _: &CheckpointError) -> bool {
        false
    }

    fn items(&self, _: Option<ItemName>) -> BoxFuture<'_, Result<ItemPage, StoreError>> {
        async { Ok(ItemPage::default()) }.boxed()
    }

    fn items_of(&self, _: Vec<ItemName>) -> BoxFuture<'_, Result<Vec<MovedItem>, StoreError>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn put_items(&self, _: Vec<MovedItem>) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }
}
