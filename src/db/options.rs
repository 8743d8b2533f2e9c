//! [`DbOptions`]: how a database is opened.

use std::path::Path;
use std::sync::Arc;

use crate::db::{CompactionOptions, Compression, Db, DbError, Durability};
use crate::index::IndexOptions;
use crate::log::{self, LogOptions};
use crate::store_options::StoreOptions;
use crate::vfs::{OsFs, Vfs};

/// How a database is opened. None of it is stored: each open may choose differently.
///
/// ```
/// use stepwell::db::{Db, Durability};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("agents.stepwell");
/// let db = Db::options().durability(Durability::Os).open(&path)?;
/// # db.close()?;
/// # Ok::<(), stepwell::db::DbError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a database is opened with them"]
pub struct DbOptions {
    log: LogOptions,
    index: IndexOptions,
    read_only: bool,
    compaction: CompactionOptions,
    values: ValueOptions,
    store: StoreOptions,
    vfs: Arc<dyn Vfs>,
}

/// How values are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValueOptions {
    /// In memory.
    pub(super) hot_bytes: usize,
    /// In the log.
    pub(super) compression: Compression,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            log: LogOptions::default(),
            index: IndexOptions::default(),
            read_only: false,
            compaction: CompactionOptions::default(),
            values: ValueOptions {
                hot_bytes: 32 << 20,
                compression: Compression::default(),
            },
            store: StoreOptions::default(),
            vfs: Arc::new(OsFs),
        }
    }
}

/// Of the index in memory, for each record that may be replayed.
const RECORD_BYTES: usize = 4 << 10;

/// With less, the index would be full with nothing in it.
const LEAST_INDEX_MEMORY: usize = 1 << 10;

impl DbOptions {
    /// The length in bytes at which a segment of the log is full; 64 MiB by default.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.log.segment_bytes = bytes;
        self
    }

    /// What an acknowledged write survives; [`Durability::Sync`] by default.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.log.durability = durability;
        self
    }

    /// How many bytes of the index file are kept in memory; 64 MiB by default.
    pub fn index_cache_bytes(mut self, bytes: usize) -> Self {
        self.index.cache_bytes = bytes;
        self
    }

    /// About how many bytes of memory the part of the index may take that is not in its file yet; 64 MiB by
    /// default. Half of it is moved there at a time. Commits wait while it is full.
    ///
    /// What is not in the file is replayed when the database is opened again without having been closed. So it gets there, too, when as
    /// many records are not in it as there are 4 KiB in this: 16,384 by default. Less than 1 KiB counts as 1 KiB.
    pub fn index_memory_bytes(mut self, bytes: usize) -> Self {
        let bytes = bytes.max(LEAST_INDEX_MEMORY);
        self.index.memory_bytes = bytes;
        self.index.flush_bytes = bytes / 2;
        self.index.flush_records = u64::try_from(bytes / RECORD_BYTES)
            .unwrap_or(u64::MAX)
            .max(64);
        self
    }

    /// How space is given back while the database is open.
    pub fn compaction(mut self, options: CompactionOptions) -> Self {
        self.compaction = options;
        self
    }

    /// About how many bytes of memory are for what was put and read last; 32 MiB by default. Without it every
    /// checkpoint that builds on another one, and every read, has to go to the file. With less, more of them do. A value that
    /// was put as part of a longer buffer keeps all of that in memory, which is not counted.
    pub fn hot_bytes(mut self, bytes: usize) -> Self {
        self.values.hot_bytes = bytes;
        self
    }

    /// Which records are compressed; [`Compression::Long`] by default.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.values.compression = compression;
        self
    }

    /// What holds for items of the store that say nothing themselves.
    pub fn store(mut self, options: StoreOptions) -> Self {
        self.store = options;
        self
    }

    /// The file system that the database is on; the operating system's by default.
    pub fn vfs(mut self, vfs: Arc<dyn Vfs>) -> Self {
        self.vfs = vfs;
        self
    }

    /// To look at the database as it is at the moment of opening, while another process may have it open and
    /// write to it. It is read without its lock and without its index file, and nothing is written: whatever would
    /// write answers [`DbError::ReadOnly`]. The whole log is read when it is opened, and the whole index is in memory: some
    /// hundreds of bytes per checkpoint.
    ///
    /// What it shows may not be durable yet, and a crash may still take it from the writer.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Opens the database in the directory `path`, or makes one, unless it is only to be looked at. A relative path means what it
    /// means now, also when the process changes its directory later.
    ///
    /// # Errors
    /// [`DbError::Log`]: the database is open already, something that was durable is damaged, a record is not
    /// understood, or the file system failed. Nothing was changed then, except by the last.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Db, DbError> {
        let path = path.as_ref();
        let place = (path, &*log::absolute(self.vfs.as_ref(), path)?);
        let db = if self.read_only {
            Db::open_read_only(self.vfs, place, self.values)
        } else {
            let (log, index, values) = (self.log, self.index, self.values);
            Db::open_with(self.vfs, place, log, index, values, self.compaction)
        }?;
        db.begin_items(self.store);
        Ok(db)
    }
}
