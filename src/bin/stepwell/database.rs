//! Opening databases that are there, and none that are not.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use stepwell::db::{Db, DbError};
use stepwell::log::LogError;

use crate::failure::{Doing, Failure};

/// Which database.
#[derive(clap::Args)]
pub(crate) struct Arg {
    /// The database's directory
    #[arg(long = "db", value_name = "DIR")]
    path: PathBuf,
}

impl Arg {
    /// Opens the database to change it. If there is none it fails and makes nothing.
    pub(crate) fn open(&self) -> Result<Db, Failure> {
        open(&self.path)
    }

    /// Opens the database to look at it, if need be while another process has it open. If there is none it fails and
    /// makes nothing.
    pub(crate) fn look(&self) -> Result<Db, Failure> {
        require(&self.path)?;
        Ok(look(&self.path)?)
    }

    /// Opens the database so that nothing is changed, whether or not another process has it open.
    pub(crate) fn look_only(&self) -> Result<Db, Failure> {
        require(&self.path)?;
        Ok(Db::options().read_only().open(&self.path)?)
    }

    /// The database's directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Opens the database at `path`; read-only if another process has it open, if it may not be changed, or if it is a backup that
/// would be none for the next one.
pub(crate) fn look(path: &Path) -> Result<Db, DbError> {
    let read_only = || Db::options().read_only().open(path);
    // What cannot be told of a damaged one, opening it says.
    if Db::is_backup(path).unwrap_or(false) {
        return read_only();
    }
    match Db::open(path) {
        Err(DbError::Log(error)) if is_for_reading(&error) => read_only(),
        opened => opened,
    }
}

fn is_for_reading(error: &LogError) -> bool {
    match error {
        LogError::Locked { .. } => true,
        LogError::Io { source, .. } => matches!(
            source.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        ),
        _ => false,
    }
}

/// Opens the database at `path`. If there is none it fails and makes nothing.
pub(crate) fn open(path: &Path) -> Result<Db, Failure> {
    require(path)?;
    Ok(Db::open(path)?)
}

/// Fails unless there is a database at `path`.
pub(crate) fn require(path: &Path) -> Result<(), Failure> {
    if !path.exists() {
        return Err(Failure::unreadable(format!(
            "there is no database at `{}`; `stepwell demo` makes one",
            path.display()
        )));
    }
    if !is_database(path) {
        return Err(Failure::unreadable(format!(
            "`{}` is not a Stepwell database; name its directory with --db",
            path.display()
        )));
    }
    Ok(())
}

/// Fails unless a database can be opened or made at `path` without getting among other files.
pub(crate) fn check_free(path: &Path) -> Result<(), Failure> {
    if !path.exists() || is_database(path) {
        return Ok(());
    }
    if path.is_dir() {
        let mut names = path.read_dir().doing("list", path)?;
        // What is left of a database whose making was cut off.
        let is_ours = |name: &OsStr| name == "LOCK" || name == "log";
        if names.all(|entry| entry.is_ok_and(|entry| is_ours(&entry.file_name()))) {
            return Ok(());
        }
    }
    Err(Failure::usage(format!(
        "`{}` is there and is not a Stepwell database; choose another directory",
        path.display()
    )))
}

fn is_database(path: &Path) -> bool {
    let has_log = || {
        let names = path.join("log").read_dir();
        names.is_ok_and(|mut names| names.next().is_some())
    };
    path.join("SUPERBLOCK").is_file() || has_log()
}
