//! [`Image`]: a database in memory, whose bytes are changed one after the other.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::Value;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery};
use stepwell::db::{CompactionOptions, Db, DbError, DbOptions, Durability};
use stepwell::log::salvage;
use stepwell::store::{Item, Search, Store};

use crate::history::{Steps, fill};
use crate::memory_fs::{Files, MemoryFs};

pub(crate) const DB: &str = "/db";

/// The payloads of frames, by the LSNs of their records.
pub(crate) type Frames = BTreeMap<u64, (Range<u64>, Vec<u8>)>;

/// The files of a database that a process was killed over, and what it answered.
pub(crate) struct Image {
    pub(crate) files: Files,
    pub(crate) answers: Answers,
}

/// All that a database answers.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) checkpoints: Vec<CheckpointTuple>,
    pub(crate) items: Vec<Item>,
    /// Reads that failed.
    pub(crate) errors: Vec<String>,
}

pub(crate) fn options() -> DbOptions {
    Db::options()
        .segment_bytes(32 << 10)
        .index_memory_bytes(20_000)
        .index_cache_bytes(1 << 20)
        .hot_bytes(0)
        .durability(Durability::Os)
        .compaction(CompactionOptions {
            background: false,
            ..CompactionOptions::default()
        })
}

pub(crate) fn open(fs: &Arc<MemoryFs>, path: &str) -> Result<Db, DbError> {
    options().vfs(Arc::clone(fs) as _).open(path)
}

impl Image {
    /// One with compacted and ordinary segments and an index file; `size` times as much as there must be.
    pub(crate) fn new(size: usize, is_closed: bool) -> Self {
        let fs = Arc::new(MemoryFs::default());
        let db = open(&fs, DB).unwrap();
        fill(&db, 2 * size);
        db.compact().unwrap();
        for thread in 0..4 {
            Steps::new(&db, &format!("later {thread}"), "").steps(4 * size);
        }
        db.sync().unwrap();
        Steps::new(&db, "last", "").steps(2);
        let answers = Answers::of(&db);
        assert_eq!(answers.errors, [""; 0]);
        if is_closed {
            db.close().unwrap();
        }
        let mut files = fs.files();
        files.retain(|path, _| !path.ends_with("LOCK"));
        Self { files, answers }
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = (&PathBuf, &Vec<u8>)> {
        let is_segment = |path: &Path| path.extension().is_some_and(|name| name == "seg");
        self.files.iter().filter(move |(path, _)| is_segment(path))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }
}

/// The frames that a salvage finds, and which records it says are lost.
pub(crate) fn salvaged_from(fs: Arc<MemoryFs>) -> (Frames, Vec<Range<u64>>) {
    let mut frames = Frames::new();
    let report = salvage(fs, Path::new(DB), &mut |at, payload| {
        let lsns = at.lsn.get()..at.end().get();
        frames.insert(lsns.start, (lsns, payload.to_vec()));
        Ok(())
    });
    let lost = report.unwrap().lost.into_iter();
    let lost = lost.map(|lost| lost.lsns.start.get()..lost.lsns.end.get());
    (frames, lost.collect())
}

impl Answers {
    pub(crate) fn of(db: &Db) -> Self {
        let list = db.checkpointer().list(ListQuery::default());
        let found: Vec<_> = block_on(list.collect());
        let mut answers = Self::default();
        for found in found {
            match found {
                Ok(found) => answers.checkpoints.push(found),
                Err(error) => answers.errors.push(error.to_string()),
            }
        }
        match block_on(db.store().search(Search::new(&[]).limit(usize::MAX))) {
            Ok(items) => answers.items = items,
            Err(error) => answers.errors.push(error.to_string()),
        }
        answers
    }
}

/// Every record by its LSN.
pub(crate) fn records(db: &Db) -> Result<BTreeMap<u64, Value>, DbError> {
    let mut records = BTreeMap::new();
    db.dump(&mut |line| {
        if let Some(lsn) = line.get("lsn").and_then(Value::as_u64) {
            records.insert(lsn, line);
        }
        ControlFlow::Continue(())
    })?;
    Ok(records)
}
