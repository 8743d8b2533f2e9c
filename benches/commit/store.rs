//! The database under test: writers that put checkpoints and wait for them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointIds, Checkpointer, Metadata, PutCheckpoint, Source,
};
use stepwell::db::{Db, Durability};
use tempfile::TempDir;

/// Who commits at the same time.
#[derive(Clone, Copy)]
pub(crate) enum Writers {
    /// Threads that block until their commit is acknowledged.
    Threads(usize),
    /// Tasks of an async runtime with two threads.
    Tasks(usize),
}

pub(crate) struct Database {
    db: Db,
    ids: Arc<CheckpointIds>,
    last: Arc<AtomicU64>,
    _dir: TempDir,
}

pub(crate) struct Measured {
    pub(crate) rate: f64,
    pub(crate) latencies_us: Vec<f64>,
    pub(crate) commits_per_sync: f64,
}

impl Database {
    pub(crate) fn open(dir: &Path, durability: Durability) -> Self {
        let dir = tempfile::tempdir_in(dir).unwrap();
        let db = Db::options()
            .durability(durability)
            .open(dir.path().join("db"))
            .unwrap();
        Self {
            db,
            ids: Arc::default(),
            last: Arc::default(),
            _dir: dir,
        }
    }

    /// How many bytes one commit takes in the log.
    pub(crate) fn frame_bytes(dir: &Path) -> usize {
        let database = Self::open(dir, Durability::Os);
        let used = |db: &Db| db.log_stats().unwrap().bytes;
        let saver = database.db.checkpointer();
        saver.put(database.checkpoint(1)).wait().unwrap();
        let before = used(&database.db);
        saver.put(database.checkpoint(1)).wait().unwrap();
        usize::try_from(used(&database.db) - before).unwrap()
    }

    /// A checkpoint with one channel of 4 KiB that does not compress.
    fn checkpoint(&self, writer: usize) -> PutCheckpoint {
        make(&self.ids, &self.last, writer)
    }

    pub(crate) fn run(&self, writers: Writers, slice: Duration) -> Measured {
        let syncs = self.db.log_stats().unwrap().syncs;
        let start = Instant::now();
        let latencies_us = match writers {
            Writers::Threads(count) => self.threads(count, slice),
            Writers::Tasks(count) => self.tasks(count, slice),
        };
        let elapsed = start.elapsed().as_secs_f64();
        let commits = latencies_us.len() as f64;
        let syncs = self.db.log_stats().unwrap().syncs - syncs;
        Measured {
            rate: commits / elapsed,
            latencies_us,
            commits_per_sync: if syncs == 0 {
                0.0
            } else {
                commits / syncs as f64
            },
        }
    }

    fn threads(&self, count: usize, slice: Duration) -> Vec<f64> {
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..count)
                .map(|writer| {
                    scope.spawn(move || {
                        let saver = self.db.checkpointer();
                        let start = Instant::now();
                        let mut latencies = Vec::new();
                        while start.elapsed() < slice {
                            let put = self.checkpoint(writer);
                            let before = Instant::now();
                            saver.put(put).wait().unwrap();
                            latencies.push(before.elapsed().as_secs_f64() * 1e6);
                        }
                        latencies
                    })
                })
                .collect();
            running
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        })
    }

    fn tasks(&self, count: usize, slice: Duration) -> Vec<f64> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut running = tokio::task::JoinSet::new();
            for writer in 0..count {
                let saver = self.db.checkpointer();
                let (ids, last) = (Arc::clone(&self.ids), Arc::clone(&self.last));
                running.spawn(async move {
                    let start = Instant::now();
                    let mut latencies = Vec::new();
                    while start.elapsed() < slice {
                        let put = make(&ids, &last, writer);
                        let before = Instant::now();
                        saver.put(put).await.unwrap();
                        latencies.push(before.elapsed().as_secs_f64() * 1e6);
                    }
                    latencies
                });
            }
            running.join_all().await.into_iter().flatten().collect()
        })
    }
}

fn make(ids: &CheckpointIds, last: &AtomicU64, writer: usize) -> PutCheckpoint {
    let version = last.fetch_add(1, Ordering::Relaxed) + 1;
    let versions = BTreeMap::from([("state".to_owned(), ChannelVersion::Int(version))]);
    let mut random = version.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut value = Vec::with_capacity(4096);
    while value.len() < 4096 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        value.extend_from_slice(&random.to_le_bytes());
    }
    PutCheckpoint {
        thread: format!("thread-{writer}"),
        namespace: String::new(),
        parent_id: None,
        checkpoint: Checkpoint {
            id: ids.next(None, 0),
            channel_values: BTreeMap::from([("state".to_owned(), Encoded::new("bytes", value))]),
            channel_versions: versions.clone(),
            ..Checkpoint::default()
        },
        metadata: Metadata::new(Source::Loop, 0),
        appended: [].into(),
        new_versions: versions,
    }
}
