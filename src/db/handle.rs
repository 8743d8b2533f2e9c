//! [`Db`]: the handle of an open database.

mod closing;
mod opening;
mod payload;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::{Mutex, ReentrantMutex};

use self::payload::Payload;
use crate::Leases;
use crate::codec::{self, Compression, Record, Stored};
use crate::db::backlog::Applier;
use crate::db::compaction::{
    CompactionProgress, CompactionReport, CompactionStats, Engine, Entered, Worker,
};
use crate::db::hot::{Hot, NewContent};
use crate::db::indexed::{Indexed, LogState};
use crate::db::items::Items;
use crate::db::options::ValueOptions;
use crate::db::place::Place;
use crate::db::view::{DbSnapshot, Note, RECLAIMED_AT_ONCE};
use crate::db::{DbError, DbOptions, Durability, Periodic, Reader, RecoveryReport, Submitted};
use crate::index::{FileReads, Found, Indexer, TablesError};
use crate::log::Log;
use crate::time;
use crate::vfs::{Host, Vfs};

/// An open database: a directory that one handle and its clones have to themselves.
///
/// Clones are cheap and share everything, as do the checkpointers and stores made from them. The last
/// of them to go closes the database, but hides whether that succeeded; [`close`](Self::close)
/// tells.
///
/// Reads and writes block the calling thread for file operations. They do not wait for a commit unless asked to, but
/// for two cases. A write waits while the part of the index that is only in memory has its
/// [full size](DbOptions::index_memory_bytes): until the index file has taken half of it, as long as that is being written, or, if that
/// cannot be written, not at all: it fails. [`DbStats::back_pressure`](crate::db::DbStats::back_pressure) tells how often that was, and
/// more memory makes it rarer. And a checkpoint that appends to a list of a parent that was neither put nor read lately waits for
/// what was submitted before it.
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
    /// `None` for who works in the background, for whom the database is not kept open.
    held: Option<Arc<()>>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// The same, whatever directory the process is in.
    root: PathBuf,
    vfs: Arc<dyn Vfs>,
    /// Ends before the log does. `None` once it was closed.
    indexer: Mutex<Option<Indexer>>,
    /// Ends before the indexer does. `None` once it was closed.
    applier: Mutex<Option<Applier>>,
    /// Ends before the log and the indexer do.
    worker: Mutex<Option<Worker>>,
    engine: Arc<Engine>,
    indexed: Arc<Indexed>,
    /// Why what was in the index file was not used.
    rebuilt: Option<String>,
    recovery: RecoveryReport,
    leases: Leases,
    hot: Arc<Hot>,
    index_reads: Arc<FileReads>,
    /// How many commits were read from the log.
    frames_read: AtomicU64,
    compression: Compression,
    /// What is done beside. Ends before the indexer does.
    background: Mutex<Option<Periodic>>,
    items: Items,
    /// Held by whoever closes it. By one of his calls another one may be made that closes it.
    closing: ReentrantMutex<()>,
}

/// A handle that does not keep the database open, for who works in its background.
#[derive(Clone, Debug)]
pub(crate) struct WeakDb {
    inner: Weak<Inner>,
    held: Weak<()>,
}

impl WeakDb {
    /// The database, if it is still open.
    pub(crate) fn upgrade(&self) -> Option<Db> {
        let inner = self.inner.upgrade().filter(|_| self.is_held())?;
        Some(Db { inner, held: None })
    }

    /// Whether anybody has the database open but who works in the background. If not, it stays locked only for him.
    pub(crate) fn is_held(&self) -> bool {
        self.held.strong_count() > 0
    }
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

    /// The handle of a database whose index follows its log.
    pub(super) fn of(
        vfs: &Arc<dyn Vfs>,
        (path, root): (&Path, &Path),
        indexed: Arc<Indexed>,
        threads: Option<(Indexer, Applier, Arc<FileReads>)>,
        (rebuilt, recovery): (Option<String>, RecoveryReport),
        values: ValueOptions,
        segment_bytes: u64,
    ) -> Self {
        let hot = Arc::new(Hot::new(values.hot_bytes));
        let (indexer, applier, index_reads) = match threads {
            Some((indexer, applier, reads)) => (Some(indexer), Some(applier), Some(reads)),
            None => (None, None, None),
        };
        Self {
            inner: Arc::new(Inner {
                path: path.to_path_buf(),
                root: root.to_path_buf(),
                vfs: Arc::clone(vfs),
                indexer: Mutex::new(indexer),
                applier: Mutex::new(applier),
                worker: Mutex::new(None),
                engine: Arc::new(Engine::new(
                    Arc::clone(&indexed),
                    Arc::clone(&hot),
                    path.to_path_buf(),
                    segment_bytes,
                )),
                indexed,
                rebuilt,
                recovery,
                leases: Leases::new(),
                hot,
                index_reads: index_reads.unwrap_or_default(),
                frames_read: AtomicU64::new(0),
                compression: values.compression,
                background: Mutex::new(None),
                items: Items::default(),
                closing: ReentrantMutex::new(()),
            }),
            held: Some(Arc::default()),
        }
    }

    /// What opening the database found, and what it cut off.
    pub fn recovery(&self) -> &RecoveryReport {
        &self.inner.recovery
    }

    /// Why the index had to be made again from the log, if it had.
    pub fn index_rebuilt(&self) -> Option<&str> {
        self.inner.rebuilt.as_deref()
    }

    /// The directory that the database is in, as it was named when it was opened.
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

    /// Gives back the space of everything that was deleted, pruned or replaced, compresses what was written since the last time,
    /// and tells what came of it. Readers and writers go on meanwhile. The segment that is written to is sealed first if there is
    /// anything in it.
    ///
    /// # Errors
    /// [`DbError::Log`]: a segment is damaged, there is no room for what is kept, or the file system failed; all that was not done
    /// yet is as it was then. [`DbError::Index`]; [`DbError::ReadOnly`]; [`DbError::Closed`].
    pub fn compact(&self) -> Result<CompactionReport, DbError> {
        // If it is only to be looked at, that is the answer.
        self.with_log(|_| Ok(()))?;
        self.inner.engine.compact_all(self.host())
    }

    /// How far the compaction is that runs, or ran last.
    pub fn compaction_progress(&self) -> CompactionProgress {
        self.inner.engine.progress()
    }

    /// What compaction has done since the database was opened. Costs next to nothing.
    pub fn compaction_stats(&self) -> CompactionStats {
        self.inner.engine.stats()
    }

    /// For whoever is about to look up what he will then read from the log, or name in a record: until this is dropped, what
    /// was there when it was made stays there.
    pub(crate) fn enter(&self) -> Entered {
        self.inner.engine.enter()
    }

    /// Submits records as one frame: all of them count, or none. If the index does not take one, it takes
    /// none that follow it. `what` says in errors what they are about.
    pub(crate) fn submit(
        &self,
        records: Vec<Record<Stored>>,
        durability: Option<Durability>,
        what: impl Fn() -> String,
    ) -> Result<Submitted, DbError> {
        let _entered = self.enter();
        self.submit_with(records, Vec::new(), false, durability, |_| what())
    }

    /// The same, with `contents` being those of their values that others may be found to be equal to. If the index is `certain` to take
    /// them, they are acknowledged before it does. The caller has [entered](Self::enter).
    pub(super) fn submit_with(
        &self,
        records: Vec<Record<Stored>>,
        contents: Vec<NewContent>,
        certain: bool,
        durability: Option<Durability>,
        what: impl Fn(&[Record<Stored>]) -> String,
    ) -> Result<Submitted, DbError> {
        let unwritable = |reason: String| DbError::Unwritable {
            what: what(&records),
            reason,
        };
        let view = &self.inner.indexed.view;
        view.backlog().spent().drop_some();
        let count = u32::try_from(records.len()).map_err(|e| unwritable(e.to_string()))?;
        let mut payload = Payload::new();
        codec::encode_into(&mut payload.bytes, &records, self.inner.compression)
            .map_err(|e| unwritable(e.to_string()))?;
        let unapplied = Arc::new(OnceLock::new());
        let note = Note {
            records: records.into_iter().map(Record::numbered).collect(),
            contents: contents.clone(),
            certain,
            unapplied: Arc::clone(&unapplied),
        };
        view.wait_for_room()?;
        let ticket =
            self.with_log(|log| Ok(log.submit(count, &payload.bytes, note, durability)?))?;
        let submitted = Submitted::new(ticket, certain, unapplied, view);
        for new in contents {
            let at = submitted.at(new.record, new.value);
            self.hot().contents().note(new.content, at);
        }
        Ok(submitted)
    }

    /// What was read from the index file.
    pub(super) fn index_reads(&self) -> &FileReads {
        &self.inner.index_reads
    }

    /// How many commits were read from the log.
    pub(super) fn frames_read(&self) -> &AtomicU64 {
        &self.inner.frames_read
    }

    /// What is kept in memory of what was put and read last.
    pub(super) fn hot(&self) -> &Hot {
        &self.inner.hot
    }

    /// Which of the database's threads are being run.
    pub(crate) fn leases(&self) -> &Leases {
        &self.inner.leases
    }

    /// A handle that does not keep the database open.
    pub(crate) fn downgrade(&self) -> WeakDb {
        WeakDb {
            inner: Arc::downgrade(&self.inner),
            held: self.held.as_ref().map(Arc::downgrade).unwrap_or_default(),
        }
    }

    /// Has `work` done until the database is closed, in the place of what was done so far, for whose end it waits.
    pub(crate) fn set_background(&self, work: Option<Periodic>) {
        let before = std::mem::replace(&mut *self.inner.background.lock(), work);
        drop(before);
    }

    /// Whether `other` is a handle of the same open database.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The index as it is now.
    pub(crate) fn snapshot(&self) -> DbSnapshot {
        self.inner.indexed.view.snapshot()
    }

    /// The latest checkpoint of a namespace as it is now, with its pending writes.
    pub(crate) fn latest(
        &self,
        thread: &str,
        namespace: &str,
    ) -> Result<Option<Arc<Found<Place>>>, TablesError> {
        self.inner.indexed.view.latest(thread, namespace)
    }

    /// Removes the rows that belong to no thread any more.
    pub(crate) fn reclaim(&self) -> Result<(), DbError> {
        while self.indexed().view.reclaim(RECLAIMED_AT_ONCE)? > 0 {
            self.indexed().view.wait_for_room()?;
        }
        Ok(())
    }

    /// A reader of values, of those that are looked up from now on.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }

    /// The directory that the database is in, whatever directory the process is in.
    pub(super) fn root(&self) -> &Path {
        &self.inner.root
    }

    pub(super) fn with_log<T>(
        &self,
        with: impl FnOnce(&Log<Note>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        match &*self.inner.indexed.log.read() {
            LogState::Open(log) => with(log),
            LogState::ReadOnly(_) => Err(DbError::ReadOnly {
                path: self.inner.path.display().to_string(),
            }),
            _ => Err(self.closed()),
        }
    }

    pub(super) fn closed(&self) -> DbError {
        DbError::Closed {
            path: self.inner.path.display().to_string(),
        }
    }

    pub(super) fn items(&self) -> &Items {
        &self.inner.items
    }

    pub(super) fn indexed(&self) -> &Indexed {
        &self.inner.indexed
    }

    /// Where time and randomness come from.
    pub(crate) fn host(&self) -> &dyn Host {
        self.inner.vfs.host()
    }

    /// The time of day in microseconds since the Unix epoch.
    pub(crate) fn now(&self) -> u64 {
        time::to_micros(self.host().system_time())
    }

    pub(super) fn vfs(&self) -> &Arc<dyn Vfs> {
        &self.inner.vfs
    }
}
