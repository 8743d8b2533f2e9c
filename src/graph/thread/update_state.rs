//! Updating a thread's state from outside, as if a node had returned the update.

mod as_nodes;
mod special;
mod updater;

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use self::updater::Updater;
use crate::graph::compiled::CompiledGraph;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::run::admission::Admission;
use crate::graph::runtime::RunScope;

/// One update of a thread's state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateUpdate {
    values: Value,
    as_node: Option<String>,
    task_id: Option<String>,
}

impl StateUpdate {
    /// An update with the entries of the object `values`; with null it writes nothing, and only the edges
    /// of its node count.
    pub fn new(values: impl Into<Value>) -> Self {
        Self {
            values: values.into(),
            as_node: None,
            task_id: None,
        }
    }

    /// Applies the update as if this node had returned it.
    #[must_use]
    pub fn as_node(mut self, node: impl Into<String>) -> Self {
        self.as_node = Some(node.into());
        self
    }

    /// Lets the update stand for this task; otherwise for the node's first planned one.
    #[must_use]
    pub fn task_id(mut self, id: impl Into<String>) -> Self {
        self.task_id = Some(id.into());
        self
    }
}

impl CompiledGraph {
    /// Writes a checkpoint as if `as_node` had returned `values`: through the reducers, with the
    /// node's edges. Returns the new checkpoint's address. At a past checkpoint this makes a fork.
    ///
    /// Without `as_node` the update counts as the node that ran last, or as the input if none has.
    /// Special: `__start__` counts as the step that applies an input; `__input__` as a new input;
    /// [`END`](crate::graph::END) with null drops all pending tasks; `__copy__` with null makes a copy of the
    /// checkpoint beside it.
    ///
    /// # Errors
    /// [`GraphError::InvalidUpdate`] if two nodes ran last, the node does not exist, or the reducers
    /// refuse; nothing is saved then. [`GraphError::ThreadBusy`] if the thread is being run, unless the
    /// config's [`WhenBusy`](crate::graph::WhenBusy) says otherwise. Also those of [`get_state`](Self::get_state).
    pub async fn update_state(
        &self,
        config: &Config,
        values: impl Into<Value>,
        as_node: Option<&str>,
    ) -> Result<Config, GraphError> {
        let mut update = StateUpdate::new(values);
        update.as_node = as_node.map(str::to_owned);
        self.bulk_update_state(config, vec![vec![update]]).await
    }

    /// Applies a series of super-steps, each a list of updates, and returns the address of the last
    /// checkpoint. Each super-step is one checkpoint; several updates in one need an
    /// [`as_node`](StateUpdate::as_node) each.
    ///
    /// # Errors
    /// [`GraphError::EmptyUpdate`] if there are no super-steps or one has no updates, and those of
    /// [`update_state`](Self::update_state). Super-steps before the one that failed stay.
    pub async fn bulk_update_state(
        &self,
        config: &Config,
        supersteps: Vec<Vec<StateUpdate>>,
    ) -> Result<Config, GraphError> {
        let checkpointer = self.state_checkpointer("update_state")?;
        let thread = config.thread_id().ok_or(GraphError::MissingThreadId)?;
        if supersteps.is_empty() {
            return Err(GraphError::EmptyUpdate("no super-steps were given"));
        }
        if supersteps.iter().any(Vec::is_empty) {
            return Err(GraphError::EmptyUpdate("a super-step has no updates"));
        }
        let (graph, own) = self.addressed_graph(config);
        let at_root = Arc::ptr_eq(&graph.inner, &self.inner);
        if at_root && !config.namespace.is_empty() {
            return Err(GraphError::invalid_update(
                format!("namespace `{}`", config.namespace),
                "the graph has no such subgraph",
            ));
        }
        let mut own = own;
        let admission = Admission::of_thread(&checkpointer, &mut own).await?;
        let scope = RunScope::new(config.clone(), graph.inner.store.clone());
        let updater = Updater {
            scope: Arc::new(scope),
            graph,
            checkpointer,
            thread: thread.to_owned(),
            beside_a_run: admission.forked,
        };
        let mut steps: VecDeque<Vec<StateUpdate>> = supersteps.into();
        let mut config = own;
        let mut is_first = true;
        while let Some(updates) = steps.pop_front() {
            let (next, more) = updater.perform(&config, updates, is_first).await?;
            if let Some(more) = more {
                steps.push_front(more);
            }
            config = next;
            is_first = false;
        }
        Ok(config)
    }
}
