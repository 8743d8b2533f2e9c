//! A run of a graph: loads the thread, repeats super-steps, saves each one.

pub(in crate::graph) mod admission;
pub(in crate::graph) mod apply;
pub(in crate::graph) mod call_site;
pub(in crate::graph) mod claims;
pub(in crate::graph) mod handler;
pub(in crate::graph) mod heart;
pub(in crate::graph) mod last_saved;
pub(in crate::graph) mod limits;
pub(in crate::graph) mod plan;
pub(in crate::graph) mod replay;
pub(in crate::graph) mod run_mark;
pub(in crate::graph) mod running;
pub(in crate::graph) mod save;
pub(in crate::graph) mod scratchpad;
pub(in crate::graph) mod slot;
pub(in crate::graph) mod spans;
pub(in crate::graph) mod step;
pub(in crate::graph) mod stops;
pub(in crate::graph) mod store_changes;
pub(in crate::graph) mod store_layer;
pub(in crate::graph) mod task;
pub(in crate::graph) mod task_run;
pub(in crate::graph) mod task_status;
pub(in crate::graph) mod values;
pub(in crate::graph) mod writers;

mod emit;
mod marks;
mod origin;
mod saving;
mod start;
mod take_input;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tracing::Instrument;

use crate::ItemChange;
use crate::checkpoint::{ChannelVersion, Checkpoint, Metadata, Source};
use crate::graph::channels::Channels;
use crate::graph::channels::held::Held;
use crate::graph::compiled::{CompiledGraph, Inner};
use crate::graph::config::{Breakpoints, Config, DEFAULT_RECURSION_LIMIT, Durability};
use crate::graph::error::GraphError;
use crate::graph::input::{Input, RunOutput};
use crate::graph::interrupt::Interrupt;
use crate::graph::names::{INTERRUPT, Name};
use crate::graph::node_error::{NodeError, Stop};
use crate::graph::run::admission::Admission;
use crate::graph::run::apply::{TaskWrites, apply_writes};
use crate::graph::run::plan::{Plan, Within};
use crate::graph::run::run_mark::RunMark;
use crate::graph::run::save::Saver;
use crate::graph::run::step::run_tasks;
use crate::graph::run::store_layer::StoreLayer;
use crate::graph::run::task::Task;
use crate::graph::run::task_status::{Pending, read_statuses};
use crate::graph::runtime::{RunScope, TaskContext};
use crate::graph::state::State;
use crate::graph::stream::{Emitter, Event, StreamMode};

/// Runs `graph` by itself.
pub(in crate::graph) async fn root(
    graph: &CompiledGraph,
    input: Input,
    config: Config,
    emitter: Option<Emitter>,
) -> Result<RunOutput, GraphError> {
    let (run, interrupts) = finished(graph, input, config, emitter).await?;
    Ok(RunOutput {
        values: run.output(),
        interrupts,
    })
}

/// The same for those who read the state without JSON between.
pub(in crate::graph) async fn root_state(
    graph: &CompiledGraph,
    input: Input,
    config: Config,
) -> Result<(State, Vec<Interrupt>), GraphError> {
    let (run, interrupts) = finished(graph, input, config, None).await?;
    let shown = run
        .shown()
        .unwrap_or_else(|| run.channels.values(&run.graph.output));
    Ok((State::of_channels(shown, &run.channels.locals), interrupts))
}

/// A run that has come to its end or waits for answers.
async fn finished(
    graph: &CompiledGraph,
    input: Input,
    mut config: Config,
    emitter: Option<Emitter>,
) -> Result<(Run, Vec<Interrupt>), GraphError> {
    // Whoever called may use the config for another run.
    config.locals = config.locals.detached();
    let mut run = Run::load(graph, config, None, emitter).await?;
    let span = spans::run(&run);
    let outcome = run.drive(input).instrument(span.clone()).await;
    run.finish(outcome.as_ref().copied())
        .instrument(span)
        .await?;
    let interrupts = match outcome {
        Ok(()) => Vec::new(),
        Err(Stop::Interrupted(interrupts)) => {
            run.show_finished().await?;
            if interrupts.is_empty() {
                run.emit(StreamMode::Updates, |_| Event::Interrupted(Vec::new()))
                    .await;
            }
            interrupts
        }
        Err(Stop::Failed(source)) => return Err(run.failure(source)),
        Err(Stop::Drained) => {
            return Err(GraphError::Stopped {
                thread: run.scope.config.thread_id.clone().unwrap_or_default(),
            });
        }
        Err(Stop::ToParent(_)) => {
            return Err(GraphError::invalid_update(
                "the parent graph",
                "a node returned a command for it, and there is none",
            ));
        }
    };
    Ok((run, interrupts))
}

/// Runs `graph` as a part of `task`.
pub(in crate::graph) async fn nested(
    graph: CompiledGraph,
    input: Value,
    task: Arc<TaskContext>,
) -> Result<Value, NodeError> {
    let config = task.scope.config.clone();
    let mut run = Run::load(&graph, config, Some(task), None).await?;
    let span = spans::run(&run);
    let outcome = run
        .drive(Input::Values(input))
        .instrument(span.clone())
        .await;
    run.finish(outcome.as_ref().copied())
        .instrument(span)
        .await?;
    match outcome {
        Ok(()) => Ok(run.output()),
        Err(Stop::Failed(source)) => Err(run.failure(source).into()),
        Err(stop) => Err(NodeError(stop)),
    }
}

/// One run of one graph.
pub(in crate::graph) struct Run {
    pub(in crate::graph) graph: Arc<Inner>,
    pub(in crate::graph) scope: Arc<RunScope>,
    pub(in crate::graph) parent: Option<Arc<TaskContext>>,
    admission: Admission,
    /// What is noted about the run with the last checkpoint made.
    mark: Option<RunMark>,
    /// Whether its input was taken.
    begun: bool,
    /// Whether it stopped at a breakpoint of its own.
    stopped_here: bool,
    pub(in crate::graph) namespace: String,
    /// The same with what lasts in place of ids, of a graph whose tasks have others each time.
    asks_as: Option<String>,
    pub(in crate::graph) saver: Option<Saver>,
    durability: Durability,
    interrupt_before: Breakpoints,
    interrupt_after: Breakpoints,

    /// The last checkpoint made, without values: those are in `channels`.
    pub(in crate::graph) checkpoint: Checkpoint,
    metadata: Metadata,
    pub(in crate::graph) channels: Channels,
    pub(in crate::graph) pending: Vec<Pending>,
    pub(in crate::graph) tasks: Vec<Task>,
    /// What tasks did to the store and the next checkpoint is to make durable.
    store_changes: Vec<ItemChange>,
    /// What they did and nobody else sees yet, if it is to wait for the steps.
    pub(in crate::graph) store_layer: Option<StoreLayer>,

    /// The checkpoint that the next one to be saved follows.
    saved_id: Option<String>,
    /// Of the last checkpoint loaded or saved: its parent, and its channels' versions.
    saved_parent: Option<String>,
    saved_versions: BTreeMap<String, ChannelVersion>,
    /// The tasks that wrote during this run.
    wrote: BTreeSet<String>,

    pub(in crate::graph) step: i64,
    /// The last step that may run.
    pub(in crate::graph) last_step: i64,
    limit: u32,
    /// Whether the run was pointed at a checkpoint.
    addressed: bool,
    /// Whether the thread has moved past the checkpoint that was addressed.
    superseded: bool,
    /// Whether finished tasks run again.
    replaying: bool,
    pub(in crate::graph) resuming: Option<bool>,
    /// What output channels that empty themselves held when the run last had an output to show; `None` if
    /// it has had none.
    fleeting: Option<BTreeMap<Name, Held>>,
}

impl Run {
    async fn drive(&mut self, input: Input) -> Result<(), Stop> {
        self.start(input).await?;
        self.begun = true;
        while self.plan().await? {
            let span = spans::step(self);
            run_tasks(self).instrument(span).await?;
            self.complete_step().await?;
        }
        Ok(())
    }

    /// Plans the next super-step; false if there is none.
    async fn plan(&mut self) -> Result<bool, Stop> {
        if let Some(saver) = &mut self.saver {
            saver.settle(self.durability).await?;
            if let Some(layer) = &mut self.store_layer {
                layer.settle(saver.saved_step());
            }
        }
        self.plan_tasks().await;
        if self.step > self.last_step {
            return Err(GraphError::RecursionLimit { limit: self.limit }.into());
        }
        if self.tasks.is_empty() {
            return Ok(false);
        }
        if !self.replaying {
            let mut tasks = std::mem::take(&mut self.tasks);
            self.next_plan()
                .resume(&mut tasks, &read_statuses(&self.pending));
            self.tasks = tasks;
        }
        if self.stops_at(&self.interrupt_before, &self.tasks) {
            self.stopped_here = true;
            return Err(Stop::Interrupted(Vec::new()));
        }
        self.check_limits()?;
        self.emit_step_start().await;
        Ok(true)
    }

    async fn plan_tasks(&mut self) {
        self.tasks = self.next_plan().tasks();
        self.emit_checkpoint().await;
    }

    /// What the next super-step follows from.
    pub(in crate::graph) fn next_plan(&self) -> Plan<'_> {
        Plan {
            graph: &self.graph,
            checkpoint: &self.checkpoint,
            channels: &self.channels,
            pending: &self.pending,
            namespace: &self.namespace,
            step: self.step,
            answers: self.scope.answers.as_deref(),
            within: self.parent.as_ref().map(|task| Within {
                scratchpad: &task.scratchpad,
                asks_as: self.asks_as.as_deref(),
                edited: matches!(self.metadata.source, Some(Source::Update | Source::Fork)),
            }),
        }
    }

    /// Applies what the tasks wrote and saves the result.
    async fn complete_step(&mut self) -> Result<(), Stop> {
        self.tasks.sort_by_cached_key(|task| task.path.to_string());
        let store_changes = store_changes::gather(self.tasks.iter().flat_map(|task| &task.writes));
        let updated = self.apply_tasks().await?;
        if let Some(layer) = &mut self.store_layer {
            layer.add(self.step, &store_changes);
        }
        self.store_changes.extend(store_changes);
        self.pending.clear();
        self.replaying = false;
        self.put_checkpoint(Source::Loop, &updated);
        if self.stops_at(&self.interrupt_after, &self.tasks) {
            self.stopped_here = true;
            // The next plan, which would show this checkpoint, is never made.
            self.plan_tasks().await;
            self.tasks.clear();
            return Err(Stop::Interrupted(Vec::new()));
        }
        self.resuming = None;
        Ok(())
    }

    /// Whether the run stops at one of its tasks: only if something has changed since it last did.
    fn stops_at(&self, breakpoints: &Breakpoints, tasks: &[Task]) -> bool {
        let seen = self.checkpoint.versions_seen.get(INTERRUPT);
        let changed = self
            .checkpoint
            .channel_versions
            .iter()
            .any(|(channel, version)| Some(version) > seen.and_then(|seen| seen.get(channel)));
        changed && tasks.iter().any(|t| breakpoints.contains(&t.node))
    }

    /// Applies what the finished tasks of an interrupted super-step wrote, to show it.
    async fn show_finished(&mut self) -> Result<(), GraphError> {
        if self.tasks.iter().all(|task| task.writes.is_empty()) {
            return Ok(());
        }
        self.apply_tasks().await.map(drop)
    }

    /// Applies what the tasks wrote and shows it; returns the channels that changed.
    async fn apply_tasks(&mut self) -> Result<BTreeSet<Name>, GraphError> {
        let written = self.written_state();
        for task in &mut self.tasks {
            // Nobody else sees the values of the channels any more, so they can be changed in place.
            task.input = State::default();
        }
        // A step that fails as a whole must leave no trace in what is saved when the run ends. Values are shared until
        // they change, and a list that only grows is not even copied then.
        let before = (self.durability == Durability::Exit)
            .then(|| (self.checkpoint.clone(), self.channels.clone()));
        let writes = self.tasks.iter_mut().map(TaskWrites::from).collect();
        let updated = apply_writes(
            &self.graph,
            &mut self.checkpoint,
            &mut self.channels,
            writes,
        );
        let updated = match (updated, before) {
            (Ok(updated), _) => updated,
            (Err(error), before) => {
                if let Some(before) = before {
                    (self.checkpoint, self.channels) = before;
                }
                return Err(error);
            }
        };
        self.channels.settle();
        self.show(&written, &updated).await;
        Ok(updated)
    }

    fn failure(&self, source: Arc<dyn std::error::Error + Send + Sync>) -> GraphError {
        Stop::failure("", source)
    }

    /// The interrupts that wait for an answer.
    pub(in crate::graph) fn pending_interrupts(&self) -> Vec<Interrupt> {
        let statuses = read_statuses(&self.pending);
        let plan = self.next_plan();
        let mut tasks = plan.tasks();
        plan.resume(&mut tasks, &statuses);
        let asked = tasks.iter().filter_map(|task| {
            let status = statuses.get(task.id.as_str())?;
            Some(status.open_questions(task))
        });
        asked.flatten().collect()
    }
}

impl From<GraphError> for Stop {
    fn from(error: GraphError) -> Self {
        Self::Failed(Arc::new(error))
    }
}

fn recursion_limit(config: &Config) -> Result<u32, GraphError> {
    match config.recursion_limit.unwrap_or(DEFAULT_RECURSION_LIMIT) {
        0 => Err(GraphError::InvalidConfig(
            "the recursion limit is 0; it must be at least 1".into(),
        )),
        limit => Ok(limit),
    }
}
