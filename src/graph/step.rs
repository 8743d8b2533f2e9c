//! Running the tasks of one super-step, concurrently, and keeping what each of them wrote as soon as
//! it has finished.

use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinSet;

use super::channels::Channels;
use super::command::Command;
use super::compiled::Inner;
use super::error::GraphError;
use super::heart::Heart;
use super::interrupt::Interrupt;
use super::layer::Next;
use super::names::{ERROR, INTERRUPT, NO_WRITES, RESUME, is_control};
use super::node_error::{NodeError, Stop};
use super::output::NodeOutput;
use super::run::Run;
use super::runtime::{Runtime, TaskContext};
use super::state::State;
use super::task::{Task, Write};
use super::task_status::write_error;
use super::writers::writes_of;

/// Runs the tasks that have not finished yet.
///
/// When one fails, what the others have finished by then is kept and the rest are cancelled. When one
/// asks, the others are waited for.
pub(super) async fn run_tasks(run: &mut Run) -> Result<(), Stop> {
    let channels = Arc::new(run.channels.clone());
    let mut running = JoinSet::new();
    let mut places = std::collections::HashMap::new();
    for (place, task) in run.tasks.iter().enumerate() {
        if task.writes.is_empty() {
            let work = TaskRun::of(run, task, Arc::clone(&channels));
            places.insert(running.spawn(work.run()).id(), place);
        }
    }
    drop(channels);
    let mut stops = Stops::default();
    while let Some(joined) = running.join_next_with_id().await {
        let (id, outcome) = match joined {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), Err(panicked(error))),
        };
        let Some(place) = places.get(&id).copied() else {
            continue;
        };
        stops.note(commit(run, place, outcome));
        if let Some(parent) = &run.parent {
            parent.heart.beat();
        }
        if stops.failure.is_some() {
            // Whoever has finished by now is kept; the others are cancelled at their next wait.
            while let Some(Ok((id, outcome))) = running.try_join_next_with_id() {
                if let Some(place) = places.get(&id).copied() {
                    stops.note(commit(run, place, outcome));
                }
            }
            running.shutdown().await;
        }
    }
    stops.into_result()
}

/// What kept the tasks of a super-step from finishing.
#[derive(Default)]
struct Stops {
    failure: Option<GraphError>,
    to_parent: Option<Command>,
    interrupts: Option<Vec<Interrupt>>,
}

impl Stops {
    fn note(&mut self, stop: Option<Stop>) {
        match stop {
            None => {}
            Some(Stop::Failed(source)) => {
                self.failure.get_or_insert(Stop::failure("", source));
            }
            Some(Stop::ToParent(command)) => {
                self.to_parent.get_or_insert(command);
            }
            Some(Stop::Interrupted(interrupts)) => {
                self.interrupts.get_or_insert_default().extend(interrupts);
            }
        }
    }

    fn into_result(self) -> Result<(), Stop> {
        match (self.failure, self.to_parent, self.interrupts) {
            (Some(error), _, _) => Err(error.into()),
            (None, Some(command), _) => Err(Stop::ToParent(command)),
            (None, None, Some(interrupts)) => Err(Stop::Interrupted(interrupts)),
            (None, None, None) => Ok(()),
        }
    }
}

/// Keeps the outcome of a task; returns what stops the run.
fn commit(run: &mut Run, place: usize, outcome: Result<Vec<Write>, NodeError>) -> Option<Stop> {
    let task = run.tasks.get_mut(place)?;
    let id = task.id.clone();
    let path = task.path.to_string();
    let answers = task
        .scratchpad
        .used_answers()
        .map(|answers| (RESUME.into(), answers));
    match outcome {
        Ok(mut writes) => {
            writes.extend(answers);
            if writes.iter().all(|(channel, _)| is_control(channel)) {
                writes.push((NO_WRITES.into(), Value::Null));
            }
            task.writes.clone_from(&writes);
            run.put_writes(&id, path, writes);
            None
        }
        Err(NodeError(Stop::Interrupted(interrupts))) => {
            if !interrupts.is_empty() {
                let asked = (INTERRUPT.into(), Interrupt::write_all(&interrupts));
                let writes = std::iter::once(asked).chain(answers).collect();
                run.put_writes(&id, path, writes);
            }
            Some(Stop::Interrupted(interrupts))
        }
        Err(NodeError(Stop::ToParent(command))) => Some(Stop::ToParent(command)),
        Err(NodeError(Stop::Failed(source))) => {
            // What a failed task had written so far is not kept: it would pass for finished.
            let error = Stop::failure(&task.node, source);
            let failed = (ERROR.into(), write_error(&error));
            let writes = std::iter::once(failed).chain(answers).collect();
            run.put_writes(&id, path, writes);
            Some(error.into())
        }
    }
}

fn panicked(error: tokio::task::JoinError) -> NodeError {
    let message = match error.try_into_panic() {
        Ok(payload) => {
            let text = payload
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| payload.downcast_ref::<String>().cloned());
            format!("the node panicked: {}", text.unwrap_or_default())
        }
        Err(error) => format!("the node was cancelled: {error}"),
    };
    NodeError::msg(message)
}

/// One task, with all that it needs to run by itself.
struct TaskRun {
    graph: Arc<Inner>,
    context: Arc<TaskContext>,
    input: State,
    /// The state at the start of the super-step.
    channels: Arc<Channels>,
}

impl TaskRun {
    fn of(run: &Run, task: &Task, channels: Arc<Channels>) -> Self {
        let inherited = run.parent.as_ref().map(|parent| &parent.checkpoint_map);
        let mut checkpoint_map = inherited
            .unwrap_or(&run.scope.config.checkpoint_map)
            .clone();
        checkpoint_map.insert(run.namespace.clone(), run.checkpoint.id.clone());
        let context = TaskContext {
            scope: Arc::clone(&run.scope),
            node: Arc::clone(&task.node),
            task_id: task.id.clone(),
            namespace: task.namespace.clone(),
            scratchpad: Arc::clone(&task.scratchpad),
            remaining_steps: run.last_step - run.step,
            checkpoint_map,
            resuming: run.resuming,
            heart: Heart::within(run.parent.as_ref().map(|task| Arc::clone(&task.heart))).into(),
        };
        Self {
            graph: Arc::clone(&run.graph),
            context: Arc::new(context),
            input: task.input.clone(),
            channels,
        }
    }

    /// Runs the task, by way of its node's layers.
    async fn run(self) -> Result<Vec<Write>, NodeError> {
        let Some(node) = self.graph.node(&self.context.node) else {
            return Ok(Vec::new());
        };
        let output = match &node.work {
            None => {
                let input = self.input.to_value();
                Ok(Command::from_input(&input)
                    .map_or(NodeOutput::Update(input), NodeOutput::Command))
            }
            Some(work) => {
                let runtime = Runtime {
                    task: Arc::clone(&self.context),
                    attempt: 1,
                };
                let all = Next::outermost(work, &node.layers);
                all.call(self.input.clone(), runtime).await
            }
        };
        let output = match output {
            // A subgraph's command for this graph counts as what its node returned.
            Err(NodeError(Stop::ToParent(mut command))) => {
                command.to_parent = false;
                NodeOutput::Command(command)
            }
            output => output?,
        };
        writes_of(&self.graph, node, output, &self.channels)
    }
}
