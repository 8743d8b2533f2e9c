//! [`Witness`]: a checkpointer that tells the journal of what it acknowledges.
//!
//! So the demo can hold the database to its word: what it said was saved before the kill must be there
//! after it.

use std::sync::Arc;

use futures::future::BoxFuture;
use stepwell::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery, Projection,
    PutCheckpoint, PutWrites,
};
use stepwell::{Commit, Leases};
use tokio::sync::oneshot;

use super::desk::Desk;

/// A checkpointer that tells the journal of the results that it acknowledges. It is used within tokio.
pub(super) struct Witness<C> {
    pub(super) saver: C,
    pub(super) desk: Arc<Desk>,
    /// The channel whose writes are results.
    pub(super) channel: &'static str,
}

impl<C: Checkpointer> Checkpointer for Witness<C> {
    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        let task = writes.task_id.clone();
        let is_result = writes.writes.iter().any(|(name, _)| name == self.channel);
        let commit = self.saver.put_writes(writes);
        if !is_result {
            return commit;
        }
        let desk = Arc::clone(&self.desk);
        let (tell, told) = oneshot::channel();
        // By itself, since the executor asks only at the super-step's end.
        tokio::spawn(async move {
            let outcome = commit.await;
            if outcome.is_ok() {
                // A journal that cannot be written fails the tasks that write to it.
                let _ = desk.journal.note_saved(&task);
            }
            let _ = tell.send(outcome);
        });
        Commit::pending(async move {
            told.await.unwrap_or_else(|gone| {
                Err(CheckpointError::Backend {
                    what: "the task that waits for a commit has gone".to_owned(),
                    source: Arc::new(gone),
                })
            })
        })
    }

    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        self.saver.get(thread, namespace, id)
    }

    fn list_latest(&self, namespace: &str, projection: Projection) -> CheckpointStream {
        self.saver.list_latest(namespace, projection)
    }

    fn leases(&self) -> Leases {
        self.saver.leases()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        self.saver.list(query)
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        self.saver.put(put)
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        self.saver.delete_thread(thread)
    }
}
