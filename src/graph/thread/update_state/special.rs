//! Updates that stand for no node: a new input, a copy, the end of all pending tasks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::StateUpdate;
use super::updater::{Base, Updater, changed};
use crate::checkpoint::{Metadata, PutCheckpoint, Source};
use crate::graph::command::Command;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::names::START;
use crate::graph::run::apply::TaskWrites;
use crate::graph::run::store_changes;
use crate::graph::run::task_status::{read_statuses, writes_of_commands};
use crate::graph::thread::snapshot::address;

impl Updater {
    /// Applies what finished tasks wrote and drops all others.
    pub(super) async fn clear_tasks(&self, mut base: Base) -> Result<Config, GraphError> {
        let mut tasks = self.plan(&base).tasks();
        let null_writes = writes_of_commands(&base.pending);
        let mut updated = BTreeSet::new();
        if !null_writes.is_empty() {
            updated.extend(self.apply(&mut base, vec![TaskWrites::from_input(null_writes)])?);
        }
        if !tasks.is_empty() {
            self.plan(&base)
                .resume(&mut tasks, &read_statuses(&base.pending));
            base.store_changes = store_changes::gather(tasks.iter().flat_map(|task| &task.writes));
            let writes = tasks.iter_mut().map(TaskWrites::from).collect();
            updated.extend(self.apply(&mut base, writes)?);
        }
        let step = base.step + 1;
        self.save(base, Source::Update, step, &updated).await
    }

    /// Applies `values` as a run would apply an input.
    pub(super) async fn as_input(
        &self,
        mut base: Base,
        mut values: Value,
    ) -> Result<Config, GraphError> {
        Command::remove_from(&mut values);
        let Value::Object(entries) = &mut values else {
            return Err(GraphError::invalid_update(
                "the input",
                "an input is an object",
            ));
        };
        for (channel, value) in entries.iter_mut() {
            self.graph.inner.ensure_message_ids(channel, value);
        }
        let input = TaskWrites::from_input(vec![(START.into(), values)]);
        let updated = self.apply(&mut base, vec![input])?;
        let step = match &base.saved {
            Some(_) => base.step + 1,
            None => -1,
        };
        self.save(base, Source::Input, step, &updated).await
    }

    /// Makes a copy beside the checkpoint. A list of updates is then applied to the copy.
    pub(super) async fn copy(
        &self,
        base: Base,
        values: Value,
    ) -> Result<(Config, Option<Vec<StateUpdate>>), GraphError> {
        let Some(saved) = base.saved else {
            return Err(GraphError::invalid_update(
                format!("thread `{}`", self.thread),
                "it has no checkpoint to copy",
            ));
        };
        let parent = match &saved.parent_id {
            Some(id) => self
                .checkpointer
                .get(&self.thread, &saved.namespace, Some(id))
                .await
                .map_err(|e| GraphError::checkpoint(&self.thread, e))?,
            None => None,
        };
        let inherited = parent.map(|p| p.checkpoint.channel_versions);
        let mut checkpoint = saved.checkpoint.clone();
        checkpoint.id = self.next_id(&saved.checkpoint.id, base.step + 1);
        checkpoint.ts = crate::checkpoint::now();
        let id = checkpoint.id.clone();
        let mut metadata = Metadata::new(Source::Fork, base.step + 1);
        metadata.parents.clone_from(&saved.metadata.parents);
        let put = PutCheckpoint {
            thread: self.thread.clone(),
            namespace: saved.namespace.clone(),
            parent_id: saved.parent_id.clone(),
            new_versions: changed(inherited.as_ref(), &checkpoint.channel_versions),
            checkpoint,
            appended: BTreeMap::new(),
            metadata,
        };
        self.put(put, Vec::new()).await?;
        let more = match values {
            Value::Array(items) if !items.is_empty() => Some(
                items
                    .iter()
                    .map(update_from_item)
                    .collect::<Result<Vec<_>, _>>()?,
            ),
            _ => None,
        };
        Ok((address(&saved, &id), more))
    }
}

/// An update out of the list that is given with a copy: `[values, node]`.
fn update_from_item(item: &Value) -> Result<StateUpdate, GraphError> {
    let Some([values, rest @ ..]) = item.as_array().map(Vec::as_slice) else {
        return Err(GraphError::invalid_update(
            "`__copy__`",
            format!("its updates are lists of values and a node, not `{item}`"),
        ));
    };
    let mut update = StateUpdate::new(values.clone());
    update.as_node = rest.first().and_then(Value::as_str).map(str::to_owned);
    Ok(update)
}
