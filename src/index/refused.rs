//! [`Refused`]: why a record changed nothing.

/// Why a record changed nothing: it belongs to a run that began before its thread was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) thread: String,
    /// The checkpoint of the deleted thread that the record belongs to or follows.
    pub(crate) checkpoint: String,
}
