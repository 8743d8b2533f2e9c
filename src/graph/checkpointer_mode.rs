//! [`CheckpointerMode`]: where a graph saves its checkpoints.

use std::sync::Arc;

use crate::checkpoint::Checkpointer;

/// Where a graph saves its checkpoints.
///
/// It is given to [`StateGraph::with_checkpointer`](crate::graph::StateGraph::with_checkpointer) as a checkpointer, as `true`, or as `false`.
#[derive(Clone, Default)]
pub enum CheckpointerMode {
    /// As a root graph nowhere; as a subgraph with the graph around it, starting afresh in every task:
    /// it can be interrupted and resumed, and remembers nothing.
    #[default]
    Inherit,
    /// Nowhere, also as a subgraph: it starts over when the graph around it is resumed.
    Disabled,
    /// As a subgraph with the graph around it, in one history per thread and place: it
    /// remembers from run to run. A root graph cannot be run so.
    PerThread,
    /// With this checkpointer.
    Saver(Arc<dyn Checkpointer>),
}

impl From<bool> for CheckpointerMode {
    fn from(own_memory: bool) -> Self {
        if own_memory {
            Self::PerThread
        } else {
            Self::Disabled
        }
    }
}

impl<C: Checkpointer> From<C> for CheckpointerMode {
    fn from(checkpointer: C) -> Self {
        Self::Saver(Arc::new(checkpointer))
    }
}

impl std::fmt::Debug for CheckpointerMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inherit => "Inherit",
            Self::Disabled => "Disabled",
            Self::PerThread => "PerThread",
            Self::Saver(_) => "Saver",
        })
    }
}
