//! [`Admission`]: the right of a run to write where it writes.

use std::sync::{Arc, Weak};

use crate::checkpoint::{CheckpointError, Checkpointer};
use crate::graph::checkpointer_mode::CheckpointerMode;
use crate::graph::compiled::Inner;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::run::call_site::OpenCall;
use crate::graph::run::task::Task;
use crate::graph::runtime::TaskContext;
use crate::graph::when_busy::WhenBusy;
use crate::lease::{Held, Lease, Unknown};

/// The right of a run to write where it writes, until it is dropped.
#[derive(Debug, Default)]
pub(in crate::graph) struct Admission {
    lease: Option<Lease>,
    /// Whether the run goes beside another one, on a branch of its own.
    pub(in crate::graph) forked: bool,
    _call: Option<OpenCall>,
}

impl Admission {
    /// Admits a run of a graph by itself, or an update of its state. On a branch of its own, `config` then
    /// addresses where that starts.
    pub(in crate::graph) async fn of_thread(
        checkpointer: &Arc<dyn Checkpointer>,
        config: &mut Config,
    ) -> Result<Self, GraphError> {
        let thread = config
            .thread_id
            .clone()
            .ok_or(GraphError::MissingThreadId)?;
        let leases = checkpointer.leases();
        let lease = match config.when_busy {
            WhenBusy::Wait => leases.take(&thread, "").await.map(Some),
            WhenBusy::Fail | WhenBusy::Fork => leases.try_take(&thread, "").await,
        };
        let lease = lease.map_err(|source| unknown(&thread, source))?;
        match (&lease, config.when_busy) {
            (Some(_), _) => {}
            (None, WhenBusy::Fork) => fork_latest(checkpointer, config, &thread).await?,
            (None, _) => return Err(GraphError::ThreadBusy { thread }),
        }
        Ok(Self {
            forked: lease.is_none(),
            lease,
            ..Self::default()
        })
    }

    /// Admits a run of `graph` as a part of `task`, to save in `namespace`.
    pub(in crate::graph) async fn of_subgraph(
        checkpointer: &Arc<dyn Checkpointer>,
        graph: &Arc<Inner>,
        task: &TaskContext,
        namespace: &str,
    ) -> Result<Self, GraphError> {
        let remembers = matches!(graph.checkpointer, CheckpointerMode::PerThread);
        if !remembers && !task.site.keyed {
            // It has the task's namespace, or its place in the order of calls there, to itself.
            return Ok(Self::default());
        }
        let thread = task.scope.config.thread_id().unwrap_or_default();
        let busy = || GraphError::SubgraphBusy {
            thread: thread.to_owned(),
            namespace: namespace.to_owned(),
            node: task.node.to_string(),
        };
        let mut call = None;
        if remembers {
            if !task.site.keyed {
                call = Some(task.site.enter(graph).ok_or_else(busy)?);
            }
            if !task.scope.claims.claim(namespace, &task.site.lineage) {
                return Err(busy());
            }
        }
        let lease = checkpointer.leases().try_take(thread, namespace).await;
        let lease = lease.map_err(|source| unknown(thread, source))?;
        Ok(Self {
            lease: Some(lease.ok_or_else(busy)?),
            forked: false,
            _call: call,
        })
    }

    /// What the run's tasks share in, so that nobody else is admitted before they have gone.
    pub(in crate::graph) fn part(&self) -> Option<Weak<Held>> {
        self.lease.as_ref().map(Lease::part)
    }
}

fn unknown(thread: &str, source: Unknown) -> GraphError {
    let what = format!("taking thread `{thread}`");
    GraphError::checkpoint(thread, CheckpointError::Backend { what, source })
}

async fn fork_latest(
    checkpointer: &Arc<dyn Checkpointer>,
    config: &mut Config,
    thread: &str,
) -> Result<(), GraphError> {
    if config.checkpoint_id.is_none() && config.namespace.is_empty() {
        let latest = checkpointer
            .get(thread, "", None)
            .await
            .map_err(|e| GraphError::checkpoint(thread, e))?;
        config.checkpoint_id = latest.map(|latest| latest.checkpoint.id);
    }
    Ok(())
}

/// Refuses a super-step in which two tasks would run one subgraph on one memory. That they would one
/// after the other if the first is quick, or has finished in an earlier run, makes it no better.
pub(in crate::graph) fn check_fan_out(
    graph: &Inner,
    tasks: &[Task],
    thread: &str,
) -> Result<(), GraphError> {
    let mut used = std::collections::BTreeSet::new();
    for task in tasks {
        let subgraph = graph.node(&task.node).and_then(|node| node.subgraph());
        let remembers = subgraph.is_some_and(|subgraph| {
            matches!(subgraph.inner.checkpointer, CheckpointerMode::PerThread)
        });
        if remembers {
            let namespace = crate::graph::names::without_task_ids(&task.namespace);
            if !used.insert(namespace.clone()) {
                return Err(GraphError::SubgraphBusy {
                    thread: thread.to_owned(),
                    namespace,
                    node: task.node.to_string(),
                });
            }
        }
    }
    Ok(())
}
