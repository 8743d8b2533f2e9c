//! [`MemorySaver`]: checkpoints that last as long as the process.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use parking_lot::RwLock;

use crate::checkpoint::appended::make_whole;
use crate::checkpoint::convert::{
    checkpoint_record, handles, metadata_of, select, tuple, value_of, writes_record,
};
use crate::checkpoint::{
    CheckpointError, CheckpointIds, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery,
    PutCheckpoint, PutWrites,
};
use crate::codec::ThreadDeleted;
use crate::index::{Checkpoints, Found};
use crate::{Commit, Encoded, Leases};

/// A [`Checkpointer`] that keeps everything in memory. Clones share what they keep.
///
/// For tests and for runs that need not survive their process; it answers exactly as the database
/// does.
#[derive(Clone, Debug, Default)]
pub struct MemorySaver {
    kept: Arc<RwLock<Checkpoints<Encoded>>>,
    ids: Arc<CheckpointIds>,
    leases: Leases,
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
        let found = select(&self.kept.read(), &query);
        stream::iter(found).map(|found| read(&found)).boxed()
    }

    fn list_latest(&self, namespace: &str) -> CheckpointStream {
        let found = self.kept.read().latest(namespace);
        stream::iter(found).map(|found| read(&found)).boxed()
    }

    fn leases(&self) -> Leases {
        self.leases.clone()
    }

    fn put(&self, mut put: PutCheckpoint) -> Commit<CheckpointError> {
        let mut kept = self.kept.write();
        if !put.appended.is_empty() {
            let parent = put.parent_id.as_deref();
            let parent = parent.and_then(|id| kept.get(&put.thread, &put.namespace, Some(id)));
            let value = |channel: &str| {
                let found = parent.as_ref().and_then(|p| value_of(&p.entry, channel));
                Ok(found.cloned())
            };
            if let Err(error) = make_whole(&mut put, value) {
                return Commit::ready(Err(error));
            }
        }
        let outcome = kept.put(checkpoint_record(put));
        Commit::ready(outcome.map_err(CheckpointError::from))
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        let outcome = self.kept.write().put_writes(writes_record(writes));
        Commit::ready(outcome.map_err(CheckpointError::from))
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        self.leases.deleting(thread, || {
            let mut kept = self.kept.write();
            let cutoff = self.ids.next(kept.greatest_id(thread), 0);
            kept.delete_thread(ThreadDeleted {
                thread: thread.to_owned(),
                cutoff,
            });
        });
        Commit::ready(Ok(()))
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
