//! Conditional edges: a function of the state that says where to go next.

use std::sync::Arc;

use crate::graph::command::Send;
use crate::graph::error::GraphError;
use crate::graph::names::{END, START};
use crate::graph::node_error::NodeError;
use crate::graph::panics::caught;
use crate::graph::runtime::Runtime;
use crate::graph::state::State;
use crate::graph::typed::FromState;

/// Where to go next: a node by its name, or a task with an argument of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A node, or [`END`].
    Node(String),
    /// A task for a node.
    Send(Send),
}

impl Target {
    /// # Errors
    /// It is a [`Send`] with a key that cannot be part of a namespace.
    pub(super) fn check(&self) -> Result<(), GraphError> {
        match self {
            Self::Node(_) => Ok(()),
            Self::Send(send) => send.check(),
        }
    }
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

type Router = dyn Fn(State, Runtime) -> Result<Vec<Target>, NodeError> + std::marker::Send + Sync;

/// Whatever can decide where a conditional edge leads: a function of the state, or of the state
/// and the [`Runtime`], that returns [`IntoTargets`].
///
/// `M` tells the kinds apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "this cannot decide where a conditional edge leads",
    note = "it is a `fn(S) -> T` or `fn(S, Runtime) -> T`, where `S` is the graph's state",
    note = "`T` is a node's name, `Send`, a Vec of either, or a Result of these",
    note = "a closure needs the type of its argument: `|state: S| ..`"
)]
pub trait IntoRouter<M> {
    /// The decision.
    fn into_router(self) -> Branch;
}

impl<F, T, S> IntoRouter<(S,)> for F
where
    F: Fn(S) -> T + std::marker::Send + Sync + 'static,
    T: IntoTargets,
    S: FromState,
{
    fn into_router(self) -> Branch {
        Branch::new(move |state, _| self(S::from_state(state)?).into_targets())
    }
}

impl<F, T, S> IntoRouter<(S, Runtime)> for F
where
    F: Fn(S, Runtime) -> T + std::marker::Send + Sync + 'static,
    T: IntoTargets,
    S: FromState,
{
    fn into_router(self) -> Branch {
        Branch::new(move |state, runtime| self(S::from_state(state)?, runtime).into_targets())
    }
}

/// The decision of a conditional edge, ready to be called.
#[derive(Clone)]
pub struct Branch {
    router: Arc<Router>,
    /// Where it may lead, if that was declared.
    pub(super) targets: Option<Arc<[String]>>,
}

impl Branch {
    fn new<F>(router: F) -> Self
    where
        F: Fn(State, Runtime) -> Result<Vec<Target>, NodeError>
            + std::marker::Send
            + Sync
            + 'static,
    {
        Self {
            router: Arc::new(router),
            targets: None,
        }
    }

    pub(super) fn to(mut self, targets: Vec<String>) -> Self {
        self.targets = Some(targets.into());
        self
    }

    /// Whether it may lead to `node`.
    fn declares(&self, node: &str) -> bool {
        self.targets
            .as_ref()
            .is_none_or(|targets| targets.iter().any(|target| target == node))
    }

    /// The targets for `state`, without those that are the end.
    pub(super) fn route(&self, state: State, runtime: Runtime) -> Result<Vec<Target>, NodeError> {
        let mut targets = caught(|| (self.router)(state, runtime))
            .map_err(|said| NodeError::msg(format!("a conditional edge panicked: {said}")))??;
        for target in &targets {
            target.check()?;
            let (Target::Node(name) | Target::Send(Send { node: name, .. })) = target;
            if !self.declares(name) {
                return Err(NodeError::msg(format!(
                    "a conditional edge chose `{name}`, which is not among the targets that \
                     add_conditional_edges_to declares"
                )));
            }
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
        f.debug_struct("Branch")
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}
