//! [`Unusable`]: what is wrong with an index file.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is wrong with an index file. All but [`Failed`](Self::Failed) has it thrown away, to be rebuilt
/// from the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("the file system failed: {0}")]
    Failed(String),
    #[error("it belongs to another database")]
    OtherDatabase,
    #[error("its rows have version {0}")]
    OtherVersion(u32),
}

impl From<redb::Error> for Unusable {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::PreviousIo => Self::Failed(error.to_string()),
            error => Self::Damaged(error.to_string()),
        }
    }
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Calls redb, which panics on pages that contradict each other.
pub(super) fn contain<T>(call: impl FnOnce() -> Result<T, Unusable>) -> Result<T, Unusable> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        Err(Unusable::Damaged(
            "its pages contradict each other".to_owned(),
        ))
    })
}
