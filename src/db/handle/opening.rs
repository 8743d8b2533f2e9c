//! Opening a database: its index file as far as it is of use, and what the log has beyond that.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::db::backlog::Applier;
use crate::db::compaction::{CompactionOptions, Worker};
use crate::db::indexed::{Indexed, LogState};
use crate::db::options::ValueOptions;
use crate::db::replaying::replaying;
use crate::db::view::{Note, View};
use crate::db::{Db, DbError};
use crate::index::{Gate, Identity, IndexFile, IndexOptions, Indexer, Watermark};
use crate::log::{
    CommitSink, LockedLog, LogError, LogOptions, LogPosition, Lsn, ReplayFrom, SegmentId,
};
use crate::vfs::Vfs;

/// The version of the index's keys and rows.
const INDEX_SCHEMA: u32 = if cfg!(feature = "words") { 0x800c } else { 12 };

/// Why a database was not opened.
struct NotOpened {
    error: DbError,
    /// What was wrong with the index file, if it was to blame.
    unusable: Option<String>,
}

impl<E: Into<DbError>> From<E> for NotOpened {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            unusable: None,
        }
    }
}

fn position(watermark: Watermark) -> LogPosition {
    LogPosition {
        lsn: Lsn::new(watermark.lsn),
        segment: SegmentId::new(Lsn::new(watermark.segment)),
        offset: watermark.offset,
    }
}

impl Db {
    /// Opens the database in a directory, of which the path is given as it was named, and as an absolute one.
    pub(in crate::db) fn open_with(
        vfs: Arc<dyn Vfs>,
        place: (&Path, &Path),
        options: LogOptions,
        index: IndexOptions,
        values: ValueOptions,
        compaction: CompactionOptions,
    ) -> Result<Self, DbError> {
        let open = |unusable| Self::open_once(&vfs, place, options, index, values, unusable);
        match open(None) {
            Err(NotOpened {
                unusable: Some(why),
                ..
            }) => open(Some(why)),
            opened => opened,
        }
        .map_err(|failed| failed.error)
        .and_then(|db| db.compacting(compaction))
    }

    /// Starts the thread that compacts, if that is wanted.
    fn compacting(self, options: CompactionOptions) -> Result<Self, DbError> {
        if options.background {
            let worker = Worker::start(Arc::clone(&self.inner.engine), options, self.host());
            let worker = worker.map_err(|error| DbError::Index {
                reason: format!("the thread that compacts cannot be started: {error}"),
            })?;
            *self.inner.worker.lock() = Some(worker);
        }
        Ok(self)
    }

    /// Opens the database, without what is in its index file if there is a reason not to use it.
    fn open_once(
        vfs: &Arc<dyn Vfs>,
        place: (&Path, &Path),
        options: LogOptions,
        index: IndexOptions,
        values: ValueOptions,
        unusable: Option<String>,
    ) -> Result<Self, NotOpened> {
        let (_, root) = place;
        let locked = LockedLog::lock(Arc::clone(vfs), root)?;
        let identity = Identity {
            database: locked.database(),
            schema: INDEX_SCHEMA,
        };
        let open_file = || IndexFile::open(Arc::clone(vfs), root, identity, index.cache_bytes);
        let (mut file, mut found) = open_file()?;
        if unusable.is_some() {
            drop(found);
            file.discard()?;
            (file, found) = open_file()?;
        }
        let (found, rebuilt) = match found {
            Ok(found) => (found, unusable),
            Err(why) => (None, Some(why.to_string())),
        };
        let as_of = locked.compacted_as_of()?.get();
        if (found.as_ref()).is_some_and(|found| found.watermark.lsn < as_of) {
            let unusable = "it is older than a compaction of the log".to_owned();
            let reason = unusable.clone();
            return Err(NotOpened {
                error: DbError::Index { reason },
                unusable: Some(unusable),
            });
        }
        let index_reads = file.reads();
        let from = found.as_ref().map_or(ReplayFrom::Beginning, |found| {
            ReplayFrom::Position(position(found.watermark))
        });
        let gate = Arc::new(Gate::new(index, Arc::clone(vfs)));
        let indexed = Arc::new(Indexed {
            view: Arc::new(View::new(found, &gate)),
            log: RwLock::new(LogState::Opening),
        });
        let indexer = Indexer::start(file, Arc::clone(&indexed), gate, vfs.host());
        let indexer = indexer.map_err(|error| DbError::Index {
            reason: format!("its thread cannot be started: {error}"),
        })?;
        let view = &indexed.view;
        view.be_sure_below(as_of);
        let opened = replaying(view, vfs.host(), |replay| {
            let sink = Arc::clone(view) as Arc<dyn CommitSink<Note>>;
            locked.open(options, from, replay, sink)
        });
        let (log, recovery) = opened.map_err(|error| {
            let unusable = match (&error, from) {
                (DbError::Log(LogError::NoSuchPosition { .. }), ReplayFrom::Position(_)) => {
                    Some("it is ahead of the log".to_owned())
                }
                (_, ReplayFrom::Position(_)) => {
                    view.with_rows(|rows| rows.abandoned().map(ToString::to_string))
                }
                _ => None,
            };
            NotOpened { error, unusable }
        })?;
        if let Some(newest) = log.segments().last() {
            view.opened(newest);
        }
        let applier = Applier::start(view, vfs.host()).map_err(|error| DbError::Index {
            reason: format!("the thread that applies commits cannot be started: {error}"),
        })?;
        *indexed.log.write() = LogState::Open(Arc::new(log));
        Ok(Self::of(
            vfs,
            place,
            indexed,
            Some((indexer, applier, index_reads)),
            (rebuilt, recovery),
            values,
            options.segment_bytes,
        ))
    }
}
