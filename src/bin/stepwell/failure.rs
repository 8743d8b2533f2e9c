//! [`Failure`]: why a command stops, as the user reads it.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a command stops, as the user reads it.
pub(crate) struct Failure(Box<dyn Error + Send + Sync>);

impl Failure {
    /// A failure that `what` explains, with what to do about it.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into().into())
    }

    /// Whether the output's reader has gone.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.0
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Says about an error what was being done to which file.
pub(crate) trait Doing<T> {
    /// As `cannot <doing> <path>: <error>`.
    fn doing(self, doing: &str, path: &std::path::Path) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &str, path: &std::path::Path) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format!("cannot {doing} `{}`: {error}", path.display())))
    }
}
