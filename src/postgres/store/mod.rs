//! [`PostgresStore`]: items in LangGraph's table.

pub(super) mod items;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use self::items::{New, Which};
use crate::postgres::PostgresError;
use crate::postgres::jobs::settled;
use crate::postgres::server::{PAUSE, Pools, Shared};
use crate::store::scratch::{Loaded, Outcome, Prepared, Scratch};
use crate::store::{Answer, Op, Store, StoreError, StoreOptions};
use crate::time;
use crate::vfs::{Host, OsHost};

/// A [`Store`] on a PostgreSQL server, in the table of LangGraph's `PostgresStore`, so that both see the same items. Clones share its
/// connections.
///
/// What searches with a query need (which texts are ranked, their vectors) stands in a table of our own; items that Python put are
/// ranked by the words of the texts that the options say. LangGraph's own table of vectors, which needs an extension of the server, is neither read nor
/// written. What items were is not kept. A search reads all items below its prefix.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
    options: Arc<StoreOptions>,
    /// When something was last written by this handle, in microseconds since the Unix epoch.
    clock: Arc<AtomicU64>,
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
    now: u64,
}

impl PostgresStore {
    pub(super) fn new(shared: Arc<Shared>, options: StoreOptions) -> Self {
        Self {
            shared,
            options: Arc::new(options),
            clock: Arc::default(),
        }
    }

    async fn answer(&self, ops: &[Op], prepared: &Prepared) -> Result<Outcome, StoreError> {
        let mut wanted = Vec::new();
        for op in ops {
            wanted.extend(match op {
                Op::Get(get) => Some(Which::one(&get.namespace, &get.key)),
                Op::History(of) => Some(Which::one(&of.namespace, &of.key)),
                Op::Search(search) | Op::Count(search) | Op::Explain(search) => {
                    Some(Which::below(&search.prefix))
                }
                Op::ListNamespaces(_) => Some(Which::below(&[])),
                Op::Put(_) | Op::Delete { .. } => None,
            });
        }
        let mut scratch = Scratch::new(&self.options)?;
        if !wanted.is_empty() {
            let wanted = Arc::new(wanted);
            let read = self.shared.retried(move |pools| {
                let wanted = Arc::clone(&wanted);
                async move { read(&pools, &wanted).await }
            });
            let read = read.await.map_err(|e| e.store("reading items"))?;
            let mut known = HashSet::new();
            for item in read {
                if known.insert((item.namespace.clone(), item.key.clone())) {
                    scratch.load(item)?;
                }
            }
        }
        scratch.answer(ops, prepared)
    }

    fn written(&self, prepared: &Prepared, outcome: &mut Outcome) -> Result<Written, StoreError> {
        let mut new = Vec::with_capacity(prepared.changes.len());
        for change in &prepared.changes {
            let lifetime = self.options.lifetime(&change.namespace, change.ttl);
            let texts = change.texts.clone();
            let texts = texts.unwrap_or_else(|| self.options.texts_of(&change.namespace));
            let made = New::of(change, tick(&self.clock), lifetime, &texts);
            new.push(made.map_err(|e| e.store("putting an item"))?);
        }
        new.sort_by(|a, b| (&a.prefix, &a.key).cmp(&(&b.prefix, &b.key)));
        let refreshed = std::mem::take(&mut outcome.refreshed).into_iter();
        let refreshed = refreshed.map(|(namespace, key, until)| {
            let which = Which::one(&namespace, &key);
            (which.prefix, which.key.unwrap_or_default(), until)
        });
        let mut refreshed: Vec<_> = refreshed.collect();
        refreshed.sort();
        Ok(Written {
            new,
            refreshed,
            now: time::to_micros(OsHost.system_time()),
        })
    }
}

/// A time that is later than all before.
fn tick(clock: &AtomicU64) -> u64 {
    let now = time::to_micros(OsHost.system_time());
    let next = |last: u64| Some(now.max(last.saturating_add(1)));
    let last = clock.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    last.map_or(now, |last| now.max(last.saturating_add(1)))
}

/// All that is wanted, as it was at one moment.
async fn read(pools: &Pools, wanted: &[Which]) -> Result<Vec<Loaded>, PostgresError> {
    let mut client = pools.client().await?;
    let transaction = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let mut all = Vec::new();
    for which in wanted {
        all.extend(items::load(&transaction, which).await?);
    }
    transaction.commit().await?;
    Ok(all)
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
    for new in &written.new {
        items::change(&transaction, new).await?;
    }
    for (prefix, key, until) in &written.refreshed {
        items::refresh(&transaction, prefix, key, *until).await?;
    }
    if !written.new.is_empty() {
        items::sweep(&transaction, written.now).await?;
    }
    let row = transaction
        .query_one("SELECT pg_current_xact_id()::text", &[])
        .await?;
    *number = Some(row.try_get(0)?);
    Ok(transaction.commit().await?)
}

impl Store for PostgresStore {
    fn batch(&self, ops: Vec<Op>) -> BoxFuture<'_, Result<Vec<Answer>, StoreError>> {
        async move {
            let prepared = Prepared::of(&ops, &self.options).await?;
            let mut outcome = self.answer(&ops, &prepared).await?;
            let written = self.written(&prepared, &mut outcome)?;
            if !written.new.is_empty() || !written.refreshed.is_empty() {
                let pools = self.shared.pools.clone();
                let done = self
                    .shared
                    .run(async move { write(&pools, &written).await });
                done.await.map_err(|e| e.store("writing items"))?;
            }
            Ok(outcome.answers)
        }
        .boxed()
    }
}
