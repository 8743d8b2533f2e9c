//! What a run tells whoever watches it. It changes nothing in the run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Run;
use crate::graph::channels::held::Held;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::interrupt::Interrupt;
use crate::graph::names::{Name, START, is_control};
use crate::graph::run::task::{Task, Write};
use crate::graph::run::task_status::show_error;
use crate::graph::stream::{Event, StreamMode};
use crate::graph::thread::snapshot::result_of;

impl Run {
    /// Tells an event of `mode`, which is made only if somebody wants it.
    pub(super) async fn emit(&self, mode: StreamMode, event: impl FnOnce(&Self) -> Event) {
        if let Some(emitter) = &self.scope.emitter
            && emitter.wants(mode)
        {
            let emitter = Arc::clone(emitter);
            emitter.emit(&self.namespace, self.step, event(self)).await;
        }
    }

    /// Whether whoever watched the run has gone away.
    pub(in crate::graph) fn is_abandoned(&self) -> bool {
        self.scope
            .emitter
            .as_ref()
            .is_some_and(|emitter| emitter.is_abandoned())
    }

    /// The channels of the state that the tasks have written to.
    pub(super) fn written_state(&self) -> BTreeSet<Name> {
        let writes = self.tasks.iter().flat_map(|task| &task.writes);
        let channels = writes.map(|(channel, _)| channel);
        channels
            .filter(|channel| self.graph.state.contains(channel))
            .cloned()
            .collect()
    }

    /// Shows the state after a step in which tasks wrote to the channels `written` and `updated` changed.
    pub(super) async fn show(&mut self, written: &BTreeSet<Name>, updated: &BTreeSet<Name>) {
        let concerns = |names: &[Name]| {
            names.iter().any(|name| written.contains(name))
                && names.iter().any(|name| updated.contains(name))
        };
        if concerns(&self.graph.output) {
            self.note_output();
        }
        if concerns(&self.graph.state) {
            self.emit(StreamMode::Values, |run| Event::Values {
                values: run.channels.to_object(&run.graph.state),
                interrupts: Vec::new(),
            })
            .await;
        }
    }

    /// Remembers the state as the run's output, unless it gets another one. Only channels that empty themselves
    /// can lose by waiting: any other has the same value until it is written to, which makes another output.
    pub(super) fn note_output(&mut self) {
        let output = self.graph.output.iter();
        let fleeting =
            output.filter(|name| self.channels.get(name).is_some_and(|c| c.is_fleeting()));
        let fleeting: Vec<Name> = fleeting.cloned().collect();
        self.fleeting = Some(self.channels.values(&fleeting));
    }

    /// What the run gives back; null if it has written nothing to the output.
    pub(super) fn output(&self) -> Value {
        let Some(shown) = self.shown() else {
            return Value::Null;
        };
        let object = shown.iter();
        let object = object.map(|(name, value)| (name.to_string(), value.to_value()));
        Value::Object(object.collect())
    }

    /// The same by channel.
    pub(super) fn shown(&self) -> Option<BTreeMap<Name, Held>> {
        let fleeting = self.fleeting.as_ref()?;
        let mut values = self.channels.values(&self.graph.output);
        values.retain(|name, _| self.channels.get(name).is_some_and(|c| !c.is_fleeting()));
        values.extend(fleeting.clone());
        Some(values)
    }

    pub(super) async fn emit_checkpoint(&self) {
        if self.saver.is_none() {
            return;
        }
        self.emit(StreamMode::Checkpoints, |run| {
            let mut config = Config {
                thread_id: run.scope.config.thread_id.clone(),
                ..Config::default()
            };
            config = config.in_namespace(&run.namespace).at(&run.checkpoint.id);
            Event::Checkpoint {
                config: Box::new(config),
                metadata: run.metadata.clone(),
                values: run.channels.to_object(&run.graph.state),
                next: run.tasks.iter().map(|t| t.node.to_string()).collect(),
            }
        })
        .await;
    }

    /// The tasks of the step that begins; of those that need not run, what they had written.
    pub(super) async fn emit_step_start(&self) {
        for place in 0..self.tasks.len() {
            self.emit_started(place).await;
        }
        let has_output = |task: &&Task| task.writes.iter().any(|(c, _)| !is_control(c));
        for task in self.shown_tasks().filter(has_output) {
            self.emit_update(task, true).await;
        }
    }

    pub(in crate::graph) async fn emit_started(&self, place: usize) {
        let Some(task) = self.shown_task(place) else {
            return;
        };
        self.emit(StreamMode::Tasks, |_| Event::TaskStarted {
            id: task.id.clone(),
            name: task.node.to_string(),
            input: task.input.to_value(),
        })
        .await;
    }

    pub(in crate::graph) async fn emit_finished(&self, place: usize) {
        let Some(task) = self.shown_task(place) else {
            return;
        };
        self.emit_update(task, false).await;
        self.emit(StreamMode::Tasks, |run| Event::TaskEnded {
            id: task.id.clone(),
            name: task.node.to_string(),
            error: None,
            interrupts: Vec::new(),
            result: result_of(&run.graph, &task.writes),
        })
        .await;
    }

    pub(in crate::graph) async fn emit_interrupted(
        &mut self,
        place: usize,
        interrupts: &[Interrupt],
    ) {
        self.note_output();
        let Some(task) = self.shown_task(place) else {
            return;
        };
        self.emit(StreamMode::Updates, |_| {
            Event::Interrupted(interrupts.to_vec())
        })
        .await;
        self.emit(StreamMode::Values, |run| Event::Values {
            values: run.channels.to_object(&run.graph.state),
            interrupts: interrupts.to_vec(),
        })
        .await;
        self.emit(StreamMode::Tasks, |_| Event::TaskEnded {
            id: task.id.clone(),
            name: task.node.to_string(),
            error: None,
            interrupts: interrupts.to_vec(),
            result: Value::Object(Map::new()),
        })
        .await;
    }

    pub(in crate::graph) async fn emit_failed(&self, place: usize, error: &GraphError) {
        let Some(task) = self.shown_task(place) else {
            return;
        };
        self.emit(StreamMode::Tasks, |_| Event::TaskEnded {
            id: task.id.clone(),
            name: task.node.to_string(),
            error: Some(show_error(error)),
            interrupts: Vec::new(),
            result: Value::Object(Map::new()),
        })
        .await;
    }

    async fn emit_update(&self, task: &Task, cached: bool) {
        self.emit(StreamMode::Updates, |run| Event::Update {
            node: task.node.to_string(),
            update: update_of(&run.graph.state, &task.writes),
            cached,
        })
        .await;
    }

    fn shown_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| &*task.node != START)
    }

    fn shown_task(&self, place: usize) -> Option<&Task> {
        self.tasks.get(place).filter(|task| &*task.node != START)
    }
}

/// What a task wrote to the state: an object; a list of objects if it wrote a channel more than once; null
/// if nothing.
fn update_of(state: &[Name], writes: &[Write]) -> Value {
    let mut merged = Map::new();
    let mut single = Vec::new();
    for (channel, value) in writes.iter().filter(|(c, _)| state.contains(c)) {
        let mut one = Map::new();
        one.insert(channel.to_string(), value.clone());
        single.push(Value::Object(one));
        merged.insert(channel.to_string(), value.clone());
    }
    match single.len() {
        0 => Value::Null,
        n if n == merged.len() => Value::Object(merged),
        _ => Value::Array(single),
    }
}
