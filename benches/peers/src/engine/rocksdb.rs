//! RocksDB: two column families, one `WriteBatch` per commit, with `sync` or without; no compression built in.

use std::path::Path;

use ::rocksdb::{ColumnFamily, DB, Direction, IteratorMode, Options, WriteBatch, WriteOptions};
use bytes::Bytes;

use super::Engine;
use crate::workload::{self, Step};

pub(crate) struct RocksDb {
    db: DB,
    options: WriteOptions,
}

impl RocksDb {
    pub(crate) fn open(dir: &Path, synced: bool) -> Self {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let db = DB::open_cf(&options, dir.join("db.rocks"), ["checkpoints", "writes"]).unwrap();
        let mut options = WriteOptions::default();
        options.set_sync(synced);
        Self { db, options }
    }

    fn family(&self, name: &str) -> &ColumnFamily {
        self.db.cf_handle(name).unwrap()
    }
}

impl Engine for RocksDb {
    fn append(&self, steps: &[Step<'_>]) {
        let (checkpoints, writes) = (self.family("checkpoints"), self.family("writes"));
        let mut batch = WriteBatch::default();
        for step in steps {
            batch.put_cf(checkpoints, step.key(), step.value);
            for (key, value) in step.write_rows() {
                batch.put_cf(writes, key, value);
            }
        }
        self.db.write_opt(batch, &self.options).unwrap();
    }

    fn latest(&self, thread: u64) -> Option<Bytes> {
        let last = workload::checkpoint_key(thread, u64::from(u32::MAX));
        let mode = IteratorMode::From(&last, Direction::Reverse);
        let (key, value) = self
            .db
            .iterator_cf(self.family("checkpoints"), mode)
            .next()?
            .unwrap();
        key.starts_with(&workload::prefix(thread))
            .then(|| Bytes::from(value))
    }

    fn by_id(&self, thread: u64, number: u64) -> Option<Bytes> {
        let key = workload::checkpoint_key(thread, number);
        self.db
            .get_cf(self.family("checkpoints"), key)
            .unwrap()
            .map(Bytes::from)
    }

    fn close(self: Box<Self>) {
        self.db.flush_wal(true).unwrap();
    }
}
