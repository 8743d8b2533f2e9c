//! [`LastSaved`]: how far a thread had been saved when its checkpointer failed.

use std::fmt;

/// How far a thread, or one of its subgraphs, had been saved when the checkpointer failed.
///
/// It shows as the end of the error's message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LastSaved {
    /// It was not about to be saved: reading it failed.
    Unchanged,
    /// It has no checkpoint yet.
    Nothing,
    /// This checkpoint is the last that was acknowledged. [`Input::Continue`](crate::graph::Input::Continue) goes on
    /// from there.
    Checkpoint {
        /// Its id.
        id: String,
        /// The step that it is the end of.
        step: i64,
    },
}

impl fmt::Display for LastSaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => Ok(()),
            Self::Nothing => f.write_str("; nothing was saved before"),
            Self::Checkpoint { id, step } => {
                write!(f, "; saved last was checkpoint `{id}` of step {step}")
            }
        }
    }
}
