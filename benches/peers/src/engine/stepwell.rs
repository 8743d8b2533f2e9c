//! Stepwell through its own API: the task's writes are submitted first and the checkpoint after them, and only that is waited
//! for, as the executor does.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use futures::executor::block_on;
use stepwell::checkpoint::{
    ChannelVersion, Channels, Checkpoint, CheckpointError, CheckpointTuple, Checkpointer, DbSaver,
    Metadata, Projection, PutCheckpoint, PutWrites, Source,
};
use stepwell::db::{Db, Durability};
use stepwell::{Commit, Encoded};

use super::Engine;
use crate::workload::{self, Step};

const CHANNEL: &str = "state";
/// A checkpoint with its values, and without the writes that follow it.
const VALUES: Projection = Projection {
    channels: Channels::All,
    writes: false,
};

pub(crate) struct Stepwell {
    db: Db,
    pub(crate) saver: DbSaver,
}

impl Stepwell {
    pub(crate) fn open(dir: &Path, synced: bool) -> Self {
        let durability = if synced {
            Durability::Sync
        } else {
            Durability::Os
        };
        let db = Db::options()
            .durability(durability)
            .open(dir.join("db.stepwell"))
            .unwrap();
        let saver = db.checkpointer();
        Self { db, saver }
    }

    fn get(&self, thread: u64, id: Option<&str>) -> Option<Bytes> {
        value(block_on(self.saver.get(workload::thread(thread), "", id)).unwrap()?)
    }
}

impl Engine for Stepwell {
    fn append(&self, steps: &[Step<'_>]) {
        let commits: Vec<_> = steps.iter().map(|step| submit(&self.saver, step)).collect();
        for commit in commits {
            commit.wait().unwrap();
        }
    }

    fn latest(&self, thread: u64) -> Option<Bytes> {
        self.get(thread, None)
    }

    fn by_id(&self, thread: u64, number: u64) -> Option<Bytes> {
        let id = workload::id(thread, number).to_string();
        let found = self
            .saver
            .get_projected(workload::thread(thread), "", Some(&id), &VALUES);
        value(block_on(found).unwrap()?)
    }

    fn step_by_id(&self, thread: u64, number: u64) -> Option<Bytes> {
        self.get(thread, Some(&workload::id(thread, number).to_string()))
    }

    fn close(self: Box<Self>) {
        drop(self.saver);
        self.db.close().unwrap();
    }
}

fn value(found: CheckpointTuple) -> Option<Bytes> {
    let value = found.checkpoint.channel_values.get(CHANNEL)?;
    Some(value.bytes().clone())
}

/// Submits a step, to be waited for or awaited.
pub(crate) fn submit(saver: &DbSaver, step: &Step<'_>) -> Commit<CheckpointError> {
    drop(saver.put_writes(writes(step)));
    saver.put(checkpoint(step))
}

fn writes(step: &Step<'_>) -> PutWrites {
    PutWrites {
        thread: step.thread.to_owned(),
        namespace: String::new(),
        checkpoint_id: step.parent.to_string(),
        task_id: step.task.to_string(),
        task_path: String::new(),
        writes: step
            .writes
            .map(|value| (CHANNEL.to_owned(), encoded(value)))
            .to_vec(),
    }
}

fn checkpoint(step: &Step<'_>) -> PutCheckpoint {
    let versions = BTreeMap::from([(CHANNEL.to_owned(), ChannelVersion::Int(step.number))]);
    PutCheckpoint {
        thread: step.thread.to_owned(),
        namespace: String::new(),
        appended: BTreeMap::new(),
        parent_id: (step.number > 1).then(|| step.parent.to_string()),
        checkpoint: Checkpoint {
            id: step.id.to_string(),
            channel_values: BTreeMap::from([(CHANNEL.to_owned(), encoded(step.value))]),
            channel_versions: versions.clone(),
            ..Checkpoint::default()
        },
        metadata: Metadata::new(Source::Loop, step.number.cast_signed()),
        new_versions: versions,
    }
}

fn encoded(value: &[u8]) -> Encoded {
    Encoded::new("bytes", value.to_vec())
}
