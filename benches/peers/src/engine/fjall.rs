//! fjall: two keyspaces, one batch per commit; `PersistMode::SyncData`, or `Buffer`, its default.

use std::path::Path;

use ::fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use bytes::Bytes;

use super::Engine;
use crate::workload::{self, Step};

pub(crate) struct Fjall {
    db: Database,
    checkpoints: Keyspace,
    writes: Keyspace,
    mode: PersistMode,
}

impl Fjall {
    pub(crate) fn open(dir: &Path, synced: bool) -> Self {
        let db = Database::builder(dir.join("db.fjall")).open().unwrap();
        let keyspace = |name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        let (checkpoints, writes) = (keyspace("checkpoints"), keyspace("writes"));
        let mode = if synced {
            PersistMode::SyncData
        } else {
            PersistMode::Buffer
        };
        Self {
            db,
            checkpoints,
            writes,
            mode,
        }
    }
}

impl Engine for Fjall {
    fn append(&self, steps: &[Step<'_>]) {
        let mut batch = self.db.batch().durability(Some(self.mode));
        for step in steps {
            batch.insert(&self.checkpoints, step.key(), step.value);
            for (key, value) in step.write_rows() {
                batch.insert(&self.writes, key, value);
            }
        }
        batch.commit().unwrap();
    }

    fn latest(&self, thread: u64) -> Option<Bytes> {
        let last = self
            .checkpoints
            .prefix(workload::prefix(thread))
            .next_back()?;
        Some(Bytes::copy_from_slice(&last.value().unwrap()))
    }

    fn by_id(&self, thread: u64, number: u64) -> Option<Bytes> {
        let value = self
            .checkpoints
            .get(workload::checkpoint_key(thread, number))
            .unwrap()?;
        Some(Bytes::copy_from_slice(&value))
    }

    fn close(self: Box<Self>) {
        self.db.persist(PersistMode::SyncAll).unwrap();
    }
}
