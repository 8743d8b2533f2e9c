//! [`File`]: the connections to one SQLite file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};

use crate::sqlite::writer::{Failure, Writer};

/// How long a connection waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many connections that nobody reads with are kept.
const IDLE: usize = 8;

/// One SQLite file: a thread that writes, and connections to read with.
#[derive(Debug)]
pub(crate) struct File<E: Failure> {
    /// Means the same whatever directory the process is in.
    path: PathBuf,
    /// What makes a connection that only reads, if it is not done as usual.
    connect: Option<fn(&Path) -> rusqlite::Result<Connection>>,
    readers: Mutex<Vec<Connection>>,
    writer: Writer<E>,
}

impl<E: Failure> File<E> {
    /// Opens or creates the file, and has `setup` make its tables.
    pub(crate) fn open(
        path: &Path,
        setup: impl FnOnce(&mut Connection) -> rusqlite::Result<()>,
    ) -> Result<Arc<Self>, E> {
        let failed = |error| E::of(&format!("opening `{}`", path.display()), Arc::new(error));
        let place = place(path);
        let mut connection = Connection::open(&place).map_err(failed)?;
        prepare(&connection)
            .and_then(|()| setup(&mut connection))
            .map_err(failed)?;
        let writer = Writer::start(connection)
            .map_err(|error| failed(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
        Ok(Arc::new(Self {
            path: place,
            connect: None,
            readers: Mutex::default(),
            writer,
        }))
    }

    /// Opens the file with connections that `connect` makes, none of which writes.
    pub(crate) fn open_to_read(
        path: &Path,
        connect: fn(&Path) -> rusqlite::Result<Connection>,
    ) -> Result<Arc<Self>, E> {
        let failed = |error| E::of(&format!("opening `{}`", path.display()), Arc::new(error));
        let place = place(path);
        let connection = connect(&place).map_err(failed)?;
        let writer = Writer::start(connection)
            .map_err(|error| failed(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
        Ok(Arc::new(Self {
            path: place,
            connect: Some(connect),
            readers: Mutex::default(),
            writer,
        }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn writer(&self) -> &Writer<E> {
        &self.writer
    }

    /// A connection that sees the file as it is now, until it is dropped.
    pub(crate) fn snapshot(self: &Arc<Self>) -> rusqlite::Result<Snapshot<E>> {
        let idle = self.readers.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = match self.connect {
                    Some(connect) => connect(&self.path)?,
                    None => Connection::open_with_flags(&self.path, flags)?,
                };
                connection.busy_timeout(PATIENCE)?;
                connection.execute_batch("PRAGMA query_only = ON")?;
                connection
            }
        };
        connection.execute_batch("BEGIN")?;
        // A transaction sees what is there when it first reads.
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(Snapshot {
            file: Arc::clone(self),
            connection: Some(connection),
        })
    }
}

/// Connections are made as they are needed, maybe when the process is in another directory.
fn place(path: &Path) -> PathBuf {
    let is_name = |name: &str| name.starts_with(':') || name.starts_with("file:");
    match path.to_str() {
        // SQLite's own names, which are no paths.
        Some(name) if name.is_empty() || is_name(name) => path.to_owned(),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

/// The file as it was at one moment.
pub(crate) struct Snapshot<E: Failure> {
    file: Arc<File<E>>,
    /// There until it is dropped.
    connection: Option<Connection>,
}

impl<E: Failure> Snapshot<E> {
    pub(crate) fn connection(&self) -> rusqlite::Result<&Connection> {
        self.connection
            .as_ref()
            .ok_or(rusqlite::Error::InvalidQuery)
    }
}

impl<E: Failure> Drop for Snapshot<E> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && connection.execute_batch("ROLLBACK").is_ok()
        {
            let mut idle = self.file.readers.lock();
            if idle.len() < IDLE {
                idle.push(connection);
            }
        }
    }
}

/// Puts the file into WAL mode, in which reading and writing do not keep each other waiting.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    let mut left = 300;
    loop {
        // Others that open the file at the same time are not waited for here.
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| {
            row.get::<_, String>(0)
        });
        match mode {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == rusqlite::ErrorCode::DatabaseBusy && left > 0 =>
            {
                left -= 1;
                std::thread::sleep(PATIENCE / 300);
            }
            mode => return mode.map(drop),
        }
    }
}
