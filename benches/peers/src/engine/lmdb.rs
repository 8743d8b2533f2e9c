//! LMDB, through heed: two databases, one write transaction per commit; synced, its default, or `NO_SYNC`.

use std::path::Path;

use bytes::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, types};

use super::Engine;
use crate::workload::{self, Step};

type Rows = Database<'static, types::Bytes, types::Bytes>;

const MAP_BYTES: usize = 32 << 30;

pub(crate) struct Lmdb {
    env: Env,
    checkpoints: Rows,
    writes: Rows,
}

impl Lmdb {
    #[expect(
        unsafe_code,
        reason = "nobody else changes the file, or opens it twice, in a directory that this run made"
    )]
    pub(crate) fn open(dir: &Path, synced: bool) -> Self {
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES).max_dbs(2);
        if !synced {
            // Safety: without syncs a power cut may take the file, which nobody needs.
            unsafe { options.flags(EnvFlags::NO_SYNC) };
        }
        // Safety: as said above.
        let env = unsafe { options.open(dir) }.unwrap();
        let made = env
            .create_databases_and_commit(env.write_txn().unwrap(), |tables, transaction| {
                let checkpoints = tables.create_database(transaction, Some("checkpoints"))?;
                let writes = tables.create_database(transaction, Some("writes"))?;
                Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit((checkpoints, writes)))
            })
            .unwrap();
        let (checkpoints, writes) = made.unwrap_commit();
        Self {
            env,
            checkpoints,
            writes,
        }
    }
}

impl Engine for Lmdb {
    fn append(&self, steps: &[Step<'_>]) {
        let mut transaction = self.env.write_txn().unwrap();
        for step in steps {
            self.checkpoints
                .put(&mut transaction, &step.key(), step.value)
                .unwrap();
            for (key, value) in step.write_rows() {
                self.writes.put(&mut transaction, &key, value).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    fn latest(&self, thread: u64) -> Option<Bytes> {
        let transaction = self.env.read_txn().unwrap();
        let mut rows = self
            .checkpoints
            .rev_prefix_iter(&transaction, &workload::prefix(thread))
            .unwrap();
        let (_, value) = rows.next()?.unwrap();
        Some(Bytes::copy_from_slice(value))
    }

    fn by_id(&self, thread: u64, number: u64) -> Option<Bytes> {
        let transaction = self.env.read_txn().unwrap();
        let key = workload::checkpoint_key(thread, number);
        self.checkpoints
            .get(&transaction, &key)
            .unwrap()
            .map(Bytes::copy_from_slice)
    }

    fn close(self: Box<Self>) {
        self.env.force_sync().unwrap();
    }
}
