//! What can go wrong, as an exception of `stepwell.errors`; and the wall that no panic passes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use pyo3::types::PyString;
use stepwell::checkpoint::CheckpointError;
use stepwell::db::DbError;
use stepwell::log::LogError;
use stepwell::store::StoreError;

/// Why something was not done.
pub(crate) enum Failure {
    /// Python has raised it.
    Raised(PyErr),
    /// It is to be raised: a class of `stepwell.errors`, and what it says.
    Ours {
        class: &'static str,
        message: String,
    },
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self::Ours {
            class,
            message: message.into(),
        }
    }

    /// What was asked cannot be meant.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidRequestError", message)
    }

    fn raised(self, py: Python<'_>) -> PyErr {
        let (class, message) = match self {
            Self::Raised(error) => return error,
            Self::Ours { class, message } => (class, message),
        };
        let class = py
            .import("stepwell.errors")
            .and_then(|errors| errors.getattr(class));
        match class.and_then(|class| class.call1((PyString::new(py, &message),))) {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        }
    }
}

/// Does `work` for Python, and makes an exception of everything that goes wrong in it, panics included.
pub(crate) fn guarded<T>(py: Python<'_>, work: impl FnOnce() -> Outcome<T>) -> PyResult<T> {
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(Failure::new(
            "InternalError",
            format!("a defect of stepwell, please report it: {what}"),
        ))
    });
    outcome.map_err(|failure| failure.raised(py))
}

/// As [`guarded`], for what may block: other Python threads go on meanwhile.
pub(crate) fn blocking<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Outcome<T> + Send,
) -> PyResult<T> {
    guarded(py, || py.detach(work))
}

/// Panics, for the test that no panic gets out as one.
#[pyfunction]
#[pyo3(name = "_panics")]
#[expect(clippy::panic, reason = "it is what it is for")]
pub(crate) fn panics(py: Python<'_>) -> PyResult<()> {
    blocking(py, || panic!("on purpose"))
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        let class = match &error {
            CheckpointError::Db(_) => {
                let CheckpointError::Db(error) = error else {
                    return Self::new("CheckpointError", "");
                };
                return error.into();
            }
            CheckpointError::ThreadDeleted { .. } => "ThreadDeletedError",
            CheckpointError::Pruned { .. } => "CheckpointPrunedError",
            CheckpointError::ThreadExists { .. } => "ThreadExistsError",
            CheckpointError::NothingToCopy { .. } => "ThreadNotFoundError",
            CheckpointError::NoSuchCheckpoint { .. } => "CheckpointNotFoundError",
            CheckpointError::NothingToAppendTo { .. } => "NothingToAppendToError",
            CheckpointError::TooDeep { .. } => "InvalidRequestError",
            _ => "CheckpointError",
        };
        Self::new(class, error.to_string())
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        let class = match &error {
            DbError::Log(LogError::Locked { .. }) => "DatabaseLockedError",
            DbError::Log(LogError::OutOfSpace { .. }) => "OutOfSpaceError",
            DbError::Log(
                LogError::Corrupt { .. }
                | LogError::SuperblockDamaged { .. }
                | LogError::ForeignSegment { .. },
            )
            | DbError::UnreadableRecord { .. }
            | DbError::UnreadableValue { .. } => "DatabaseCorruptError",
            DbError::Log(LogError::NewerFormat { .. } | LogError::OldFormat { .. }) => {
                "DatabaseFormatError"
            }
            DbError::ReadOnly { .. } => "ReadOnlyError",
            DbError::Closed { .. } => "DatabaseClosedError",
            DbError::Unwritable { .. } => "InvalidRequestError",
            _ => "DatabaseError",
        };
        Self::new(class, error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Db(error) => error.into(),
            StoreError::InvalidNamespace { .. } => {
                Self::new("InvalidNamespaceError", error.to_string())
            }
            StoreError::InvalidFilter { .. } => Self::new("InvalidFilterError", error.to_string()),
            StoreError::InvalidCursor { .. } | StoreError::TooDeep { .. } => {
                Self::invalid(error.to_string())
            }
            error => Self::new("DatabaseError", error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::invalid(error.to_string())
    }
}
