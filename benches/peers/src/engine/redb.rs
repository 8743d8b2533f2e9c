//! redb: one write transaction per commit; `Durability::Immediate`, its default, or `None`.

use std::path::Path;

use ::redb::{Database, Durability, ReadableDatabase, TableDefinition};
use bytes::Bytes;

use super::Engine;
use crate::workload::{self, Step};

type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

const CHECKPOINTS: Table = TableDefinition::new("checkpoints");
const WRITES: Table = TableDefinition::new("writes");

pub(crate) struct Redb {
    db: Database,
    durability: Durability,
}

impl Redb {
    pub(crate) fn open(dir: &Path, synced: bool) -> Self {
        let path = dir.join("db.redb");
        let is_new = !path.exists();
        let db = Database::create(path).unwrap();
        let durability = if synced {
            Durability::Immediate
        } else {
            Durability::None
        };
        let redb = Self { db, durability };
        if is_new {
            redb.write(&[], Durability::Immediate);
        }
        redb
    }

    fn write(&self, steps: &[Step<'_>], durability: Durability) {
        let mut transaction = self.db.begin_write().unwrap();
        transaction.set_durability(durability).unwrap();
        {
            let mut checkpoints = transaction.open_table(CHECKPOINTS).unwrap();
            let mut writes = transaction.open_table(WRITES).unwrap();
            for step in steps {
                checkpoints.insert(&*step.key(), step.value).unwrap();
                for (key, value) in step.write_rows() {
                    writes.insert(&*key, value).unwrap();
                }
            }
        }
        transaction.commit().unwrap();
    }
}

impl Engine for Redb {
    fn append(&self, steps: &[Step<'_>]) {
        self.write(steps, self.durability);
    }

    fn latest(&self, thread: u64) -> Option<Bytes> {
        let table = self
            .db
            .begin_read()
            .unwrap()
            .open_table(CHECKPOINTS)
            .unwrap();
        let first = workload::prefix(thread);
        let last = workload::checkpoint_key(thread, u64::from(u32::MAX));
        let mut rows = table.range::<&[u8]>(&*first..=&*last).unwrap();
        let (_, value) = rows.next_back()?.unwrap();
        Some(Bytes::copy_from_slice(value.value()))
    }

    fn by_id(&self, thread: u64, number: u64) -> Option<Bytes> {
        let table = self
            .db
            .begin_read()
            .unwrap()
            .open_table(CHECKPOINTS)
            .unwrap();
        let value = table
            .get(&*workload::checkpoint_key(thread, number))
            .unwrap()?;
        Some(Bytes::copy_from_slice(value.value()))
    }

    fn close(self: Box<Self>) {
        self.write(&[], Durability::Immediate);
    }
}
