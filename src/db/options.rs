//! [`DbOptions`]: how a database is opened.

use std::path::Path;
use std::sync::Arc;

use crate::codec::Compression;
use crate::db::{CompactionOptions, Db, DbError, Durability};
use crate::index::IndexOptions;
use crate::log::LogOptions;
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
    compaction: CompactionOptions,
    values: ValueOptions,
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
            compaction: CompactionOptions::default(),
            values: ValueOptions {
                hot_bytes: 32 << 20,
                compression: Compression::None,
            },
            vfs: Arc::new(OsFs),
        }
    }
}

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
    pub fn index_memory_bytes(mut self, bytes: usize) -> Self {
        self.index.memory_bytes = bytes;
        self.index.flush_bytes = bytes / 2;
        self
    }

    /// How space is given back while the database is open.
    pub fn compaction(mut self, options: CompactionOptions) -> Self {
        self.compaction = options;
        self
    }

    /// About how many bytes of memory are for what was put and read last; 32 MiB by default. Without it every
    /// checkpoint that builds on another one, and every read, has to go to the file. With less, more of them do.
    pub fn hot_bytes(mut self, bytes: usize) -> Self {
        self.values.hot_bytes = bytes;
        self
    }

    /// Whether records are compressed where that makes them shorter by an eighth; not by default. Reading and writing
    /// then takes longer.
    pub fn compress(mut self, compress: bool) -> Self {
        self.values.compression = if compress {
            Compression::Lz4
        } else {
            Compression::None
        };
        self
    }

    /// The file system that the database is on; the operating system's by default.
    pub fn vfs(mut self, vfs: Arc<dyn Vfs>) -> Self {
        self.vfs = vfs;
        self
    }

    /// Opens the database in the directory `path`, or makes one.
    ///
    /// # Errors
    /// [`DbError::Log`]: the database is open already, something that was durable is damaged, a record is not
    /// understood, or the file system failed. Nothing was changed then, except by the last.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Db, DbError> {
        Db::open_with(
            self.vfs,
            path.as_ref(),
            self.log,
            self.index,
            self.values,
            self.compaction,
        )
    }
}
