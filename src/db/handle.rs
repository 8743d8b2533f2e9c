//! [`Db`]: the handle of an open database.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use crate::codec::{self, Record};
use crate::db::view::{DbTables, Note, View};
use crate::db::{DbError, DbOptions, Durability, Place, Reader, RecoveryReport, Submitted};
use crate::index::Snapshot;
use crate::log::{Log, LogOptions, LogStats, ReplayFrom};
use crate::vfs::Vfs;
use crate::{Encoded, Leases};

/// An open database: a directory that one handle and its clones have to themselves.
///
/// Clones are cheap and share everything, as do the checkpointers and stores made from them. The last
/// of them to go closes the database, but hides whether that succeeded; [`close`](Self::close)
/// tells. Reads and writes block the calling thread for file operations, but never for a commit,
/// unless asked to.
///
/// ```
/// use stepwell::db::Db;
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("agents.stepwell");
/// let db = Db::open(&path)?;
/// let (checkpointer, store) = (db.checkpointer(), db.store());
/// # drop((checkpointer, store));
/// # db.close()?;
/// # Ok::<(), stepwell::db::DbError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Db {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// `None` once it was closed.
    log: RwLock<Option<Log<Note>>>,
    view: Arc<View>,
    recovery: RecoveryReport,
    leases: Leases,
}

impl Db {
    /// Opens the database in the directory `path`, or makes one, with default options.
    ///
    /// # Errors
    /// As [`DbOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DbError> {
        Self::options().open(path)
    }

    /// Options to open a database with.
    pub fn options() -> DbOptions {
        DbOptions::default()
    }

    pub(super) fn open_with(
        vfs: Arc<dyn Vfs>,
        path: &Path,
        options: LogOptions,
    ) -> Result<Self, DbError> {
        let view = Arc::new(View::default());
        let replay = Arc::clone(&view);
        let sink = Arc::clone(&view);
        let (log, recovery) = Log::open(
            vfs,
            path,
            options,
            ReplayFrom::Beginning,
            &mut |frame, payload| Ok(replay.replay(frame, payload)?),
            sink,
        )?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_path_buf(),
                log: RwLock::new(Some(log)),
                view,
                recovery,
                leases: Leases::new(),
            }),
        })
    }

    /// What opening the database found, and what it cut off.
    pub fn recovery(&self) -> &RecoveryReport {
        &self.inner.recovery
    }

    /// The directory that the database is in.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Blocks until everything submitted so far is on stable storage, whatever its durability.
    ///
    /// # Errors
    /// [`DbError::Log`] if writing failed, now or before; [`DbError::Closed`].
    pub fn sync(&self) -> Result<(), DbError> {
        self.with_log(|log| Ok(log.sync()?))
    }

    /// What the log consists of, and what it has done since the database was opened.
    ///
    /// # Errors
    /// [`DbError::Closed`].
    pub fn stats(&self) -> Result<LogStats, DbError> {
        self.with_log(|log| Ok(log.stats()))
    }

    /// Writes and syncs everything and closes the database, so that the next open need not
    /// recover it. Clones, checkpointers and stores of it that are left answer
    /// [`DbError::Closed`].
    ///
    /// # Errors
    /// [`DbError::Log`] if writing failed, now or before: the next open recovers what was acknowledged.
    pub fn close(self) -> Result<(), DbError> {
        let log = self.inner.log.write().take();
        log.map_or(Ok(()), |log| Ok(log.close()?))
    }

    /// Submits records as one frame: all of them count, or none. If the index does not take one, it takes
    /// none that follow it. `what` says in errors what they are about.
    pub(crate) fn submit(
        &self,
        records: Vec<Record<Encoded>>,
        durability: Option<Durability>,
        what: impl Fn() -> String,
    ) -> Result<Submitted, DbError> {
        let unwritable = |reason: String| DbError::Unwritable {
            what: what(),
            reason,
        };
        let count = u32::try_from(records.len()).map_err(|e| unwritable(e.to_string()))?;
        let payload = codec::encode(&records).map_err(|e| unwritable(e.to_string()))?;
        let unapplied = Arc::new(OnceLock::new());
        let note = Note {
            records: records.into_iter().map(Record::numbered).collect(),
            unapplied: Arc::clone(&unapplied),
        };
        let ticket = self.with_log(|log| Ok(log.submit(count, &payload, note, durability)?))?;
        Ok(Submitted::new(ticket, unapplied))
    }

    /// Which of the database's threads are being run.
    pub(crate) fn leases(&self) -> &Leases {
        &self.inner.leases
    }

    /// Whether `other` is a handle of the same open database.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The index as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot<Place, DbTables> {
        self.inner.view.snapshot()
    }

    /// A reader of values.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }

    pub(super) fn with_log<T>(
        &self,
        with: impl FnOnce(&Log<Note>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        match &*self.inner.log.read() {
            Some(log) => with(log),
            None => Err(DbError::Closed {
                path: self.inner.path.display().to_string(),
            }),
        }
    }
}
