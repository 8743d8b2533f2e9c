//! [`NodeError`]: why a node stopped before it returned.

use std::error::Error;
use std::sync::Arc;

use crate::graph::command::Command;
use crate::graph::error::GraphError;
use crate::graph::interrupt::Interrupt;

/// What a fallible node returns.
pub type NodeResult<T = serde_json::Value> = Result<T, NodeError>;

/// Why a node stopped before it returned: it failed, or it waits for an answer.
///
/// Any error turns into it with `?`. So does the wait for an answer that
/// [`Runtime::interrupt`](crate::graph::Runtime::interrupt) returns, which is why this is no error type
/// itself: do not swallow it, or the node goes on without the answer.
pub struct NodeError(pub(super) Stop);

pub(super) enum Stop {
    Failed(Arc<dyn Error + std::marker::Send + Sync>),
    Interrupted(Vec<Interrupt>),
    /// Commands for the graph around the one whose nodes returned them.
    ToParent(Vec<Command>),
    /// The run was asked to stop.
    Drained,
}

impl NodeError {
    /// A failure that is explained by a text.
    pub fn msg(message: impl Into<String>) -> Self {
        Self(Stop::Failed(Arc::new(Message(message.into()))))
    }

    /// A failure of any kind that can be boxed: a text, a boxed error, what an error library has.
    /// Errors that implement [`Error`] need it not: they turn into this with `?`.
    pub fn from_boxed(error: impl Into<Box<dyn Error + std::marker::Send + Sync>>) -> Self {
        Self(Stop::Failed(error.into().into()))
    }

    /// Whether the node waits for an answer, as opposed to having failed.
    pub fn is_interrupt(&self) -> bool {
        matches!(self.0, Stop::Interrupted(_))
    }

    /// Whether the node has failed, as opposed to waiting for an answer, returning a command for the graph
    /// around its own, or being stopped with its run.
    pub fn is_failure(&self) -> bool {
        matches!(self.0, Stop::Failed(_))
    }

    /// The failure, if it is one, as an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match &self.0 {
            Stop::Failed(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

impl Stop {
    /// The failure of `node` as the run reports it. An error of the graph itself stays what it is.
    pub(super) fn failure(
        node: &str,
        source: Arc<dyn Error + std::marker::Send + Sync>,
    ) -> GraphError {
        match source.downcast_ref::<GraphError>() {
            Some(error) => error.clone(),
            None => GraphError::Node {
                node: node.into(),
                source,
            },
        }
    }
}

impl<E: Error + std::marker::Send + Sync + 'static> From<E> for NodeError {
    fn from(error: E) -> Self {
        Self(Stop::Failed(Arc::new(error)))
    }
}

impl std::fmt::Debug for NodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Stop::Failed(error) => write!(f, "{error:?}"),
            Stop::Interrupted(interrupts) => write!(f, "waits for an answer: {interrupts:?}"),
            Stop::ToParent(commands) => write!(f, "commands for the parent graph: {commands:?}"),
            Stop::Drained => f.write_str("stopped with its run"),
        }
    }
}

impl std::fmt::Display for NodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Stop::Failed(error) => write!(f, "{error}"),
            Stop::Interrupted(_) => f.write_str("waits for an answer"),
            Stop::ToParent(_) => f.write_str("returned a command for the parent graph"),
            Stop::Drained => f.write_str("was stopped with its run"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Message(String);
