//! Snapshots as the scenarios show them: with symbolic ids, without what is not compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt;
use serde_json::{Map, Value, json};
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery};
use stepwell::graph::{Config, Interrupt, StateSnapshot, TaskSnapshot, TaskState};

/// Shows snapshots by what the saver has at the time.
pub(crate) struct Show {
    saver: Arc<dyn Checkpointer>,
    /// The ids of each thread and namespace that was looked at, oldest first.
    ids: BTreeMap<(String, String), Vec<String>>,
}

impl Show {
    pub(crate) fn new(saver: Arc<dyn Checkpointer>) -> Self {
        Self {
            saver,
            ids: BTreeMap::new(),
        }
    }

    /// The index of the checkpoint that `config` addresses.
    pub(crate) async fn id(&mut self, config: &Config) -> Result<Value, String> {
        let thread = config.thread_id().ok_or("a config without a thread")?;
        let id = config
            .checkpoint_id()
            .ok_or("a config without a checkpoint")?;
        self.index(thread, config.checkpoint_ns(), id).await
    }

    async fn index(&mut self, thread: &str, ns: &str, id: &str) -> Result<Value, String> {
        let key = (thread.to_owned(), ns.to_owned());
        if !self.ids.contains_key(&key) {
            let found = list(&self.saver, ListQuery::of(thread, ns)).await?;
            let ids = found.into_iter().rev().map(|c| c.checkpoint.id).collect();
            self.ids.insert(key.clone(), ids);
        }
        let known = self
            .ids
            .get(&key)
            .and_then(|ids| ids.iter().position(|i| i == id));
        Ok(known.map_or_else(|| json!(format!("unknown checkpoint {id}")), |at| json!(at)))
    }

    pub(crate) async fn snapshot(&mut self, snapshot: &StateSnapshot) -> Result<Value, String> {
        let Some(metadata) = &snapshot.metadata else {
            return Ok(json!({"empty": true}));
        };
        let mut shown = Map::new();
        shown.insert("id".into(), self.id(&snapshot.config).await?);
        let parent = match &snapshot.parent_config {
            Some(parent) => self.id(parent).await?,
            None => Value::Null,
        };
        shown.insert("parent".into(), parent);
        shown.insert("source".into(), json!(metadata.source.map(|s| s.as_str())));
        shown.insert("step".into(), json!(metadata.step));
        shown.insert("values".into(), snapshot.values.clone());
        let mut next = snapshot.next.clone();
        next.sort();
        shown.insert("next".into(), json!(next));
        let mut tasks: Vec<&TaskSnapshot> = snapshot.tasks.iter().collect();
        tasks.sort_by(|a, b| a.name.cmp(&b.name));
        let mut shown_tasks = Vec::new();
        for task in tasks {
            shown_tasks.push(self.task(task).await?);
        }
        shown.insert("tasks".into(), shown_tasks.into());
        if !snapshot.interrupts.is_empty() {
            shown.insert("interrupts".into(), questions(&snapshot.interrupts));
        }
        let namespace = snapshot.config.checkpoint_ns();
        if !namespace.is_empty() {
            shown.insert("ns".into(), json!(without_task_ids(namespace)));
            let thread = snapshot.config.thread_id().unwrap_or_default();
            let mut parents = Map::new();
            for (ns, id) in &metadata.parents {
                let id = self.index(thread, ns, id).await?;
                parents.insert(without_task_ids(ns), id);
            }
            shown.insert("parents".into(), parents.into());
        }
        Ok(shown.into())
    }

    async fn task(&mut self, task: &TaskSnapshot) -> Result<Value, String> {
        let mut shown = Map::new();
        shown.insert("name".into(), json!(task.name));
        if task.is_send {
            shown.insert("send".into(), json!(true));
        }
        if let Some(error) = &task.error {
            let text = match error.kind.as_str() {
                "node_error" => &error.message,
                kind => kind,
            };
            shown.insert("error".into(), json!(text));
        }
        if !task.interrupts.is_empty() {
            shown.insert("interrupts".into(), questions(&task.interrupts));
        }
        if let Some(result) = &task.result {
            shown.insert("result".into(), result_of(result));
        }
        match &task.state {
            None => {}
            Some(TaskState::Config(_)) => {
                shown.insert("state".into(), json!("ref"));
            }
            Some(TaskState::Snapshot(state)) => {
                shown.insert("state".into(), Box::pin(self.snapshot(state)).await?);
            }
        }
        Ok(shown.into())
    }
}

pub(crate) fn questions(interrupts: &[Interrupt]) -> Value {
    interrupts.iter().map(|i| i.value.clone()).collect()
}

/// A namespace as the path of its nodes.
pub(crate) fn without_task_ids(namespace: &str) -> String {
    let parts: Vec<&str> = namespace
        .split('|')
        .map(|part| part.split_once(':').map_or(part, |(node, _)| node))
        .collect();
    parts.join("|")
}

/// All checkpoints that `query` selects, newest first.
pub(crate) async fn list(
    saver: &Arc<dyn Checkpointer>,
    query: ListQuery,
) -> Result<Vec<CheckpointTuple>, String> {
    let found = saver.list(query).try_collect().await;
    found.map_err(|e| format!("listing checkpoints: {e}"))
}

/// A task's result, overwrites shown as `{"$overwrite": value}`.
pub(crate) fn result_of(result: &Value) -> Value {
    let Value::Object(channels) = result else {
        return result.clone();
    };
    let shown = channels.iter().map(|(channel, write)| {
        let writes = write.get("$writes").and_then(Value::as_array);
        let write = match writes {
            Some(writes) => json!({"$writes": writes.iter().map(write_of).collect::<Vec<_>>()}),
            None => write_of(write),
        };
        (channel.clone(), write)
    });
    Value::Object(shown.collect())
}

fn write_of(write: &Value) -> Value {
    match write {
        Value::Object(map) if map.len() == 1 => match map.get("__overwrite__") {
            Some(value) => json!({"$overwrite": value}),
            None => write.clone(),
        },
        _ => write.clone(),
    }
}
