//! A PostgreSQL server as an end of a transfer.
//!
//! One that is read is only read: tables that it lacks are taken for empty ones.

use std::collections::BTreeSet;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::checkpoint::{CheckpointError, Checkpointer, Tag};
use crate::postgres::text::{escape, owned};
use crate::postgres::{Postgres, PostgresError, PostgresSaver, moved_items};
use crate::store::StoreError;
use crate::store::moving::{ItemName, ItemPage, MovedItem};
use crate::transfer::Place;
use crate::transfer::place::{End, Key};

/// The tables that LangGraph, and we, may have made there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tables {
    checkpoints: bool,
    tags: bool,
    pub(super) items: bool,
    /// Whether its items can expire.
    pub(super) expiry: bool,
    pub(super) vectors: bool,
    /// What LangGraph's table of items does not say.
    pub(super) notes: bool,
}

struct OnServer {
    checkpoints: PostgresSaver,
    tables: Tables,
}

impl Postgres {
    /// This server as a place to move to. The tables are made if they are missing.
    ///
    /// # Errors
    /// What the server says.
    pub async fn place(&self) -> Result<Place, PostgresError> {
        self.setup().await?;
        self.place_as_it_is().await
    }

    /// This server as a place to move from. Nothing is written there.
    ///
    /// # Errors
    /// [`PostgresError::NotSetUp`] if none of LangGraph's tables is there; what else the server says.
    pub async fn place_to_read(&self) -> Result<Place, PostgresError> {
        self.place_as_it_is().await
    }

    async fn place_as_it_is(&self) -> Result<Place, PostgresError> {
        let tables = self.shared.retried(|pools| async move {
            let client = pools.client().await?;
            let sql = "SELECT to_regclass('checkpoints') IS NOT NULL,
                to_regclass('stepwell_tags') IS NOT NULL, to_regclass('store') IS NOT NULL,
                to_regclass('store_vectors') IS NOT NULL, to_regclass('stepwell_items') IS NOT NULL,
                EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('store')
                    AND attname = 'expires_at' AND NOT attisdropped)";
            let row = client.query_one(sql, &[]).await?;
            Ok::<_, PostgresError>(Tables {
                checkpoints: row.try_get(0)?,
                tags: row.try_get(1)?,
                items: row.try_get(2)?,
                vectors: row.try_get(3)?,
                notes: row.try_get(4)?,
                expiry: row.try_get(5)?,
            })
        });
        let tables = tables.await?;
        if !tables.checkpoints && !tables.items {
            let what = "neither `checkpoints` nor `store` is there";
            return Err(PostgresError::NotSetUp(what.to_owned()));
        }
        Ok(Place::new(OnServer {
            checkpoints: self.checkpointer().as_kept(),
            tables,
        }))
    }

    /// How many bytes LangGraph's tables take on the server, with their indexes.
    ///
    /// # Errors
    /// What the server says.
    pub async fn bytes(&self) -> Result<u64, PostgresError> {
        let bytes = self.shared.retried(|pools| async move {
            let client = pools.client().await?;
            let sql = "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::bigint
                FROM unnest(ARRAY['checkpoints', 'checkpoint_blobs', 'checkpoint_writes', 'store',
                    'store_vectors', 'stepwell_items', 'stepwell_tags', 'stepwell_threads']) name";
            let bytes: i64 = client.query_one(sql, &[]).await?.try_get(0)?;
            Ok::<_, PostgresError>(u64::try_from(bytes).unwrap_or_default())
        });
        bytes.await
    }
}

impl End for OnServer {
    fn checkpoints(&self) -> &dyn Checkpointer {
        &self.checkpoints
    }

    fn threads(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, CheckpointError>> {
        async move {
            if !self.tables.checkpoints {
                return Ok(Vec::new());
            }
            let all = self.checkpoints.shared.retried(|pools| async move {
                let client = pools.client().await?;
                let sql = "SELECT thread_id, count(*) FROM checkpoints GROUP BY thread_id
                    ORDER BY thread_id COLLATE \"C\"";
                let rows = client.query(sql, &[]).await?;
                let all = rows.iter().map(|row| {
                    let count: i64 = row.try_get(1)?;
                    Ok((
                        owned(row.try_get(0)?),
                        u64::try_from(count).unwrap_or_default(),
                    ))
                });
                all.collect::<Result<_, PostgresError>>()
            });
            all.await
                .map_err(|error| error.checkpoint("listing threads"))
        }
        .boxed()
    }

    fn keys<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<BTreeSet<Key>, CheckpointError>> {
        async move {
            if !self.tables.checkpoints {
                return Ok(BTreeSet::new());
            }
            let name = escape(thread).into_owned();
            let all = self.checkpoints.shared.retried(move |pools| {
                let name = name.clone();
                async move {
                    let client = pools.client().await?;
                    let sql =
                        "SELECT checkpoint_id, checkpoint_ns FROM checkpoints WHERE thread_id = $1";
                    let statement = client.prepare_cached(sql).await?;
                    let rows = client.query(&statement, &[&name]).await?;
                    let all = rows
                        .iter()
                        .map(|row| Ok((owned(row.try_get(0)?), owned(row.try_get(1)?))));
                    all.collect::<Result<_, PostgresError>>()
                }
            });
            all.await
                .map_err(|error| error.checkpoint("listing checkpoints"))
        }
        .boxed()
    }

    fn tags<'a>(&'a self, thread: &'a str) -> BoxFuture<'a, Result<Vec<Tag>, CheckpointError>> {
        match self.tables.tags {
            true => self.checkpoints.tags(thread),
            false => std::future::ready(Ok(Vec::new())).boxed(),
        }
    }

    fn is_of_one(&self, error: &CheckpointError) -> bool {
        match PostgresError::of(error) {
            Some(PostgresError::Unreadable { .. }) => true,
            // What is wrong with data, as opposed to the server or a query.
            Some(PostgresError::Refused { code, .. }) => code.starts_with("22"),
            _ => false,
        }
    }

    fn items(&self, last: Option<ItemName>) -> BoxFuture<'_, Result<ItemPage, StoreError>> {
        let tables = self.tables;
        async move {
            if !tables.items {
                return Ok(ItemPage::default());
            }
            let page = self.checkpoints.shared.retried(move |pools| {
                let last = last.clone();
                async move { moved_items::behind(&pools, tables, last.as_ref()).await }
            });
            page.await.map_err(|error| error.store("reading items"))
        }
        .boxed()
    }

    fn items_of(&self, names: Vec<ItemName>) -> BoxFuture<'_, Result<Vec<MovedItem>, StoreError>> {
        let tables = self.tables;
        async move {
            if !tables.items {
                return Ok(Vec::new());
            }
            let found = self.checkpoints.shared.retried(move |pools| {
                let names = names.clone();
                async move { moved_items::of(&pools, tables, &names).await }
            });
            found.await.map_err(|error| error.store("reading items"))
        }
        .boxed()
    }

    fn put_items(&self, items: Vec<MovedItem>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let items = std::sync::Arc::new(items);
            // Putting the same twice does no harm.
            let put = self.checkpoints.shared.retried(move |pools| {
                let items = std::sync::Arc::clone(&items);
                async move { moved_items::put(&pools, &items).await }
            });
            put.await.map_err(|error| error.store("putting items"))
        }
        .boxed()
    }
}
