//! [`FailedNode`]: what an error handler is told.

use std::error::Error;

use crate::graph::error::GraphError;
use crate::graph::thread::snapshot::TaskError;

/// What an error handler is told about the node that failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedNode {
    /// The node.
    pub node: String,
    /// Its error, as it is saved.
    pub error: TaskError,
    /// `None` once the handler runs in another process than the node did.
    source: Option<GraphError>,
}

impl FailedNode {
    pub(super) fn new(node: &str, error: TaskError, source: Option<GraphError>) -> Self {
        Self {
            node: node.to_owned(),
            error,
            source,
        }
    }

    /// The error that the node returned, if it is an `E`. After a crash between the node's failure and the
    /// handler only its [text](Self::error) is left, and this is `None`: decide on
    /// the text where that matters.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match &self.source {
            Some(GraphError::Node { source, .. }) => source.downcast_ref(),
            Some(error) => (error as &(dyn Error + 'static)).downcast_ref(),
            None => None,
        }
    }
}
