//! The spans that a run is traced in: `run`, and in it `step`, `task`, `attempt` (see
//! [`RetryPolicy`](crate::graph::RetryPolicy)) and `commit`. They cost next to nothing while nobody listens.

use tracing::Span;

use crate::graph::run::Run;
use crate::graph::run::task::Task;

/// A run of a graph or, as a part of a task, of a subgraph.
pub(in crate::graph) fn run(run: &Run) -> Span {
    let thread = run.scope.config.thread_id();
    tracing::info_span!("run", thread, namespace = run.namespace)
}

/// One super-step.
pub(in crate::graph) fn step(run: &Run) -> Span {
    tracing::debug_span!("step", number = run.step, tasks = run.tasks.len())
}

/// One task at work.
pub(in crate::graph) fn task(task: &Task) -> Span {
    tracing::debug_span!("task", node = &*task.node, id = task.id)
}

/// The wait until what was submitted is acknowledged.
pub(in crate::graph) fn commit(pending: usize) -> Span {
    tracing::debug_span!("commit", pending)
}
