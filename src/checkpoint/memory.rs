//! [`MemorySaver`]: checkpoints that last as long as the process.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use parking_lot::RwLock;

use crate::checkpoint::convert::{handles, metadata_of, metadata_to_json, tuple, write_index};
use crate::checkpoint::{
    CheckpointError, CheckpointIds, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery,
    PutCheckpoint, PutWrites,
};
use crate::index::{
    Changed, Checkpoints, Found, NewCheckpoint, NewWrite, NewWrites, OldThread, Refused, Selection,
};
use crate::{Commit, Encoded};

/// A [`Checkpointer`] that keeps everything in memory. Clones share what they keep.
///
/// For tests and for runs that need not survive their process; it answers exactly as the database
/// does.
#[derive(Clone, Debug, Default)]
pub struct MemorySaver {
    kept: Arc<RwLock<Checkpoints<Encoded>>>,
    ids: Arc<CheckpointIds>,
}

impl MemorySaver {
    /// A saver that keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Checkpointer for MemorySaver {
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        async move {
            let found = self.kept.read().get(thread, namespace, id);
            found.as_ref().map(read).transpose()
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        let found = self.kept.read().list(&Selection {
            thread: query.thread.as_deref(),
            namespace: query.namespace.as_deref(),
            before: query.before.as_deref(),
            limit: query.limit.unwrap_or(usize::MAX),
            // Unreadable metadata is selected, so that reading the checkpoint says what is wrong.
            wanted: &|entry| {
                query.filter.is_empty()
                    || metadata_of(entry).map_or(true, |metadata| metadata.matches(&query.filter))
            },
        });
        stream::iter(found).map(|found| read(&found)).boxed()
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        let PutCheckpoint {
            thread,
            namespace,
            parent_id,
            checkpoint,
            metadata,
            new_versions,
        } = put;
        let mut unchanged = checkpoint.channel_values;
        let changed = new_versions
            .into_iter()
            .map(|(channel, version)| Changed {
                value: unchanged.remove(&channel),
                channel,
                version,
            })
            .collect();
        let outcome = self.kept.write().put(NewCheckpoint {
            thread,
            namespace,
            id: checkpoint.id,
            parent_id,
            ts: checkpoint.ts,
            metadata: metadata_to_json(&metadata).into(),
            ancestors: metadata.parents,
            versions: checkpoint.channel_versions,
            seen: checkpoint.versions_seen,
            updated: checkpoint.updated_channels,
            changed,
            unchanged,
        });
        Commit::ready(outcome.map_err(CheckpointError::from))
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        let new = NewWrites {
            thread: writes.thread,
            namespace: writes.namespace,
            checkpoint_id: writes.checkpoint_id,
            task_id: writes.task_id,
            task_path: writes.task_path,
            writes: (writes.writes.into_iter().enumerate())
                .map(|(position, (channel, value))| NewWrite {
                    index: write_index(&channel, position),
                    channel,
                    value,
                })
                .collect(),
        };
        let outcome = self.kept.write().put_writes(new);
        Commit::ready(outcome.map_err(CheckpointError::from))
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        let mut kept = self.kept.write();
        let cutoff = self.ids.next(kept.greatest_id(thread), 0);
        kept.delete_thread(OldThread {
            thread: thread.to_owned(),
            cutoff,
        });
        Commit::ready(Ok(()))
    }
}

impl From<Refused> for CheckpointError {
    fn from(refused: Refused) -> Self {
        Self::ThreadDeleted {
            thread: refused.thread,
            checkpoint: refused.checkpoint,
        }
    }
}

fn read(found: &Found<Encoded>) -> Result<CheckpointTuple, CheckpointError> {
    let metadata = metadata_of(&found.entry).map_err(|e| CheckpointError::Backend {
        what: format!(
            "reading the metadata of checkpoint `{}` of thread `{}`",
            found.id, found.thread
        ),
        source: Arc::new(e),
    })?;
    Ok(tuple(found, metadata, handles(found).into_iter().cloned()))
}
