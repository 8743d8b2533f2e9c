//! [`Saver`]: a run's way to its checkpointer. Keeps account of what has been submitted and not yet
//! acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::FutureExt;
use serde_json::Value;
use tracing::Instrument;

use super::config::Durability;
use super::error::GraphError;
use super::spans;
use super::task::Write;
use crate::checkpoint::{
    CheckpointError, CheckpointTuple, Checkpointer, ListQuery, PutCheckpoint, PutWrites,
};
use crate::{Commit, Encoded, ItemChange};

/// How many writes may wait for their acknowledgement in [`Durability::Async`]. Enough to keep a
/// disk busy; few enough that a slow one slows the run down instead of filling the memory.
const BACKLOG: usize = 64;

/// The checkpoints of one run in one namespace.
pub(super) struct Saver {
    checkpointer: Arc<dyn Checkpointer>,
    thread: String,
    namespace: String,
    backlog: VecDeque<Commit<CheckpointError>>,
}

impl Saver {
    pub(super) fn new(
        checkpointer: Arc<dyn Checkpointer>,
        thread: String,
        namespace: String,
    ) -> Self {
        Self {
            checkpointer,
            thread,
            namespace,
            backlog: VecDeque::new(),
        }
    }

    pub(super) fn thread(&self) -> &str {
        &self.thread
    }

    /// The checkpoint `id`, or the latest.
    pub(super) async fn load(
        &mut self,
        id: Option<&str>,
    ) -> Result<Option<CheckpointTuple>, GraphError> {
        self.checkpointer
            .get(&self.thread, &self.namespace, id)
            .await
            .map_err(|e| GraphError::checkpoint(&self.thread, e))
    }

    /// The latest checkpoint with an id smaller than `before`.
    pub(super) async fn load_before(
        &mut self,
        before: &str,
    ) -> Result<Option<CheckpointTuple>, GraphError> {
        let query = ListQuery {
            before: Some(before.to_owned()),
            limit: Some(1),
            ..ListQuery::of(&self.thread, &self.namespace)
        };
        let mut found = self.checkpointer.list(query);
        futures::StreamExt::next(&mut found)
            .await
            .transpose()
            .map_err(|e| GraphError::checkpoint(&self.thread, e))
    }

    /// Submits a checkpoint and changes of the store; thread and namespace are filled in.
    pub(super) fn put(&mut self, mut put: PutCheckpoint, items: Vec<ItemChange>) {
        put.thread.clone_from(&self.thread);
        put.namespace.clone_from(&self.namespace);
        let commit = self.checkpointer.put_with_items(put, items);
        self.backlog.push_back(commit);
    }

    /// Submits what a task wrote.
    pub(super) fn put_writes(
        &mut self,
        checkpoint_id: &str,
        task_id: &str,
        task_path: String,
        writes: &[Write],
    ) {
        let encode = |(channel, value): &Write| (channel.to_string(), encode(value));
        let commit = self.checkpointer.put_writes(PutWrites {
            thread: self.thread.clone(),
            namespace: self.namespace.clone(),
            checkpoint_id: checkpoint_id.to_owned(),
            task_id: task_id.to_owned(),
            task_path,
            writes: writes.iter().map(encode).collect(),
        });
        self.backlog.push_back(commit);
    }

    /// Waits for as much as `durability` demands before the next super-step may start.
    pub(super) async fn settle(&mut self, durability: Durability) -> Result<(), GraphError> {
        if durability == Durability::Sync {
            return self.flush().await;
        }
        while let Some(commit) = self.backlog.front_mut() {
            let outcome = match commit.now_or_never() {
                Some(outcome) => outcome,
                None if self.backlog.len() <= BACKLOG => break,
                None => match self.backlog.front_mut() {
                    Some(commit) => commit.await,
                    None => break,
                },
            };
            self.backlog.pop_front();
            outcome.map_err(|e| GraphError::checkpoint(&self.thread, e))?;
        }
        Ok(())
    }

    /// Waits until everything that was submitted is acknowledged.
    pub(super) async fn flush(&mut self) -> Result<(), GraphError> {
        let span = spans::commit(self.backlog.len());
        self.wait_for_all().instrument(span).await
    }

    async fn wait_for_all(&mut self) -> Result<(), GraphError> {
        let mut first_failure = None;
        while let Some(commit) = self.backlog.pop_front() {
            if let Err(error) = commit.await {
                first_failure.get_or_insert(error);
            }
        }
        match first_failure {
            Some(error) => Err(GraphError::checkpoint(&self.thread, error)),
            None => Ok(()),
        }
    }
}

/// A value of the state as it is saved.
pub(super) fn encode(value: &Value) -> Encoded {
    Encoded::json(value)
}
