//! Threads and checkpoints as a whole: copies, tags, differences.

use serde_json::Value;

use crate::checkpoint::{
    CheckpointDiff, CheckpointError, CheckpointTuple, Checkpointer, Projection, Tag, diff,
};
use crate::graph::compiled::CompiledGraph;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::thread::snapshot::address;
use crate::moment::Moment;
use crate::time;

impl CompiledGraph {
    /// Gives the thread `to` the whole history of the thread of `config`, subgraphs, tags and pending tasks included, and
    /// returns its address. From then on the two live and die independently. It costs the same whatever the history.
    ///
    /// If `config` addresses a checkpoint, the copy goes on from there: a fork to a thread of its own. What came after
    /// the checkpoint is in its history too.
    ///
    /// # Errors
    /// The thread has no checkpoints, `to` has some, or the checkpointer cannot copy threads:
    /// [`GraphError::Checkpoint`]. [`GraphError::UnknownCheckpoint`]. Also those of [`get_state`](Self::get_state).
    pub async fn copy_thread(
        &self,
        config: &Config,
        to: impl Into<String>,
    ) -> Result<Config, GraphError> {
        let checkpointer = self.state_checkpointer("copy_thread")?;
        let thread = config.thread_id().ok_or(GraphError::MissingThreadId)?;
        if config.checkpoint_id.is_some() {
            self.metadata(&*checkpointer, config).await?;
        }
        let to = to.into();
        let copied = checkpointer.copy_thread(thread, &to).await;
        copied.map_err(|e| GraphError::checkpoint(&to, e))?;
        let mut copy = config.clone();
        copy.thread_id = Some(to);
        if copy.checkpoint_id.is_some() {
            return self
                .update_state(&copy, Value::Null, Some("__copy__"))
                .await;
        }
        Ok(copy)
    }

    /// Gives the checkpoint that `config` addresses, or the latest, a name, which keeps it from being pruned. A name that
    /// another checkpoint of the same thread and graph has is taken from it.
    ///
    /// # Errors
    /// [`GraphError::UnknownCheckpoint`], and those of [`get_state`](Self::get_state).
    pub async fn tag(&self, config: &Config, name: impl Into<String>) -> Result<(), GraphError> {
        let checkpointer = self.state_checkpointer("tag")?;
        let found = self.metadata(&*checkpointer, config).await?;
        let thread = found.thread.clone();
        let tag = Tag {
            thread: found.thread,
            namespace: found.namespace,
            name: name.into(),
            checkpoint_id: found.checkpoint.id,
        };
        let tagged = checkpointer.tag(tag).await;
        tagged.map_err(|e| GraphError::checkpoint(&thread, e))
    }

    /// Takes a name from a checkpoint of the thread and graph that `config` addresses. One that is not there is no error.
    ///
    /// # Errors
    /// Those of [`get_state`](Self::get_state).
    pub async fn untag(&self, config: &Config, name: &str) -> Result<(), GraphError> {
        let checkpointer = self.state_checkpointer("untag")?;
        let thread = config.thread_id().ok_or(GraphError::MissingThreadId)?;
        let (_, config) = self.addressed_graph(config);
        let untagged = checkpointer.untag(thread, &config.namespace, name).await;
        untagged.map_err(|e| GraphError::checkpoint(thread, e))
    }

    /// The tags of the thread and graph that `config` addresses, by name, with the addresses of their checkpoints.
    ///
    /// # Errors
    /// Those of [`get_state`](Self::get_state).
    pub async fn tags(&self, config: &Config) -> Result<Vec<(String, Config)>, GraphError> {
        let checkpointer = self.state_checkpointer("tags")?;
        let thread = config.thread_id().ok_or(GraphError::MissingThreadId)?;
        let failed = |e: CheckpointError| GraphError::checkpoint(thread, e);
        let (_, config) = self.addressed_graph(config);
        let mut tags = Vec::new();
        for tag in checkpointer.tags(thread).await.map_err(failed)? {
            if tag.namespace == config.namespace {
                let at = config.clone().at(tag.checkpoint_id);
                let found = self.metadata(&*checkpointer, &at).await?;
                tags.push((tag.name, address(&found, &found.checkpoint.id)));
            }
        }
        Ok(tags)
    }

    /// What differs between the checkpoints that two configs address: which channels changed and how, which nodes ran.
    /// They may be of one thread or of two.
    ///
    /// # Errors
    /// [`GraphError::UnknownCheckpoint`], and those of [`get_state`](Self::get_state).
    pub async fn diff(&self, a: &Config, b: &Config) -> Result<CheckpointDiff, GraphError> {
        let checkpointer = self.state_checkpointer("diff")?;
        let everything = Projection::default();
        let a = self.find(&*checkpointer, a, &everything).await?;
        let b = self.find(&*checkpointer, b, &everything).await?;
        Ok(diff(&a, &b))
    }

    /// When the checkpoint that `config` addresses was made, or the latest one: to read in the [store](crate::store) what was there then
    /// ([`Store::get_as_of`](crate::store::Store::get_as_of)). If checkpoints and items are in one database it is exact; else it is a time.
    ///
    /// # Errors
    /// [`GraphError::UnknownCheckpoint`], and those of [`get_state`](Self::get_state).
    pub async fn moment(&self, config: &Config) -> Result<Moment, GraphError> {
        let checkpointer = self.state_checkpointer("moment")?;
        let found = self.metadata(&*checkpointer, config).await?;
        if let Some(db) = checkpointer.database() {
            let id = Some(found.checkpoint.id.as_str());
            let moment = db.moment(&found.thread, &found.namespace, id);
            let moment = moment.map_err(|e| GraphError::checkpoint(&found.thread, e.into()))?;
            if let Some(moment) = moment {
                return Ok(moment);
            }
        }
        let at = found.checkpoint.made_at().ok_or_else(|| {
            let timeless = CheckpointError::timeless(&found.thread, &found.checkpoint.id);
            GraphError::checkpoint(&found.thread, timeless)
        })?;
        Ok(Moment::at(time::from_micros(at)))
    }

    async fn metadata(
        &self,
        checkpointer: &dyn Checkpointer,
        config: &Config,
    ) -> Result<CheckpointTuple, GraphError> {
        let only = Projection::metadata_only();
        self.find(checkpointer, config, &only).await
    }

    /// The checkpoint that `config` addresses, or the latest.
    async fn find(
        &self,
        checkpointer: &dyn Checkpointer,
        config: &Config,
        projection: &Projection,
    ) -> Result<CheckpointTuple, GraphError> {
        let (_, config) = self.addressed_graph(config);
        let thread = config.thread_id().ok_or(GraphError::MissingThreadId)?;
        let found = checkpointer
            .get_projected(
                thread,
                &config.namespace,
                config.checkpoint_id(),
                projection,
            )
            .await
            .map_err(|e| GraphError::checkpoint(thread, e))?;
        found.ok_or_else(|| GraphError::UnknownCheckpoint {
            thread: thread.to_owned(),
            namespace: config.namespace.clone(),
            checkpoint: config.checkpoint_id().unwrap_or("(latest)").to_owned(),
        })
    }
}
