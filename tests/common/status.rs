//! Whether a thread's checkpoints and its graph say the same about it.

use stepwell::checkpoint::{Awaited, CheckpointTuple, Checkpointer, RunFailure, ThreadStatus};
use stepwell::graph::{CompiledGraph, Config, UnfinishedReason};

/// Fails unless the status that the thread's latest checkpoint tells is that which the graph tells.
pub(crate) async fn agree(
    graph: &CompiledGraph,
    saver: &dyn Checkpointer,
    thread: &str,
) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("the status of `{thread}`: {error}");
    let latest = saver.get(thread, "", None).await;
    let Some(latest) = latest.map_err(|e| told(&e))? else {
        return Ok(());
    };
    let status = ThreadStatus::of(&latest);
    // A graph that does not save knows nothing of the thread.
    let (Ok(unfinished), Ok(state)) = (
        graph.unfinished().await,
        graph.get_state(&Config::thread(thread)).await,
    ) else {
        return Ok(());
    };
    let next = sorted(state.next);
    let is_right = sorted(status.next().to_vec()) == next
        && match &status {
            ThreadStatus::Idle => next.is_empty(),
            ThreadStatus::Interrupted { waits_for, .. } => {
                !unfinished.iter().any(|found| found.thread == thread)
                    && (*waits_for == Awaited::Answer) != state.interrupts.is_empty()
            }
            ThreadStatus::Unfinished { failure, .. } => {
                is_of_another_graph(graph, &latest)
                    || unfinished.iter().any(|found| {
                        found.thread == thread && failure_of(&found.reason) == *failure
                    })
            }
        };
    if is_right {
        return Ok(());
    }
    Err(told(&format!(
        "its checkpoints say {status:?}, its graph says {next:?}, {:?}, {unfinished:?}",
        state.interrupts
    )))
}

/// Whether another graph has run on the thread: this one then passes over it.
fn is_of_another_graph(graph: &CompiledGraph, latest: &CheckpointTuple) -> bool {
    let chart = graph.to_mermaid();
    let mut nodes = latest.checkpoint.versions_seen.keys();
    nodes.any(|node| !node.starts_with("__") && !chart.contains(node.as_str()))
}

fn failure_of(reason: &UnfinishedReason) -> Option<RunFailure> {
    match reason {
        UnfinishedReason::Failed { node, message } => Some(RunFailure {
            node: node.clone(),
            message: message.clone(),
        }),
        _ => None,
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
