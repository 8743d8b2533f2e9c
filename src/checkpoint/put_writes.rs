//! [`PutWrites`]: writes of a task to be saved.

use crate::Encoded;

/// Writes of one task to be saved.
#[derive(Clone, Debug)]
pub struct PutWrites {
    /// The thread.
    pub thread: String,
    /// The graph within the thread.
    pub namespace: String,
    /// The checkpoint whose next super-step the task belongs to.
    pub checkpoint_id: String,
    /// The task.
    pub task_id: String,
    /// Where the task stands in its super-step.
    pub task_path: String,
    /// Channel and value of each write, in order.
    pub writes: Vec<(String, Encoded)>,
}
