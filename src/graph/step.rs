//! Running the tasks of one super-step, concurrently, and keeping what each of them wrote as soon as
//! it has finished.

use std::sync::Arc;

use serde_json::Value;

use super::channels::Channels;
use super::command::Command;
use super::compiled::Inner;
use super::error::GraphError;
use super::handler::failure_writes;
use super::heart::Heart;
use super::interrupt::Interrupt;
use super::layer::Next;
use super::names::{ERROR, INTERRUPT, NO_WRITES, RESUME, is_control};
use super::node_error::{NodeError, Stop};
use super::output::NodeOutput;
use super::run::Run;
use super::running::{Event, Outcome, Running};
use super::runtime::{Runtime, TaskContext};
use super::slot::Slot;
use super::state::State;
use super::stops::Stops;
use super::task::{Task, Write};
use super::task_status::write_error;
use super::writers::writes_of;

/// Runs the tasks that have not finished yet.
///
/// When one fails, what the others have finished by then is kept and the rest are cancelled. When one
/// asks, the others are waited for.
pub(super) async fn run_tasks(run: &mut Run) -> Result<(), Stop> {
    let channels = Arc::new(run.channels.clone());
    let mut running = Running::default();
    for place in 0..run.tasks.len() {
        start(run, place, &channels, &mut running);
    }
    let deadline = run.deadline();
    let mut stops = Stops::default();
    while let Some(event) = running.next(deadline).await {
        let time_is_up = matches!(event, Event::TimeUp);
        match event {
            Event::Finished(place, outcome) => match keep(run, place, outcome) {
                Kept::Done => {}
                Kept::Stop(stop) => stops.note(stop),
                Kept::ForHandler(error) => match run.hand_over(place, error).await {
                    Ok(Some(handler)) => start(run, handler, &channels, &mut running),
                    Ok(None) => {}
                    Err(stop) => stops.note(stop),
                },
            },
            Event::TimeUp => stops.note(run.run_timeout().into()),
        }
        if let Some(parent) = &run.parent {
            parent.heart.beat();
        }
        if stops.has_failure() {
            // Whoever has finished by now is kept; the others are cancelled at their next wait. The
            // handlers of those who have failed by now run when the thread is continued.
            while let Some((place, outcome)) = running.try_next() {
                if let Kept::Stop(stop) = keep(run, place, outcome) {
                    stops.note(stop);
                }
            }
            running.cancel().await;
            if time_is_up {
                keep_answers(run);
            }
        }
    }
    stops.into_result()
}

/// Starts the task at `place` unless it has finished.
fn start(run: &Run, place: usize, channels: &Arc<Channels>, running: &mut Running) {
    if let Some(task) = run.tasks.get(place)
        && task.writes.is_empty()
    {
        running.start(place, TaskRun::of(run, task, Arc::clone(channels)).run());
    }
}

/// Keeps the answers that cancelled tasks had used: nobody is asked twice because the time was up.
fn keep_answers(run: &mut Run) {
    let unfinished = run.tasks.iter().filter(|task| task.writes.is_empty());
    let used: Vec<_> = unfinished
        .filter_map(|task| {
            let answers = task.scratchpad.used_answers()?;
            Some((task.id.clone(), task.path.to_string(), answers))
        })
        .collect();
    for (id, path, answers) in used {
        run.put_writes(&id, path, vec![(RESUME.into(), answers)]);
    }
}

/// What follows from the outcome of a task.
enum Kept {
    Done,
    /// The task has not finished.
    Stop(Stop),
    /// It failed, and its node has an error handler.
    ForHandler(GraphError),
}

/// Keeps the outcome of a task.
fn keep(run: &mut Run, place: usize, outcome: Outcome) -> Kept {
    let graph = Arc::clone(&run.graph);
    let Some(task) = run.tasks.get_mut(place) else {
        return Kept::Done;
    };
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
            Kept::Done
        }
        Err(NodeError(Stop::Interrupted(interrupts))) => {
            if !interrupts.is_empty() {
                let asked = (INTERRUPT.into(), Interrupt::write_all(&interrupts));
                let writes = std::iter::once(asked).chain(answers).collect();
                run.put_writes(&id, path, writes);
            }
            Kept::Stop(Stop::Interrupted(interrupts))
        }
        Err(NodeError(Stop::ToParent(command))) => Kept::Stop(Stop::ToParent(command)),
        Err(NodeError(Stop::Drained)) => {
            run.put_writes(&id, path, answers.into_iter().collect());
            Kept::Stop(Stop::Drained)
        }
        Err(NodeError(Stop::Failed(source))) => {
            // What a failed task had written so far is not kept: it would pass for finished.
            let error = Stop::failure(&task.node, source);
            let handled = graph
                .node(&task.node)
                .is_some_and(|node| node.on_error.is_some());
            let mut writes = if handled {
                failure_writes(task, &error)
            } else {
                vec![(ERROR.into(), write_error(&error))]
            };
            if handled {
                task.writes.clone_from(&writes);
            }
            writes.extend(answers);
            run.put_writes(&id, path, writes);
            if handled {
                Kept::ForHandler(error)
            } else {
                Kept::Stop(error.into())
            }
        }
    }
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
            slot: Slot::of(run.scope.limits.slots.clone()),
            failure: task.failure.clone(),
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
                // The tasks of a subgraph are counted, and not the one that waits for them.
                let _working = match node.subgraph() {
                    None => Some(self.context.slot.work().await),
                    Some(_) => None,
                };
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
        let mut writer = node;
        if let Some(failed) = &self.context.failure
            && !output.says_where_to_go()
        {
            // It stands in for what the failed node would have returned.
            writer = self.graph.node(&failed.node).unwrap_or(node);
        }
        writes_of(&self.graph, writer, output, &self.channels)
    }
}
