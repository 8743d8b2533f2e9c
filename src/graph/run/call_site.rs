//! [`CallSite`]: where in a run a task stands when it runs subgraphs, and which it is running.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::graph::compiled::Inner;
use crate::graph::error::GraphError;
use crate::graph::names::{NS_END, NS_SEP};
use crate::graph::run::claims::Lineage;

/// Where a task stands when it runs subgraphs.
#[derive(Clone, Debug, Default)]
pub(in crate::graph) struct CallSite {
    pub(in crate::graph) lineage: Lineage,
    /// Whether the call has a key, which is then the last level of the task's namespace.
    pub(in crate::graph) keyed: bool,
    /// The graphs with a memory of their own that are being called without a key, by their addresses.
    running: Arc<Mutex<Vec<usize>>>,
}

impl CallSite {
    /// Where a task stands that belongs to a graph run at `outer`.
    pub(in crate::graph) fn within(outer: Option<&Self>, checkpoint: &str, task: &str) -> Self {
        let mut lineage = outer.map(|site| site.lineage.clone()).unwrap_or_default();
        lineage.push((checkpoint.to_owned(), task.to_owned()));
        Self {
            lineage,
            ..Self::default()
        }
    }

    /// The same place, for a call with a key.
    pub(in crate::graph) fn keyed(&self) -> Self {
        Self {
            keyed: true,
            ..self.clone()
        }
    }

    /// Notes that `graph` is called; `None` if it is being called already. Such calls are told apart by
    /// their order, which calls at the same time do not have.
    pub(in crate::graph) fn enter(&self, graph: &Arc<Inner>) -> Option<OpenCall> {
        let graph = Arc::as_ptr(graph).addr();
        let mut running = self.running.lock();
        if running.contains(&graph) {
            return None;
        }
        running.push(graph);
        Some(OpenCall {
            running: Arc::clone(&self.running),
            graph,
        })
    }
}

/// A call that goes on until this is dropped.
#[derive(Debug)]
pub(in crate::graph) struct OpenCall {
    running: Arc<Mutex<Vec<usize>>>,
    graph: usize,
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.running.lock().retain(|graph| *graph != self.graph);
    }
}

/// The namespace below `namespace` that belongs to `key`.
///
/// The level is `:key`. A node's level begins with the node's name, which is not empty, and a place in the order
/// of calls is digits, so neither can be taken for it.
pub(in crate::graph) fn keyed_namespace(namespace: &str, key: &str) -> Result<String, GraphError> {
    check_key(key)?;
    Ok(format!("{namespace}{NS_SEP}{NS_END}{key}"))
}

/// Whether `key` can be part of a namespace.
pub(in crate::graph) fn check_key(key: &str) -> Result<(), GraphError> {
    if key.is_empty() || key.contains([NS_SEP, NS_END]) {
        return Err(GraphError::InvalidConfig(format!(
            "the key `{key}` of a subgraph is empty or contains `|` or `:`, which separate the levels of \
             a namespace; choose another"
        )));
    }
    Ok(())
}
