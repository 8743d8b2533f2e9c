//! How a command ends: [`Answer`], or [`Failure`] and what the user reads of it; and the exit code of each.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use stepwell::checkpoint::CheckpointError;
use stepwell::db::DbError;
use stepwell::log::LogError;
use stepwell::store::StoreError;

/// What the exit codes say, for the help.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  Done
  1  The answer is no (`diff --exit-code`: something differs; `salvage`:
     something is lost; `compact`: not all was done; `torture`: something is
     missing or not whole; `store`: there is no such item; `import`, `export`:
     something was left alone, passed over or differs), or another failure
  2  Wrong usage: a thread or checkpoint that the database does not have, or a
     name or directory that is taken
  3  There is no database, or it is damaged or cannot be read
  4  Another process has the database open, and the command would change it";

/// What a command that did its work has to say.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// Nothing, or what was asked is so.
    Yes,
    /// What was asked is not so.
    No,
    /// The database is damaged.
    Damaged,
}

impl From<()> for Answer {
    fn from((): ()) -> Self {
        Self::Yes
    }
}

impl Answer {
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Yes => ExitCode::SUCCESS,
            Self::No => ExitCode::from(NO),
            Self::Damaged => ExitCode::from(UNREADABLE),
        }
    }
}

const NO: u8 = 1;
const USAGE: u8 = 2;
const UNREADABLE: u8 = 3;
const IN_USE: u8 = 4;

/// Why a command stops, as the user reads it.
pub(crate) struct Failure {
    error: Box<dyn Error + Send + Sync>,
    /// If the error itself does not say it.
    code: Option<u8>,
}

impl Failure {
    /// A failure that `what` explains, with what to do about it.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            error: what.into().into(),
            code: None,
        }
    }

    /// The user named something that there is not.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self {
            code: Some(USAGE),
            ..Self::new(what)
        }
    }

    /// There is no database that can be read.
    pub(crate) fn unreadable(what: impl Into<String>) -> Self {
        Self {
            code: Some(UNREADABLE),
            ..Self::new(what)
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// The number that the exit code is.
    pub(crate) fn code(&self) -> u8 {
        let of_error = || match self.database_error() {
            Some(DbError::Log(LogError::Locked { .. })) => IN_USE,
            Some(DbError::Log(LogError::NotABackup { .. } | LogError::NotEmpty { .. })) => USAGE,
            Some(DbError::Log(LogError::OutOfSpace { .. })) => NO,
            Some(_) => UNREADABLE,
            None if self.names_what_is_there() => USAGE,
            None => NO,
        };
        self.code.unwrap_or_else(of_error)
    }

    fn names_what_is_there(&self) -> bool {
        matches!(
            self.error.downcast_ref(),
            Some(CheckpointError::ThreadExists { .. })
        )
    }

    fn database_error(&self) -> Option<&DbError> {
        match self.error.downcast_ref() {
            Some(CheckpointError::Db(error)) => Some(error),
            _ => match self.error.downcast_ref() {
                Some(StoreError::Db(error)) => Some(error),
                _ => self.error.downcast_ref(),
            },
        }
    }

    /// Whether the output's reader has gone.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: Box::new(error),
            code: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
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
