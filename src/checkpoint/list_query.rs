//! [`ListQuery`]: which checkpoints are listed.

use serde_json::{Map, Value};

use crate::checkpoint::Projection;

/// Which checkpoints [`Checkpointer::list`](crate::checkpoint::Checkpointer::list) yields. The default is all of all threads.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Only this thread.
    pub thread: Option<String>,
    /// Only this namespace (`Some("")` is the root graph).
    pub namespace: Option<String>,
    /// Only checkpoints whose id is smaller than this. That is where to go on in one namespace of one thread. Of all threads, some may
    /// have the same ids, as copies do: there, the stream is to be read further instead.
    pub before: Option<String>,
    /// Only checkpoints whose metadata has these entries.
    pub filter: Map<String, Value>,
    /// At most so many.
    pub limit: Option<usize>,
    /// How much of each is read.
    pub projection: Projection,
}

impl ListQuery {
    /// All checkpoints of one thread and namespace.
    pub fn of(thread: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            thread: Some(thread.into()),
            namespace: Some(namespace.into()),
            ..Self::default()
        }
    }
}
