//! Conditional edges: a function of the state that says where to go next.

use std::sync::Arc;

use super::command::Send;
use super::names::{END, START};
use super::node_error::NodeError;
use super::state::State;

/// Where to go next: a node by its name, or a task with an argument of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A node, or [`END`].
    Node(String),
    /// A task for a node.
    Send(Send),
}

impl From<&str> for Target {
    fn from(node: &str) -> Self {
        Self::Node(node.into())
    }
}

impl From<String> for Target {
    fn from(node: String) -> Self {
        Self::Node(node)
    }
}

impl From<Send> for Target {
    fn from(send: Send) -> Self {
        Self::Send(send)
    }
}

/// Whatever the function of a conditional edge may return: a node's name, a [`Send`], a list of
/// either, or a `Result` of those.
pub trait IntoTargets {
    /// The targets, or why there are none.
    ///
    /// # Errors
    /// The function's own failure; it counts as the node's.
    fn into_targets(self) -> Result<Vec<Target>, NodeError>;
}

impl IntoTargets for &str {
    fn into_targets(self) -> Result<Vec<Target>, NodeError> {
        Ok(vec![self.into()])
    }
}

impl IntoTargets for String {
    fn into_targets(self) -> Result<Vec<Target>, NodeError> {
        Ok(vec![self.into()])
    }
}

impl IntoTargets for Send {
    fn into_targets(self) -> Result<Vec<Target>, NodeError> {
        Ok(vec![self.into()])
    }
}

impl IntoTargets for Target {
    fn into_targets(self) -> Result<Vec<Target>, NodeError> {
        Ok(vec![self])
    }
}

impl<T: Into<Target>> IntoTargets for Vec<T> {
    fn into_targets(self) -> Result<Vec<Target>, NodeError> {
        Ok(self.into_iter().map(Into::into).collect())
    }
}

impl<T: IntoTargets, E: Into<NodeError>> IntoTargets for Result<T, E> {
    fn into_targets(self) -> Result<Vec<Target>, NodeError> {
        self.map_err(Into::into)?.into_targets()
    }
}

type Router = dyn Fn(State) -> Result<Vec<Target>, NodeError> + std::marker::Send + Sync;

/// A conditional edge of a compiled graph.
#[derive(Clone)]
pub(super) struct Branch(Arc<Router>);

impl Branch {
    pub(super) fn new<F, T>(router: F) -> Self
    where
        F: Fn(State) -> T + std::marker::Send + Sync + 'static,
        T: IntoTargets,
    {
        Self(Arc::new(move |state| router(state).into_targets()))
    }

    /// The targets for `state`, without those that are the end.
    pub(super) fn route(&self, state: State) -> Result<Vec<Target>, NodeError> {
        let mut targets = (self.0)(state)?;
        for target in &targets {
            if let Target::Send(send) = target
                && (send.node == START || send.node == END)
            {
                return Err(NodeError::msg(format!(
                    "a conditional edge sent a task to `{}`, which is no node",
                    send.node
                )));
            }
        }
        targets.retain(|target| !matches!(target, Target::Node(node) if node == END));
        Ok(targets)
    }
}

impl std::fmt::Debug for Branch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Branch")
    }
}
