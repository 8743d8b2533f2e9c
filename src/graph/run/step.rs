//! Running the tasks of one super-step, concurrently, and keeping what each of them wrote as soon as
//! it has finished.

use std::sync::Arc;

use serde_json::Value;
use tracing::Instrument;

use crate::graph::channels::Channels;
use crate::graph::error::GraphError;
use crate::graph::interrupt::Interrupt;
use crate::graph::names::{ERROR, INTERRUPT, NO_WRITES, RESUME, is_control};
use crate::graph::node_error::{NodeError, Stop};
use crate::graph::run::Run;
use crate::graph::run::admission::check_fan_out;
use crate::graph::run::handler::failure_writes;
use crate::graph::run::running::{Outcome, Progress, Running};
use crate::graph::run::spans;
use crate::graph::run::stops::Stops;
use crate::graph::run::task::Task;
use crate::graph::run::task_run::TaskRun;
use crate::graph::run::task_status::{
    Pending, TaskStatus, read_statuses, with_answered, write_error,
};

/// Runs the tasks that have not finished yet.
///
/// When one fails or asks, the others are waited for, as long as the run may take, and what they wrote is kept: work that was begun is not
/// lost, and what is kept does not depend on who is faster.
pub(in crate::graph) async fn run_tasks(run: &mut Run) -> Result<(), Stop> {
    if let Some(saver) = &run.saver {
        check_fan_out(&run.graph, &run.tasks, saver.thread())?;
    }
    let channels = Arc::new(run.channels.clone());
    let mut running = Running::default();
    for place in 0..run.tasks.len() {
        start(run, place, &channels, &mut running);
    }
    let deadline = run.deadline();
    let mut stops = Stops::default();
    while let Some(progress) = running.next(deadline).await {
        match progress {
            Progress::Finished(place, outcome) => match keep(run, place, outcome).await {
                Kept::Done => {}
                Kept::Stop(path, stop) => stops.note(path, stop),
                Kept::ForHandler(error) => match run.hand_over(place, error).await {
                    Ok(Some(handler)) => {
                        run.emit_started(handler).await;
                        start(run, handler, &channels, &mut running);
                    }
                    Ok(None) => {}
                    Err(stop) => stops.note(String::new(), stop),
                },
            },
            Progress::TimeUp => {
                stops.note(String::new(), run.run_timeout().into());
                // Whoever has finished by now is kept; handlers of those who have failed by now run when
                // the thread is continued.
                while let Some((place, outcome)) = running.try_next() {
                    if let Kept::Stop(path, stop) = keep(run, place, outcome).await {
                        stops.note(path, stop);
                    }
                }
                running.cancel().await;
                keep_answers(run);
            }
        }
        if let Some(parent) = &run.parent {
            parent.heart.beat();
        }
    }
    stops.into_result()
}

/// Starts the task at `place` unless it has finished.
fn start(run: &Run, place: usize, channels: &Arc<Channels>, running: &mut Running) {
    if let Some(task) = run.tasks.get(place)
        && task.writes.is_empty()
    {
        let work = TaskRun::of(run, task, Arc::clone(channels)).run();
        running.start(place, work.instrument(spans::task(task)));
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
    /// The task with this path has not finished.
    Stop(String, Stop),
    /// It failed, and its node has an error handler.
    ForHandler(GraphError),
}

/// Keeps the outcome of a task.
async fn keep(run: &mut Run, place: usize, outcome: Outcome) -> Kept {
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
            for (channel, value) in &mut writes {
                graph.ensure_message_ids(channel, value);
            }
            task.writes.clone_from(&writes);
            run.put_writes(&id, path, writes);
            run.emit_finished(place).await;
            Kept::Done
        }
        Err(NodeError(Stop::Interrupted(interrupts))) => {
            if !interrupts.is_empty() {
                let asked = (INTERRUPT.into(), Interrupt::write_all(&interrupts));
                let writes = std::iter::once(asked).chain(answers).collect();
                run.put_writes(&id, path.clone(), writes);
                run.emit_interrupted(place, &interrupts).await;
            } else {
                // Or the status of the thread would say that it waits for an answer.
                let asked = still_asked(task, &run.pending)
                    .map(|asked| (INTERRUPT.into(), Interrupt::write_all(&asked)));
                let writes = asked.into_iter().chain(answers).collect();
                run.put_writes(&id, path.clone(), writes);
            }
            Kept::Stop(path, Stop::Interrupted(interrupts))
        }
        Err(NodeError(stop @ Stop::ToParent(_))) => Kept::Stop(path, stop),
        Err(NodeError(Stop::Drained)) => {
            run.put_writes(&id, path.clone(), answers.into_iter().collect());
            Kept::Stop(path, Stop::Drained)
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
                let answered = answered_questions(task, &run.pending);
                vec![(ERROR.into(), with_answered(write_error(&error), answered))]
            };
            if handled {
                task.writes.clone_from(&writes);
            }
            writes.extend(answers);
            run.put_writes(&id, path.clone(), writes);
            run.emit_failed(place, &error).await;
            if handled {
                Kept::ForHandler(error)
            } else {
                Kept::Stop(path, error.into())
            }
        }
    }
}

/// The ids of what a task that failed has asked before and somebody has answered. Nobody else knows of the answers that were
/// used in its subgraphs.
fn answered_questions(task: &Task, pending: &[Pending]) -> Vec<String> {
    let status = status_of(task, pending);
    let ids = status.interrupts.into_iter().map(|question| question.id);
    ids.filter(|id| task.scratchpad.was_answered(id) || status.answered.contains(id))
        .collect()
}

/// What a task that stopped at a breakpoint below it has asked before, without what is known to be answered; `None` if it has
/// asked nothing. What it asked in a subgraph stays until it comes to an end, as in LangGraph.
fn still_asked(task: &Task, pending: &[Pending]) -> Option<Vec<Interrupt>> {
    let status = status_of(task, pending);
    let mut asked = Some(status.interrupts).filter(|asked| !asked.is_empty())?;
    asked.retain(|question| {
        !task.scratchpad.has_answer_to(&question.id, false)
            && !status.answered.contains(&question.id)
    });
    Some(asked)
}

fn status_of(task: &Task, pending: &[Pending]) -> TaskStatus {
    read_statuses(pending)
        .remove(task.id.as_str())
        .unwrap_or_default()
}
