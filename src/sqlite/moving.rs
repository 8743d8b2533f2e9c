//! A SQLite file as an end of a transfer.
//!
//! One that is read is opened so that nothing of it changes, as somebody's only copy may be; what tables or columns it lacks is
//! made up in the connection.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::checkpoint::{CheckpointError, Checkpointer};
use crate::langgraph::ColumnError;
use crate::sqlite::file::File;
use crate::sqlite::moved_items;
use crate::sqlite::{SqliteSaver, SqliteStore};
use crate::store::StoreError;
use crate::store::moving::{ItemName, ItemPage, MovedItem};
use crate::transfer::Place;
use crate::transfer::place::{End, Key};

struct InFile {
    checkpoints: SqliteSaver,
}

impl Place {
    /// A SQLite file of LangGraph's to be moved to. It, and its tables, are made if they are missing.
    ///
    /// # Errors
    /// [`CheckpointError::Backend`], [`StoreError::Backend`] if it cannot be opened, or is no SQLite file.
    pub fn sqlite(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        // It makes the table.
        drop(SqliteStore::open(&path)?);
        let checkpoints = SqliteSaver::open(&path).map_err(store_error)?.as_kept();
        Ok(Self::new(InFile { checkpoints }))
    }

    /// A SQLite file of LangGraph's to be moved from. Nothing of it is changed.
    ///
    /// # Errors
    /// [`CheckpointError::Backend`] if it cannot be opened, is no SQLite file, or has none of LangGraph's tables.
    pub fn sqlite_to_read(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let file = File::open_to_read(path.as_ref(), connect)?;
        let checkpoints = SqliteSaver::of(file).as_kept();
        Ok(Self::new(InFile { checkpoints }))
    }
}

fn store_error(error: CheckpointError) -> StoreError {
    match error {
        CheckpointError::Backend { what, source } => StoreError::Backend { what, source },
        other => StoreError::Backend {
            what: "a SQLite file".to_owned(),
            source: Arc::new(other),
        },
    }
}

/// A table, its columns, and those that it may lack, with what stands for them.
type Table = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// What may be missing.
const TABLES: [Table; 5] = [
    (
        "checkpoints",
        "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
        &[],
    ),
    (
        "writes",
        "thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value",
        &[("task_path", "''")],
    ),
    (
        "store",
        "prefix, key, value, created_at, updated_at, expires_at, ttl_minutes",
        &[("expires_at", "NULL"), ("ttl_minutes", "NULL")],
    ),
    ("store_vectors", "prefix, key", &[]),
    (
        "stepwell_tags",
        "thread_id, checkpoint_ns, name, checkpoint_id",
        &[],
    ),
];

#[derive(Debug, thiserror::Error)]
#[error("it has none of LangGraph's tables (`checkpoints`, `store`)")]
struct NoTables;

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = read_only(path)?;
    let columns_of = |table: &str| -> rusqlite::Result<BTreeSet<String>> {
        let mut names = connection.prepare("SELECT name FROM main.pragma_table_info(?1)")?;
        names.query_map([table], |row| row.get(0))?.collect()
    };
    let mut known = 0;
    for (table, columns, optional) in TABLES {
        let there = columns_of(table)?;
        if there.is_empty() {
            connection.execute_batch(&format!("CREATE TEMP TABLE {table} ({columns})"))?;
            continue;
        }
        known += 1;
        let missing: Vec<_> = (optional.iter())
            .filter(|(name, _)| !there.contains(*name))
            .map(|(name, value)| format!(", {value} AS {name}"))
            .collect();
        if !missing.is_empty() {
            connection.execute_batch(&format!(
                "CREATE TEMP VIEW {table} AS SELECT *{} FROM main.{table}",
                missing.concat()
            ))?;
        }
    }
    if known == 0 {
        return Err(rusqlite::Error::ToSqlConversionFailure(Box::new(NoTables)));
    }
    Ok(connection)
}

/// Without writing to the file; if its directory may not be written to, as if nobody else had it open.
fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let looked_at = |connection: Connection| {
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    let opened = Connection::open_with_flags(path, flags).and_then(looked_at);
    let name = path.file_name().unwrap_or_default().display();
    let log = path.with_file_name(format!("{name}-wal"));
    match opened {
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.code == rusqlite::ErrorCode::CannotOpen && !log.exists() =>
        {
            let name = path.display().to_string();
            let name = name
                .replace('%', "%25")
                .replace('?', "%3f")
                .replace('#', "%23");
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)
                .and_then(looked_at)
        }
        opened => opened,
    }
}

impl InFile {
    fn read<T>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, CheckpointError> {
        self.checkpoints.read(what, read)
    }
}

/// A name as well as it can be told.
fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Null => String::new(),
    }
}

impl End for InFile {
    fn checkpoints(&self) -> &dyn Checkpointer {
        &self.checkpoints
    }

    fn threads(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, CheckpointError>> {
        let threads = self.read("listing threads", |connection| {
            let mut all = connection.prepare(
                "SELECT thread_id, COUNT(*) FROM checkpoints GROUP BY thread_id ORDER BY thread_id",
            )?;
            let all = all.query_map([], |row| {
                let count: i64 = row.get(1)?;
                Ok((
                    text(row.get_ref(0)?),
                    u64::try_from(count).unwrap_or_default(),
                ))
            })?;
            all.collect()
        });
        std::future::ready(threads).boxed()
    }

    fn keys<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<BTreeSet<Key>, CheckpointError>> {
        let keys = self.read("listing checkpoints", |connection| {
            let mut all = connection.prepare(
                "SELECT checkpoint_id, checkpoint_ns FROM checkpoints WHERE thread_id = ?1",
            )?;
            let all = all.query_map([thread], |row| {
                Ok((text(row.get_ref(0)?), text(row.get_ref(1)?)))
            })?;
            all.collect()
        });
        std::future::ready(keys).boxed()
    }

    fn is_of_one(&self, error: &CheckpointError) -> bool {
        let CheckpointError::Backend { source, .. } = error else {
            return false;
        };
        let of_row = |error: &rusqlite::Error| {
            use rusqlite::Error as E;
            matches!(
                error,
                E::FromSqlConversionFailure(..)
                    | E::IntegralValueOutOfRange(..)
                    | E::InvalidColumnType(..)
                    | E::Utf8Error(..)
            )
        };
        source.is::<ColumnError>() || source.downcast_ref().is_some_and(of_row)
    }

    fn items(&self, last: Option<ItemName>) -> BoxFuture<'_, Result<ItemPage, StoreError>> {
        let page = self.read("reading items", |connection| {
            moved_items::behind(connection, last.as_ref())
        });
        std::future::ready(page.map_err(store_error)).boxed()
    }

    fn items_of(&self, names: Vec<ItemName>) -> BoxFuture<'_, Result<Vec<MovedItem>, StoreError>> {
        let found = self.read("reading items", |connection| {
            moved_items::of(connection, &names)
        });
        std::future::ready(found.map_err(store_error)).boxed()
    }

    fn put_items(&self, items: Vec<MovedItem>) -> BoxFuture<'_, Result<(), StoreError>> {
        let written = self.checkpoints.file.writer().submit(move |connection| {
            moved_items::put(connection, &items).map_err(super::reading::sql("writing items"))
        });
        async move { written.await.map_err(store_error) }.boxed()
    }
}
