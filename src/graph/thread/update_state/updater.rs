//! [`Updater`]: loads the checkpoint that an update builds on, and saves what the update makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::StateUpdate;
use crate::ItemChange;
use crate::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointTuple, Checkpointer, Metadata, PutCheckpoint, PutWrites,
    Source,
};
use crate::graph::channels::Channels;
use crate::graph::compiled::CompiledGraph;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::names::{COPY, END, INPUT, Name, RUN};
use crate::graph::run::apply::{TaskWrites, apply_writes};
use crate::graph::run::plan::Plan;
use crate::graph::run::run_mark::{RUN_TASK_ID, RunMark};
use crate::graph::run::save::encode;
use crate::graph::run::task_status::Pending;
use crate::graph::run::values::Values;
use crate::graph::runtime::RunScope;
use crate::graph::thread::snapshot::address;

/// Updates one graph's state on one thread.
pub(super) struct Updater {
    pub(super) scope: Arc<RunScope>,
    pub(super) graph: CompiledGraph,
    pub(super) checkpointer: Arc<dyn Checkpointer>,
    pub(super) thread: String,
    /// Whether the thread is being run, so that its tasks' writes are the run's.
    pub(super) beside_a_run: bool,
}

/// The checkpoint that an update builds on.
pub(super) struct Base {
    pub(super) saved: Option<CheckpointTuple>,
    pub(super) namespace: String,
    pub(super) checkpoint: Checkpoint,
    pub(super) channels: Channels,
    pub(super) pending: Vec<Pending>,
    pub(super) step: i64,
    /// What tasks whose writes are applied did to the store.
    pub(super) store_changes: Vec<ItemChange>,
}

impl Updater {
    /// Applies one super-step; returns where it left the thread, and what it still has to do there.
    pub(super) async fn perform(
        &self,
        config: &Config,
        updates: Vec<StateUpdate>,
        is_first: bool,
    ) -> Result<(Config, Option<Vec<StateUpdate>>), GraphError> {
        let base = self.load(config).await?;
        let special = match updates.first() {
            Some(first) => match first.as_node.as_deref() {
                Some(END) if first.values.is_null() => Some(END),
                Some(INPUT) => Some(INPUT),
                Some(COPY) => Some(COPY),
                _ => None,
            },
            None => None,
        };
        let Some(special) = special else {
            return Ok((self.as_nodes(base, updates, is_first).await?, None));
        };
        let mut updates = updates.into_iter();
        let (Some(update), None) = (updates.next(), updates.next()) else {
            return Err(GraphError::invalid_update(
                format!("`{special}`"),
                "it has to be the only update of its super-step",
            ));
        };
        match special {
            END => Ok((self.clear_tasks(base).await?, None)),
            INPUT => Ok((self.as_input(base, update.values).await?, None)),
            _ => self.copy(base, update.values).await,
        }
    }

    pub(super) async fn load(&self, config: &Config) -> Result<Base, GraphError> {
        let namespace = config.namespace.clone();
        let id = config.checkpoint_id();
        let saved = self
            .checkpointer
            .get(&self.thread, &namespace, id)
            .await
            .map_err(|e| GraphError::checkpoint(&self.thread, e))?;
        if let (None, Some(id)) = (&saved, id) {
            return Err(GraphError::UnknownCheckpoint {
                thread: self.thread.clone(),
                namespace,
                checkpoint: id.to_owned(),
            });
        }
        let mut checkpoint = match &saved {
            Some(saved) => saved.checkpoint.clone(),
            None => {
                let cutoff = (self.checkpointer.cutoff(&self.thread).await)
                    .map_err(|e| GraphError::checkpoint(&self.thread, e))?;
                Checkpoint {
                    // The one that is made follows it.
                    id: cutoff.map_or_else(String::new, |cutoff| self.next_id(&cutoff, -2)),
                    ..Checkpoint::default()
                }
            }
        };
        let channels = Channels::restore(&self.graph.inner.channels, &checkpoint)?;
        checkpoint.channel_values = BTreeMap::new();
        let pending = match &saved {
            Some(saved) => Pending::read_all(&saved.pending_writes, &saved.checkpoint.id)?,
            None => Vec::new(),
        };
        Ok(Base {
            store_changes: Vec::new(),
            step: saved.as_ref().and_then(|s| s.metadata.step).unwrap_or(-1),
            saved,
            namespace,
            checkpoint,
            channels,
            pending,
        })
    }

    pub(super) fn plan<'a>(&'a self, base: &'a Base) -> Plan<'a> {
        Plan {
            graph: &self.graph.inner,
            checkpoint: &base.checkpoint,
            channels: &base.channels,
            pending: &base.pending,
            namespace: &base.namespace,
            step: base.step + 1,
            answers: None,
            within: None,
        }
    }

    pub(super) fn apply(
        &self,
        base: &mut Base,
        writes: Vec<TaskWrites>,
    ) -> Result<BTreeSet<Name>, GraphError> {
        apply_writes(
            &self.graph.inner,
            &mut base.checkpoint,
            &mut base.channels,
            writes,
        )
    }

    pub(super) async fn save(
        &self,
        mut base: Base,
        source: Source,
        step: i64,
        updated: &BTreeSet<Name>,
    ) -> Result<Config, GraphError> {
        let mut metadata = Metadata::new(source, step);
        if let Some(saved) = &base.saved {
            metadata.parents.clone_from(&saved.metadata.parents);
        }
        let before = base.saved.as_ref().map(|s| &s.checkpoint.channel_versions);
        let new_versions = changed(before, &base.checkpoint.channel_versions);
        let mut checkpoint = base.checkpoint;
        checkpoint.id = self.next_id(&checkpoint.id, step);
        checkpoint.ts = crate::checkpoint::now();
        checkpoint.updated_channels = Some(updated.iter().map(ToString::to_string).collect());
        let saved = Values::to_save(
            &self.graph.inner,
            &mut base.channels,
            new_versions.keys(),
            self.checkpointer.takes_appended(),
        );
        checkpoint.channel_values = saved.whole;
        let id = checkpoint.id.clone();
        if source == Source::Input {
            self.mark_prepared(&base.namespace, &id).await?;
        }
        let put = PutCheckpoint {
            thread: self.thread.clone(),
            namespace: base.namespace.clone(),
            parent_id: base.saved.as_ref().map(|s| s.checkpoint.id.clone()),
            checkpoint,
            appended: saved.appended,
            metadata,
            new_versions,
        };
        self.put(put, base.store_changes).await?;
        Ok(match &base.saved {
            Some(saved) => address(saved, &id),
            None => Config::thread(&self.thread)
                .in_namespace(base.namespace)
                .at(id),
        })
    }

    /// Marks a checkpoint that looks like the input of a run and is none yet.
    async fn mark_prepared(&self, namespace: &str, id: &str) -> Result<(), GraphError> {
        let mark = RunMark::Stopped {
            here: false,
            answers: BTreeMap::new(),
        }
        .to_value();
        self.checkpointer
            .put_writes(PutWrites {
                thread: self.thread.clone(),
                namespace: namespace.to_owned(),
                checkpoint_id: id.to_owned(),
                task_id: RUN_TASK_ID.to_owned(),
                task_path: String::new(),
                writes: vec![(RUN.to_owned(), encode(&mark))],
            })
            .await
            .map_err(|e| GraphError::checkpoint(&self.thread, e))
    }

    pub(super) async fn put(
        &self,
        put: PutCheckpoint,
        items: Vec<ItemChange>,
    ) -> Result<(), GraphError> {
        self.checkpointer
            .put_with_items(put, items)
            .await
            .map_err(|e| GraphError::checkpoint(&self.thread, e))
    }

    pub(super) fn next_id(&self, after: &str, step: i64) -> String {
        self.graph.inner.ids.next(Some(after), step)
    }
}

/// The versions in `now` that differ from those in `before`.
pub(super) fn changed(
    before: Option<&BTreeMap<String, ChannelVersion>>,
    now: &BTreeMap<String, ChannelVersion>,
) -> BTreeMap<String, ChannelVersion> {
    now.iter()
        .filter(|(channel, version)| before.and_then(|b| b.get(*channel)) != Some(version))
        .map(|(channel, version)| (channel.clone(), version.clone()))
        .collect()
}
