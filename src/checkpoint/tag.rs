//! [`Tag`]: a name of a checkpoint.

/// A name of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The thread.
    pub thread: String,
    /// The graph within the thread.
    pub namespace: String,
    /// The name; each names one checkpoint of a namespace.
    pub name: String,
    /// The checkpoint.
    pub checkpoint_id: String,
}
