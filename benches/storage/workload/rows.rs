//! Rows of one size: the checkpoints of 64 conversations, 2 KiB each, and two writes of 500 bytes to each.

use std::collections::BTreeMap;
use std::path::Path;

use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointIds, Checkpointer, Metadata, PutCheckpoint, PutWrites,
    Source,
};
use stepwell::db::{Db, Durability};

use super::Random;

const THREADS: u64 = 64;
const ROWS_PER_STEP: u64 = 3;
/// The values of one step; keys, versions and frames add some 10 %.
pub(crate) const VALUE_BYTES_PER_STEP: u64 = 3048;

/// Puts `rows` more rows and leaves the database open; with nothing of them in the index file if that is to be `replayed`.
pub(crate) fn fill(dir: &Path, rows: u64, replayed: bool) -> Db {
    let mut options = Db::options().durability(Durability::Os);
    if replayed {
        options = options.index_memory_bytes(1 << 30);
    }
    let db = options.open(dir).unwrap();
    let saver = db.checkpointer();
    let (mut random, ids) = (Random::new(rows), CheckpointIds::new());
    let mut parents: Vec<Option<String>> = vec![None; THREADS as usize];
    let mut commit = None;
    for step in 0..rows / ROWS_PER_STEP {
        let thread = step % THREADS;
        let parent = &mut parents[thread as usize];
        let id = ids.next(None, 0);
        if let Some(parent) = parent.clone() {
            drop(saver.put_writes(writes(thread, parent, &mut random)));
        }
        let value = Encoded::new("bytes", random.bytes(2048));
        let put = checkpoint(name(thread), id.clone(), parent.replace(id), step, value);
        commit = Some(saver.put(put));
        // Some are on their way at a time, as from a busy agent server.
        if step % THREADS == 0 {
            commit.take().unwrap().wait().unwrap();
        }
    }
    if let Some(commit) = commit {
        commit.wait().unwrap();
    }
    db
}

fn name(thread: u64) -> String {
    format!("conversation-{thread:03}")
}

fn writes(thread: u64, checkpoint_id: String, random: &mut Random) -> PutWrites {
    let mut value = || Encoded::new("bytes", random.bytes(500));
    PutWrites {
        thread: name(thread),
        namespace: String::new(),
        checkpoint_id,
        writes: vec![("state".to_owned(), value()), ("state".to_owned(), value())],
        task_id: random.uuid(),
        task_path: String::new(),
    }
}

/// A checkpoint with one channel.
pub(crate) fn checkpoint(
    thread: String,
    id: String,
    parent_id: Option<String>,
    step: u64,
    value: Encoded,
) -> PutCheckpoint {
    let versions = BTreeMap::from([("state".to_owned(), ChannelVersion::Int(step + 1))]);
    PutCheckpoint {
        thread,
        namespace: String::new(),
        appended: BTreeMap::new(),
        parent_id,
        checkpoint: Checkpoint {
            id,
            channel_values: BTreeMap::from([("state".to_owned(), value)]),
            channel_versions: versions.clone(),
            ..Checkpoint::default()
        },
        metadata: Metadata::new(Source::Loop, step.cast_signed()),
        new_versions: versions,
    }
}
