//! [`SqliteStore`]: items in LangGraph's table.

use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rusqlite::Connection;

use crate::db::ItemClock;
use crate::sqlite::file::File;
use crate::sqlite::finding::Items;
use crate::sqlite::items;
use crate::sqlite::writer::Failure;
use crate::store::scratch::{Outcome, Prepared};
use crate::store::table::{self, Unanswered};
use crate::store::{Answer, Op, Store, StoreError, StoreOptions};
use crate::time;
use crate::vfs::{Host, OsHost};

/// A [`Store`] that keeps its items in a SQLite file, in the table of LangGraph's `SqliteStore`, so that both see the
/// same items. Clones share the file.
///
/// What searches with a query need (which texts are ranked, their vectors) stands in a table of our own; items that
/// Python put are ranked by the words of the texts that the options say. LangGraph's own table of vectors is not read, and what it has of an
/// item goes when the item is put here: Python finds that by its vectors again when it puts it itself. A search with a query reads all items
/// below its prefix into memory; any other reads them in their order until it has found enough, those that cannot satisfy its filter left
/// out by SQLite.
///
/// What items were is kept in a table of our own, by triggers, so that also what Python replaces or deletes is in it. Python's puts have
/// times to the second.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    file: Arc<File<StoreError>>,
    options: Arc<StoreOptions>,
    /// When something was last written, in microseconds since the Unix epoch.
    clock: Arc<ItemClock>,
}

impl Failure for StoreError {
    fn of(what: &str, error: Arc<rusqlite::Error>) -> Self {
        Self::Backend {
            what: what.to_owned(),
            source: error,
        }
    }
}

fn sql(what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| StoreError::of(what, Arc::new(error))
}

impl SqliteStore {
    /// Opens or creates the file and its tables, which many processes may do at once.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if it cannot be opened, or is no SQLite file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, StoreOptions::default())
    }

    /// As [`open`](Self::open), with what holds for items that say nothing themselves.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        Ok(Self {
            file: File::open(path.as_ref(), |connection| {
                items::set_up(connection, &options, time::to_micros(OsHost.system_time()))
            })?,
            options: Arc::new(options),
            clock: Arc::default(),
        })
    }

    fn answer(&self, ops: &[Op], prepared: &Prepared) -> Result<Outcome, StoreError> {
        let snapshot = self.file.snapshot().map_err(sql("reading items"))?;
        let connection = snapshot.connection().map_err(sql("reading items"))?;
        let now = time::to_micros(OsHost.system_time());
        let mut items = Items { connection, now };
        let answered = table::answer(&mut items, ops, prepared, &self.options, now);
        // A file is never waited for.
        let answered = answered.now_or_never();
        let answered = answered.unwrap_or(Err(Unanswered::Table(rusqlite::Error::InvalidQuery)));
        answered.map_err(|error| match error {
            Unanswered::Table(error) => sql("reading items")(error),
            Unanswered::Store(error) => error,
        })
    }
}

fn write(
    connection: &Connection,
    (options, clock): (&StoreOptions, &ItemClock),
    prepared: &Prepared,
    refreshed: &[(Vec<String>, String, u64)],
) -> rusqlite::Result<()> {
    let mut last = None;
    for change in &prepared.changes {
        let at = clock.next(time::to_micros(OsHost.system_time()));
        last = Some(at);
        let lifetime = options.lifetime(&change.namespace, change.ttl);
        let texts = change.texts.clone();
        let texts = texts.unwrap_or_else(|| options.texts_of(&change.namespace));
        items::change(connection, change, at, lifetime, &texts)?;
    }
    for (namespace, key, until) in refreshed {
        items::refresh(connection, namespace, key, *until)?;
    }
    if let Some(last) = last {
        items::sweep(connection, last)?;
    }
    Ok(())
}

impl Store for SqliteStore {
    fn batch(&self, ops: Vec<Op>) -> BoxFuture<'_, Result<Vec<Answer>, StoreError>> {
        async move {
            let prepared = Prepared::of(&ops, &self.options).await?;
            let Outcome { answers, refreshed } = self.answer(&ops, &prepared)?;
            if !prepared.changes.is_empty() || !refreshed.is_empty() {
                // Not the file: who holds it last waits for this thread.
                let (options, clock) = (Arc::clone(&self.options), Arc::clone(&self.clock));
                let written = self.file.writer().submit(move |connection| {
                    write(connection, (&options, &clock), &prepared, &refreshed)
                        .map_err(sql("writing items"))
                });
                written.await?;
            }
            Ok(answers)
        }
        .boxed()
    }
}
