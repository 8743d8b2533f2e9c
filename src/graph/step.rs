//! Running the tasks of one super-step, concurrently, and keeping what each of them wrote as soon as
//! it has finished.

use std::sync::{Arc, Weak};

use serde_json::Value;
use tokio::task::JoinSet;

use super::admission::check_fan_out;
use super::call_site::CallSite;
use super::channels::Channels;
use super::command::Command;
use super::compiled::{CompiledNode, Inner};
use super::error::GraphError;
use super::interrupt::Interrupt;
use super::names::{ERROR, INTERRUPT, NO_WRITES, RESUME, is_control};
use super::node::Work;
use super::node_error::{NodeError, Stop};
use super::output::NodeOutput;
use super::run::Run;
use super::runtime::{Runtime, TaskContext};
use super::state::State;
use super::state_graph::StoreWrites;
use super::store_changes;
use super::task::{Task, Write};
use super::task_status::write_error;
use super::typed::Update;
use super::writers::writes_of;
use crate::lease::LeasePart;
use crate::store::Draft;

/// Runs the tasks that have not finished yet.
///
/// When one fails or asks, the others are waited for, and what they wrote is kept: work that was begun is not
/// lost, and what is kept does not depend on who is faster.
pub(super) async fn run_tasks(run: &mut Run) -> Result<(), Stop> {
    if let Some(saver) = &run.saver {
        check_fan_out(&run.graph, &run.tasks, saver.thread())?;
    }
    let channels = Arc::new(run.channels.clone());
    let mut running = JoinSet::new();
    let mut places = std::collections::HashMap::new();
    for (place, task) in run.tasks.iter().enumerate() {
        if task.writes.is_empty() {
            let work = TaskRun::of(run, task, Arc::clone(&channels));
            places.insert(running.spawn(work.attempts()).id(), place);
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
        stops.note(commit(run, place, outcome).await);
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
async fn commit(
    run: &mut Run,
    place: usize,
    outcome: Result<Vec<Write>, NodeError>,
) -> Option<Stop> {
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
            run.emit_finished(place).await;
            None
        }
        Err(NodeError(Stop::Interrupted(interrupts))) => {
            if !interrupts.is_empty() {
                let asked = (INTERRUPT.into(), Interrupt::write_all(&interrupts));
                let writes = std::iter::once(asked).chain(answers).collect();
                run.put_writes(&id, path, writes);
                run.emit_interrupted(place, &interrupts).await;
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
            run.emit_failed(place, &error).await;
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
    /// Kept until the task has really gone, also when it is cancelled.
    _leases: Vec<LeasePart>,
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
            graph_namespace: run.namespace.clone(),
            step: run.step,
            remaining_steps: run.last_step - run.step,
            checkpoint_map,
            draft: match run.scope.store_writes {
                StoreWrites::Immediate => None,
                StoreWrites::WithStep => run
                    .scope
                    .store
                    .clone()
                    .map(|store| Arc::new(Draft::new(store))),
            },
            resuming: run.resuming,
            site: CallSite::within(
                run.parent.as_ref().map(|parent| &parent.site),
                &run.checkpoint.id,
                &task.id,
            ),
        };
        Self {
            graph: Arc::clone(&run.graph),
            context: Arc::new(context),
            input: task.input.clone(),
            channels,
            _leases: run.scope.leases.iter().filter_map(Weak::upgrade).collect(),
        }
    }

    /// Runs the task until it succeeds, stops to ask, or has failed often enough.
    async fn attempts(self) -> Result<Vec<Write>, NodeError> {
        let Some(node) = self.graph.node(&self.context.node) else {
            return Ok(Vec::new());
        };
        let mut attempt = 1;
        loop {
            let outcome = self.attempt(node, attempt).await;
            let wait = match (&outcome, &node.retry) {
                (Err(error), Some(policy)) if matches!(error.0, Stop::Failed(_)) => {
                    policy.wait_after(attempt, error)
                }
                _ => None,
            };
            let Some(wait) = wait else {
                return outcome;
            };
            tracing::info!(
                node = &*node.name,
                attempt,
                ?wait,
                "a node failed and is tried again"
            );
            tokio::time::sleep(wait).await;
            self.context.scratchpad.restart();
            if let Some(draft) = &self.context.draft {
                draft.clear();
            }
            attempt += 1;
        }
    }

    async fn attempt(&self, node: &CompiledNode, attempt: u32) -> Result<Vec<Write>, NodeError> {
        let runtime = Runtime {
            task: Arc::clone(&self.context),
            attempt,
        };
        let output = match &node.work {
            None => {
                let input = self.input.to_value();
                Ok(Command::from_input(&input)
                    .map_or(NodeOutput::Update(input), NodeOutput::Command))
            }
            Some(Work::Function(function)) => function(self.input.clone(), runtime.clone()).await,
            Some(Work::Subgraph(graph)) => {
                let input = self.input.to_value();
                let output = graph.run_nested(input, Arc::clone(&self.context)).await;
                output.map(NodeOutput::Update)
            }
            Some(Work::Mapped(mapped)) => {
                let Update { values, locals } = (mapped.into)(self.input.clone())?;
                self.input.locals.adopt(&locals);
                let output = mapped.graph.run_nested(values, Arc::clone(&self.context));
                let to_state = |output| State::of_argument(output, &self.input.locals);
                (output.await).and_then(|output| (mapped.out_of)(to_state(output)))
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
        let mut writes = writes_of(&self.graph, node, output, &self.channels, &runtime)?;
        let changes = self.context.draft.as_deref().map(Draft::changes);
        writes.extend(changes.and_then(store_changes::to_write));
        Ok(writes)
    }
}
