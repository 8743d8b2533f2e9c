//! [`PostgresStore`]: items in LangGraph's table.

mod asking;
mod finding;
mod history;
pub(super) mod items;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

pub(super) use self::asking::{LABELS, in_order};
use self::finding::Items;
use self::items::New;
use crate::db::ItemClock;
use crate::postgres::PostgresError;
use crate::postgres::jobs::settled;
use crate::postgres::server::{PAUSE, Pools, Shared};
use crate::postgres::text::escape;
use crate::store::scratch::{Outcome, Prepared};
use crate::store::table::{self, Unanswered};
use crate::store::{Answer, Op, Store, StoreError, StoreOptions};
use crate::time;
use crate::vfs::{Host, OsHost};

/// A [`Store`] on a PostgreSQL server, in the table of LangGraph's `PostgresStore`, so that both see the same items. Clones share its
/// connections.
///
/// What searches with a query need (which texts are ranked, their vectors) stands in a table of our own; items that Python put are
/// ranked by the words of the texts that the options say. LangGraph's own table of vectors, which needs an extension of the server, is not read, and
/// what it has of an item goes when the item is put here: Python finds that by its vectors again when it puts it itself. A search with a query
/// reads all items below its prefix into memory; any other reads them in their order until it has found enough, those that cannot satisfy its filter
/// left out by the server.
///
/// What items were is kept in a table of our own, by triggers, so that also what Python replaces or deletes is in it.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
    options: Arc<StoreOptions>,
    /// When something was last written by this handle, in microseconds since the Unix epoch.
    clock: Arc<ItemClock>,
    /// Whether the server knows what is kept of what items were.
    has_rules: Arc<AtomicBool>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

/// What a batch writes, in the order of its rows, so that no two batches wait for each other.
struct Written {
    new: Vec<New>,
    /// Namespace, key and until when.
    refreshed: Vec<(String, String, u64)>,
    /// What is to be kept of what items were, if this is the first that this handle writes.
    rules: Option<Arc<StoreOptions>>,
    now: u64,
}

impl PostgresStore {
    pub(super) fn new(shared: Arc<Shared>, options: StoreOptions) -> Self {
        Self {
            shared,
            options: Arc::new(options),
            clock: Arc::default(),
            has_rules: Arc::default(),
        }
    }

    async fn answer(&self, ops: Vec<Op>, prepared: &Arc<Prepared>) -> Result<Outcome, StoreError> {
        if ops
            .iter()
            .all(|op| matches!(op, Op::Put(_) | Op::Delete { .. }))
        {
            return Ok(Outcome {
                answers: ops.iter().map(|_| Answer::Done).collect(),
                refreshed: Vec::new(),
            });
        }
        let asked = Arc::new(ops);
        let (prepared, options) = (Arc::clone(prepared), Arc::clone(&self.options));
        let read = self.shared.retried(move |pools| {
            let (ops, prepared) = (Arc::clone(&asked), Arc::clone(&prepared));
            let options = Arc::clone(&options);
            async move { read(&pools, &ops, &prepared, &options).await }
        });
        read.await.map_err(|e| e.store("reading items"))?
    }

    fn written(&self, prepared: &Prepared, outcome: &mut Outcome) -> Result<Written, StoreError> {
        let mut new = Vec::with_capacity(prepared.changes.len());
        for change in &prepared.changes {
            let lifetime = self.options.lifetime(&change.namespace, change.ttl);
            let texts = change.texts.clone();
            let texts = texts.unwrap_or_else(|| self.options.texts_of(&change.namespace));
            let at = self.clock.next(time::to_micros(OsHost.system_time()));
            let made = New::of(change, at, lifetime, &texts);
            new.push(made.map_err(|e| e.store("putting an item"))?);
        }
        new.sort_by(|a, b| (&a.prefix, &a.key).cmp(&(&b.prefix, &b.key)));
        let refreshed = std::mem::take(&mut outcome.refreshed).into_iter();
        let refreshed = refreshed.map(|(namespace, key, until)| {
            (
                items::prefix_of(&namespace),
                escape(&key).into_owned(),
                until,
            )
        });
        let mut refreshed: Vec<_> = refreshed.collect();
        refreshed.sort();
        let is_first = !new.is_empty() && !self.has_rules.load(Ordering::Acquire);
        Ok(Written {
            new,
            refreshed,
            rules: is_first.then(|| Arc::clone(&self.options)),
            now: time::to_micros(OsHost.system_time()),
        })
    }
}

/// The answers to what is asked, as it was at one moment.
async fn read(
    pools: &Pools,
    ops: &[Op],
    prepared: &Prepared,
    options: &StoreOptions,
) -> Result<Result<Outcome, StoreError>, PostgresError> {
    let mut client = pools.client().await?;
    let transaction = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let now = time::to_micros(OsHost.system_time());
    let mut items = Items {
        transaction: &transaction,
        now,
    };
    let answered = match table::answer(&mut items, ops, prepared, options, now).await {
        Ok(outcome) => Ok(outcome),
        Err(Unanswered::Store(error)) => Err(error),
        Err(Unanswered::Table(error)) => return Err(error),
    };
    transaction.commit().await?;
    Ok(answered)
}

/// Writes all or nothing, and tries again as long as that may help.
async fn write(pools: &Pools, written: &Written) -> Result<(), PostgresError> {
    let end = Instant::now() + pools.options.retry;
    loop {
        let mut number = None;
        let error = match attempt(pools, written, &mut number).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if let Some(number) = number
            && settled(pools, &number, end).await?
        {
            return Ok(());
        }
        if !error.is_passing() || Instant::now() >= end {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// `number` becomes that of the transaction once its commit is under way.
async fn attempt(
    pools: &Pools,
    written: &Written,
    number: &mut Option<String>,
) -> Result<(), PostgresError> {
    let mut client = pools.client().await?;
    let transaction = client.transaction().await?;
    let asked = "SELECT pg_current_xact_id()::text, to_regclass('store_vectors') IS NOT NULL";
    let asked = transaction.prepare_cached(asked).await?;
    let row = transaction.query_one(&asked, &[]).await?;
    let (this, has_vectors): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
    if let Some(options) = &written.rules {
        history::set_rules(&transaction, options, written.now).await?;
    }
    for new in &written.new {
        items::change(&transaction, new, has_vectors).await?;
    }
    for (prefix, key, until) in &written.refreshed {
        items::refresh(&transaction, prefix, key, *until).await?;
    }
    if !written.new.is_empty() {
        items::sweep(&transaction, written.now).await?;
    }
    *number = Some(this);
    Ok(transaction.commit().await?)
}

impl Store for PostgresStore {
    fn batch(&self, ops: Vec<Op>) -> BoxFuture<'_, Result<Vec<Answer>, StoreError>> {
        async move {
            let prepared = Arc::new(Prepared::of(&ops, &self.options).await?);
            let mut outcome = self.answer(ops, &prepared).await?;
            let written = self.written(&prepared, &mut outcome)?;
            if !written.new.is_empty() || !written.refreshed.is_empty() {
                let pools = self.shared.pools.clone();
                let has_rules = Arc::clone(&self.has_rules);
                let done = self.shared.run(async move {
                    write(&pools, &written).await?;
                    has_rules.fetch_or(written.rules.is_some(), Ordering::Release);
                    Ok(())
                });
                done.await.map_err(|e| e.store("writing items"))?;
            }
            Ok(outcome.answers)
        }
        .boxed()
    }
}
