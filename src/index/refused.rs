//! [`Refused`]: why a record changed nothing.

use crate::index::TablesError;

/// Why a record changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) thread: String,
    pub(crate) reason: Reason,
}

/// What stands against a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It belongs to or follows this checkpoint, which went when its thread was deleted.
    Deleted { checkpoint: String },
    /// It takes values from this checkpoint, which was pruned.
    Pruned { checkpoint: String },
    /// It says how its versions differ from this checkpoint's, which was put again with others.
    Replaced { checkpoint: String },
    /// The thread has changed since the removal of some of its checkpoints was planned.
    Changed,
    /// There is nothing to copy.
    Empty,
    /// The thread to copy to has checkpoints.
    Taken,
    /// The checkpoint to be tagged is not there.
    Missing { checkpoint: String },
}

/// Why a record was not applied.
#[derive(Clone, Debug)]
pub(crate) enum Unapplied {
    /// It never will be.
    Refused(Refused),
    /// Rows that it needs could not be read. It can be applied again.
    Tables(TablesError),
}

impl From<TablesError> for Unapplied {
    fn from(error: TablesError) -> Self {
        Self::Tables(error)
    }
}

impl Unapplied {
    pub(super) fn refused(thread: &str, reason: Reason) -> Self {
        Self::Refused(Refused {
            thread: thread.to_owned(),
            reason,
        })
    }
}
