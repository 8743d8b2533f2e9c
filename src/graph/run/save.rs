//! [`Saver`]: a run's way to its checkpointer. Keeps account of what has been submitted and not yet
//! acknowledged.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use futures::FutureExt;
use serde_json::Value;
use tracing::Instrument;

use crate::checkpoint::{
    CheckpointError, CheckpointTuple, Checkpointer, ListQuery, PutCheckpoint, PutWrites,
};
use crate::graph::config::Durability;
use crate::graph::error::GraphError;
use crate::graph::run::last_saved::LastSaved;
use crate::graph::run::spans;
use crate::graph::run::task::Write;
use crate::lease::Held;
use crate::{Commit, Encoded, ItemChange};

/// How many writes may wait for their acknowledgement in [`Durability::Async`]. Enough to keep a
/// disk busy; few enough that a slow one slows the run down instead of filling the memory.
const BACKLOG: usize = 64;

/// The checkpoints of one run in one namespace.
pub(in crate::graph) struct Saver {
    checkpointer: Arc<dyn Checkpointer>,
    thread: String,
    namespace: String,
    backlog: VecDeque<Submitted>,
    last_saved: LastSaved,
    /// Why saving failed first. Nothing counts as saved from then on.
    failed: Option<CheckpointError>,
    /// Whether a checkpoint was refused when it was submitted. What follows it would lack its values, so nothing does.
    is_over: bool,
    /// What the run was admitted with, if it runs by itself.
    lease: Weak<Held>,
}

/// A write that was submitted, and what is saved when it is acknowledged.
struct Submitted {
    commit: Commit<CheckpointError>,
    saves: Option<LastSaved>,
}

impl Saver {
    pub(in crate::graph) fn new(
        checkpointer: Arc<dyn Checkpointer>,
        thread: String,
        namespace: String,
    ) -> Self {
        Self {
            checkpointer,
            thread,
            namespace,
            backlog: VecDeque::new(),
            last_saved: LastSaved::Nothing,
            failed: None,
            is_over: false,
            lease: Weak::new(),
        }
    }

    /// Begins to save after `saved`.
    pub(in crate::graph) fn begin(&mut self, saved: Option<&CheckpointTuple>, lease: Weak<Held>) {
        self.lease = lease;
        if let Some(saved) = saved {
            self.last_saved = LastSaved::Checkpoint {
                id: saved.checkpoint.id.clone(),
                step: saved.metadata.step.unwrap_or_default(),
            };
        }
    }

    pub(in crate::graph) fn thread(&self) -> &str {
        &self.thread
    }

    pub(in crate::graph) fn takes_appended(&self) -> bool {
        self.checkpointer.takes_appended()
    }

    /// The checkpoint `id`, or the latest.
    pub(in crate::graph) async fn load(
        &mut self,
        id: Option<&str>,
    ) -> Result<Option<CheckpointTuple>, GraphError> {
        self.checkpointer
            .get(&self.thread, &self.namespace, id)
            .await
            .map_err(|e| GraphError::checkpoint(&self.thread, e))
    }

    /// What the first id of the thread has to be greater than, if it was deleted.
    pub(in crate::graph) async fn cutoff(&self) -> Result<Option<String>, GraphError> {
        (self.checkpointer.cutoff(&self.thread).await)
            .map_err(|e| GraphError::checkpoint(&self.thread, e))
    }

    /// The latest checkpoint with an id smaller than `before`.
    pub(in crate::graph) async fn load_before(
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
    pub(in crate::graph) fn put(&mut self, mut put: PutCheckpoint, items: Vec<ItemChange>) {
        if self.is_over {
            return;
        }
        put.thread.clone_from(&self.thread);
        put.namespace.clone_from(&self.namespace);
        let saves = Some(LastSaved::Checkpoint {
            id: put.checkpoint.id.clone(),
            step: put.metadata.step.unwrap_or_default(),
        });
        let commit = match (self.lease.upgrade(), &put.parent_id) {
            // A checkpoint that follows another goes with it. This one has nothing to go with.
            (Some(lease), None) => {
                let id = put.checkpoint.id.clone();
                lease
                    .unless_deleted(|| self.checkpointer.put_with_items(put, items))
                    .unwrap_or_else(|| self.deleted(id))
            }
            _ => self.checkpointer.put_with_items(put, items),
        };
        self.submitted(commit, saves);
    }

    fn submitted(&mut self, mut commit: Commit<CheckpointError>, saves: Option<LastSaved>) {
        self.is_over |= saves.is_some() && commit.is_refused();
        self.backlog.push_back(Submitted { commit, saves });
    }

    fn deleted(&self, checkpoint: String) -> Commit<CheckpointError> {
        Commit::ready(Err(CheckpointError::ThreadDeleted {
            thread: self.thread.clone(),
            checkpoint,
        }))
    }

    /// Submits what a task wrote.
    pub(in crate::graph) fn put_writes(
        &mut self,
        checkpoint_id: &str,
        task_id: &str,
        task_path: String,
        writes: &[Write],
    ) {
        if self.is_over {
            return;
        }
        let encode = |(channel, value): &Write| (channel.to_string(), encode(value));
        let commit = self.checkpointer.put_writes(PutWrites {
            thread: self.thread.clone(),
            namespace: self.namespace.clone(),
            checkpoint_id: checkpoint_id.to_owned(),
            task_id: task_id.to_owned(),
            task_path,
            writes: writes.iter().map(encode).collect(),
        });
        self.submitted(commit, None);
    }

    /// Waits for as much as `durability` demands before the next super-step may start.
    pub(in crate::graph) async fn settle(
        &mut self,
        durability: Durability,
    ) -> Result<(), GraphError> {
        if durability == Durability::Sync || self.is_over {
            return self.flush().await;
        }
        while let Some(submitted) = self.backlog.front_mut() {
            let outcome = match (&mut submitted.commit).now_or_never() {
                Some(outcome) => outcome,
                None if self.backlog.len() <= BACKLOG => break,
                None => match self.backlog.front_mut() {
                    Some(submitted) => (&mut submitted.commit).await,
                    None => break,
                },
            };
            self.note(outcome);
        }
        self.outcome()
    }

    /// The last step that is saved.
    pub(in crate::graph) fn saved_step(&self) -> Option<i64> {
        match self.last_saved {
            LastSaved::Checkpoint { step, .. } => Some(step),
            LastSaved::Unchanged | LastSaved::Nothing => None,
        }
    }

    /// Waits until everything that was submitted is acknowledged.
    pub(in crate::graph) async fn flush(&mut self) -> Result<(), GraphError> {
        let span = spans::commit(self.backlog.len());
        self.wait_for_all().instrument(span).await
    }

    async fn wait_for_all(&mut self) -> Result<(), GraphError> {
        while let Some(submitted) = self.backlog.front_mut() {
            let outcome = (&mut submitted.commit).await;
            self.note(outcome);
        }
        self.outcome()
    }

    /// Notes what became of the oldest write that was submitted.
    fn note(&mut self, outcome: Result<(), CheckpointError>) {
        let saves = self.backlog.pop_front().and_then(|s| s.saves);
        match (outcome, saves) {
            (Ok(()), Some(saved)) if self.failed.is_none() => self.last_saved = saved,
            (Ok(()), _) => {}
            (Err(error), _) => {
                self.failed.get_or_insert(error);
            }
        }
    }

    fn outcome(&self) -> Result<(), GraphError> {
        match &self.failed {
            None => Ok(()),
            Some(source) => Err(GraphError::Checkpoint {
                thread: self.thread.clone(),
                source: source.clone(),
                last_saved: Box::new(self.last_saved.clone()),
            }),
        }
    }
}

/// A value of the state as it is saved.
pub(in crate::graph) fn encode(value: &Value) -> Encoded {
    Encoded::of_state(value)
}
