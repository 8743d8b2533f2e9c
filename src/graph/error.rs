//! Why a graph could not be built, run, read or updated.

use std::error::Error;
use std::sync::Arc;

use crate::checkpoint::CheckpointError;
use crate::graph::channels::reducer::ReduceError;
use crate::graph::run::last_saved::LastSaved;

/// Why a graph could not be built, run, read or updated.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A node failed. What other tasks of its super-step had finished is kept; running the thread
    /// again with [`Input::Continue`](crate::graph::Input::Continue) runs only the rest.
    #[error("node `{node}` failed: {source}")]
    Node {
        /// The node.
        node: String,
        /// Its error.
        source: Arc<dyn Error + std::marker::Send + Sync>,
    },
    /// An update that cannot be applied. The super-step that made it was not applied at all.
    #[error("invalid update of {what}: {reason}")]
    InvalidUpdate {
        /// The channel or node concerned.
        what: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A message is to be removed that is not in the list.
    #[error("channel `{channel}` has no message with id `{id}` to remove")]
    MessageNotFound {
        /// The channel.
        channel: String,
        /// The id.
        id: String,
    },
    /// The run used up its super-steps without reaching an end. What it did is saved; running the thread
    /// again with [`Input::Continue`](crate::graph::Input::Continue) goes on with a new budget.
    #[error(
        "the run took {limit} super-steps without reaching an end; \
         check its loops or raise the limit with Config::recursion_limit"
    )]
    RecursionLimit {
        /// The budget that was used up.
        limit: u32,
    },
    /// The run took longer than [`Config::run_timeout`](crate::graph::Config::run_timeout) allows. Its
    /// super-steps are saved, and what tasks of the last one had finished; running the thread again with
    /// [`Input::Continue`](crate::graph::Input::Continue) goes on with the rest and a new budget of time.
    #[error(
        "the run on thread `{thread}` did not end within {limit:?}; what it finished is saved, \
         continue it with Input::Continue"
    )]
    RunTimeout {
        /// The thread, empty if the graph saves none.
        thread: String,
        /// The time that it was given.
        limit: std::time::Duration,
    },
    /// The run was asked to stop by its [`StopSignal`](crate::graph::StopSignal) and did so at a step boundary.
    /// Nothing is lost: running the thread again with [`Input::Continue`](crate::graph::Input::Continue) goes on.
    #[error(
        "the run on thread `{thread}` was asked to stop and has work left; \
         continue it with Input::Continue"
    )]
    Stopped {
        /// The thread, empty if the graph saves none.
        thread: String,
    },
    /// There is nothing to continue and no input to start with.
    #[error("thread `{thread}` has nothing to continue; give the run an input")]
    EmptyInput {
        /// The thread, empty if the graph saves none.
        thread: String,
    },
    /// The run was to start at a checkpoint that does not exist.
    #[error(
        "thread `{thread}` has no checkpoint `{checkpoint}` in namespace `{namespace}`; \
         take an id from get_state_history"
    )]
    UnknownCheckpoint {
        /// The thread.
        thread: String,
        /// The namespace.
        namespace: String,
        /// The id that was asked for.
        checkpoint: String,
    },
    /// The graph saves its state and was not told under which thread.
    #[error("this graph has a checkpointer and needs a thread; use Config::thread(\"an-id\")")]
    MissingThreadId,
    /// The operation needs a checkpointer and the graph has none.
    #[error("{operation} needs a checkpointer; give the graph one with with_checkpointer")]
    NoCheckpointer {
        /// What was asked for.
        operation: &'static str,
    },
    /// One answer was given while several interrupts wait for one.
    #[error(
        "{pending} interrupts are pending on thread `{thread}`; \
         say which one is answered with Command::resume_by_id"
    )]
    AmbiguousResume {
        /// The thread.
        thread: String,
        /// How many wait.
        pending: usize,
    },
    /// The thread is being run, and the caller did not want to wait; see [`WhenBusy`](crate::graph::WhenBusy).
    /// Nothing was done: an input must be given again.
    #[error(
        "thread `{thread}` is busy with another run; run it again when that has ended, \
         or let it wait or fork with Config::when_busy"
    )]
    ThreadBusy {
        /// The thread.
        thread: String,
    },
    /// A subgraph with a memory of its own would run more than once at the same time on one memory.
    #[error(
        "thread `{thread}`: node `{node}` runs a subgraph on the memory `{namespace}` while that is in use; \
         give each run a memory of its own with a key (Runtime::call_keyed or Send::key), \
         or run them one after the other"
    )]
    SubgraphBusy {
        /// The thread.
        thread: String,
        /// The namespace of the memory.
        namespace: String,
        /// The node that came second.
        node: String,
    },
    /// The graph cannot be compiled.
    #[error("invalid graph: {0}")]
    InvalidGraph(String),
    /// The run was given an option that makes no sense.
    #[error("invalid config: {0}")]
    InvalidConfig(String),
    /// A bulk update without steps, or with a step without updates.
    #[error("there is nothing to update: {0}")]
    EmptyUpdate(&'static str),
    /// A saved value cannot be read by this graph.
    #[error("checkpoint `{checkpoint}`: channel `{channel}` cannot be read: {reason}")]
    Unreadable {
        /// The checkpoint.
        checkpoint: String,
        /// The channel.
        channel: String,
        /// Why not.
        reason: String,
    },
    /// The state does not have the shape that a node, a conditional edge or a caller expects.
    #[error("channel `{channel}` of the state cannot be read as `{expected}`: {reason}")]
    InvalidState {
        /// The channel.
        channel: String,
        /// The type that it was to be read as part of.
        expected: &'static str,
        /// Why not, and what to do.
        reason: String,
    },
    /// The runtime in which a streamed run went on ended before the run did.
    #[error("the runtime ended before the run did; run the thread again with Input::Continue")]
    RuntimeGone,
    /// The checkpointer failed. The run stopped at the step that it could not save.
    #[error("thread `{thread}`: {source}{last_saved}")]
    Checkpoint {
        /// The thread.
        thread: String,
        /// Why it failed.
        source: CheckpointError,
        /// How far the thread had been saved.
        last_saved: Box<LastSaved>,
    },
}

/// The kinds of [`GraphError`], for those who compare or report them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "each is the kind of the GraphError of the same name"
)]
pub enum ErrorKind {
    Node,
    InvalidUpdate,
    MessageNotFound,
    RecursionLimit,
    RunTimeout,
    Stopped,
    EmptyInput,
    UnknownCheckpoint,
    MissingThreadId,
    NoCheckpointer,
    AmbiguousResume,
    ThreadBusy,
    SubgraphBusy,
    InvalidGraph,
    InvalidConfig,
    EmptyUpdate,
    Unreadable,
    InvalidState,
    RuntimeGone,
    Checkpoint,
}

impl ErrorKind {
    /// The kind as a word, such as `node_error` or `empty_input`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node_error",
            Self::InvalidUpdate => "invalid_update",
            Self::MessageNotFound => "message_not_found",
            Self::RecursionLimit => "recursion_limit",
            Self::RunTimeout => "run_timeout",
            Self::Stopped => "stopped",
            Self::EmptyInput => "empty_input",
            Self::UnknownCheckpoint => "unknown_checkpoint",
            Self::MissingThreadId => "missing_thread_id",
            Self::NoCheckpointer => "no_checkpointer",
            Self::AmbiguousResume => "ambiguous_resume",
            Self::ThreadBusy => "thread_busy",
            Self::SubgraphBusy => "subgraph_busy",
            Self::InvalidGraph => "invalid_graph",
            Self::InvalidConfig => "invalid_config",
            Self::EmptyUpdate => "empty_update",
            Self::Unreadable => "unreadable",
            Self::InvalidState => "invalid_state",
            Self::RuntimeGone => "runtime_gone",
            Self::Checkpoint => "checkpoint",
        }
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl GraphError {
    /// Which kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Node { .. } => ErrorKind::Node,
            Self::InvalidUpdate { .. } => ErrorKind::InvalidUpdate,
            Self::MessageNotFound { .. } => ErrorKind::MessageNotFound,
            Self::RecursionLimit { .. } => ErrorKind::RecursionLimit,
            Self::RunTimeout { .. } => ErrorKind::RunTimeout,
            Self::Stopped { .. } => ErrorKind::Stopped,
            Self::EmptyInput { .. } => ErrorKind::EmptyInput,
            Self::UnknownCheckpoint { .. } => ErrorKind::UnknownCheckpoint,
            Self::MissingThreadId => ErrorKind::MissingThreadId,
            Self::NoCheckpointer { .. } => ErrorKind::NoCheckpointer,
            Self::AmbiguousResume { .. } => ErrorKind::AmbiguousResume,
            Self::ThreadBusy { .. } => ErrorKind::ThreadBusy,
            Self::SubgraphBusy { .. } => ErrorKind::SubgraphBusy,
            Self::InvalidGraph(_) => ErrorKind::InvalidGraph,
            Self::InvalidConfig(_) => ErrorKind::InvalidConfig,
            Self::EmptyUpdate(_) => ErrorKind::EmptyUpdate,
            Self::Unreadable { .. } => ErrorKind::Unreadable,
            Self::InvalidState { .. } => ErrorKind::InvalidState,
            Self::RuntimeGone => ErrorKind::RuntimeGone,
            Self::Checkpoint { .. } => ErrorKind::Checkpoint,
        }
    }

    /// What a failed node said, without the node's name.
    pub fn node_message(&self) -> Option<String> {
        match self {
            Self::Node { source, .. } => Some(source.to_string()),
            _ => None,
        }
    }

    pub(super) fn invalid_update(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidUpdate {
            what: what.into(),
            reason: reason.into(),
        }
    }

    pub(super) fn reduce(channel: &str, error: ReduceError) -> Self {
        match error {
            ReduceError::Invalid(_) | ReduceError::Panicked(_) => {
                Self::invalid_update(format!("channel `{channel}`"), error.to_string())
            }
            ReduceError::MessageNotFound(id) => Self::MessageNotFound {
                channel: channel.into(),
                id,
            },
        }
    }

    pub(super) fn unreadable(channel: &str, checkpoint: &str, reason: impl Into<String>) -> Self {
        Self::Unreadable {
            checkpoint: checkpoint.into(),
            channel: channel.into(),
            reason: reason.into(),
        }
    }

    pub(crate) fn checkpoint(thread: &str, source: CheckpointError) -> Self {
        Self::Checkpoint {
            thread: thread.into(),
            source,
            last_saved: Box::new(LastSaved::Unchanged),
        }
    }
}
