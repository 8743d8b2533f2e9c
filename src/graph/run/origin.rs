//! [`Origin`]: which checkpoint a run starts from.

use crate::checkpoint::{CheckpointTuple, Checkpointer};
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::run::save::Saver;
use crate::graph::runtime::TaskContext;

/// Which checkpoint a run starts from.
pub(super) struct Origin {
    pub(super) saved: Option<CheckpointTuple>,
    pub(super) addressed: bool,
    pub(super) superseded: bool,
    /// It is what the subgraph was before a replay of the graph around it.
    pub(super) before_replay: bool,
}

/// Completes the address of a checkpoint that was named by its id alone: where it lies within those of the enclosing
/// graphs.
pub(super) async fn complete(
    config: &mut Config,
    checkpointer: &dyn Checkpointer,
) -> Result<(), GraphError> {
    let (Some(thread), Some(id)) = (&config.thread_id, &config.checkpoint_id) else {
        return Ok(());
    };
    let namespace = &config.namespace;
    let is_plain = namespace.is_empty() && config.checkpoint_map.is_empty();
    if is_plain || config.checkpoint_map.get(namespace) == Some(id) {
        return Ok(());
    }
    let saved = checkpointer.get(thread, namespace, Some(id)).await;
    let saved = saved.map_err(|e| GraphError::checkpoint(thread, e))?;
    let saved = saved.ok_or_else(|| GraphError::UnknownCheckpoint {
        thread: thread.clone(),
        namespace: namespace.clone(),
        checkpoint: id.clone(),
    })?;
    config.checkpoint_map = saved.metadata.parents;
    let place = (config.namespace.clone(), saved.checkpoint.id);
    config.checkpoint_map.extend([place]);
    Ok(())
}

impl Origin {
    pub(super) async fn find(
        config: &Config,
        namespace: &str,
        parent: Option<&TaskContext>,
        saver: Option<&mut Saver>,
    ) -> Result<Self, GraphError> {
        let map = parent.map_or(&config.checkpoint_map, |task| &task.checkpoint_map);
        let own = if parent.is_none() && config.namespace.is_empty() {
            config.checkpoint_id.as_ref()
        } else {
            None
        };
        let id = map.get(namespace).or(own);
        let mut origin = Self {
            saved: None,
            addressed: id.is_some(),
            superseded: false,
            before_replay: false,
        };
        let Some(saver) = saver else {
            return Ok(origin);
        };
        if let Some(id) = id {
            let saved = saver.load(Some(id)).await?;
            let saved = saved.ok_or_else(|| GraphError::UnknownCheckpoint {
                thread: saver.thread().to_owned(),
                namespace: namespace.to_owned(),
                checkpoint: id.clone(),
            })?;
            let latest = saver.load(None).await?;
            origin.superseded = latest.is_some_and(|l| l.checkpoint.id != saved.checkpoint.id);
            origin.saved = Some(saved);
        } else if let Some(replay) = parent.and_then(|task| task.scope.replay.as_ref()) {
            origin.before_replay = true;
            origin.saved = if replay.is_first_visit(namespace) {
                saver.load_before(&replay.before).await?
            } else {
                saver.load(None).await?
            };
        } else {
            origin.saved = saver.load(None).await?;
        }
        Ok(origin)
    }
}
