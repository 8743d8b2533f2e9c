//! [`Tables`]: LangGraph's tables, in a file or on a server, as this build can reach them.

use std::path::Path;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;

use stepwell::transfer::Place;

use crate::failure::{Doing, Failure};

/// LangGraph's tables, wherever they are.
pub(super) struct Tables {
    place: Place,
    at: At,
}

/// Where they are. A build without both features can reach none.
enum At {
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    Nowhere,
    #[cfg(feature = "sqlite")]
    File(PathBuf),
    #[cfg(feature = "postgres")]
    Server(stepwell::postgres::Postgres),
}

impl Tables {
    /// To move from. Nothing of them is changed.
    pub(super) fn to_read(name: &str) -> Result<Self, Failure> {
        match is_address(name) {
            true => on_server(name, Use::Read),
            false => in_file(Path::new(name), Use::Read),
        }
    }

    /// To move to, or to see what would be.
    pub(super) fn to_write(name: &str, is_dry: bool) -> Result<Self, Failure> {
        let how = if is_dry { Use::Look } else { Use::Write };
        match is_address(name) {
            true => on_server(name, how),
            false => in_file(Path::new(name), how),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// How many bytes they take.
    pub(super) fn bytes(&self) -> Result<Option<u64>, Failure> {
        match self.at {
            #[cfg(any(feature = "sqlite", feature = "postgres"))]
            At::Nowhere => Ok(None),
            #[cfg(feature = "sqlite")]
            At::File(ref file) => {
                let name = file.file_name().unwrap_or_default().display();
                let log = file.with_file_name(format!("{name}-wal"));
                let length = |path: &Path| path.metadata().map_or(0, |of| of.len());
                Ok(Some(length(file) + length(&log)))
            }
            #[cfg(feature = "postgres")]
            At::Server(ref server) => Ok(Some(futures::executor::block_on(server.bytes())?)),
        }
    }
}

/// What tables are opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Read,
    Write,
    /// As the target of a dry run.
    Look,
}

fn is_address(name: &str) -> bool {
    name.starts_with("postgres://") || name.starts_with("postgresql://")
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn nowhere() -> Tables {
    Tables {
        place: Place::nowhere(),
        at: At::Nowhere,
    }
}

#[cfg(feature = "sqlite")]
fn in_file(path: &Path, how: Use) -> Result<Tables, Failure> {
    let file = path.display();
    if path.is_dir() {
        let what = format!("`{file}` is a directory; name a SQLite file in it");
        return Err(Failure::usage(what));
    }
    if how == Use::Read && !path.exists() {
        return Err(Failure::unreadable(format!("there is no file `{file}`")));
    }
    let place = match how {
        Use::Look if !path.exists() => return Ok(nowhere()),
        Use::Read | Use::Look => {
            Place::sqlite_to_read(path).map_err(|error| Failure::unreadable(error.to_string()))?
        }
        Use::Write => Place::sqlite(path)?,
    };
    Ok(Tables {
        place,
        at: At::File(path.to_owned()),
    })
}

#[cfg(not(feature = "sqlite"))]
fn in_file(_: &Path, _: Use) -> Result<Tables, Failure> {
    Err(Failure::usage(
        "this `stepwell` was built without SQLite; install it with `--features sqlite`",
    ))
}

#[cfg(feature = "postgres")]
fn on_server(address: &str, how: Use) -> Result<Tables, Failure> {
    use std::time::Duration;

    use futures::executor::block_on;
    use stepwell::postgres::{Postgres, PostgresError};

    let wrong = |error: PostgresError| Failure::usage(error.to_string());
    // Once it was reached it is waited for if it goes, but not before.
    let begin = Postgres::options().retry(Duration::ZERO);
    let reached = block_on(begin.connect(address).map_err(wrong)?.bytes());
    reached?;
    let server = Postgres::connect(address).map_err(wrong)?;
    let place = match how {
        Use::Write => block_on(server.place()),
        Use::Read | Use::Look => block_on(server.place_to_read()),
    };
    let place = match place {
        Err(PostgresError::NotSetUp(_)) if how == Use::Look => return Ok(nowhere()),
        Err(PostgresError::NotSetUp(what)) => {
            let what =
                format!("there are no tables of LangGraph's in this PostgreSQL database: {what}");
            return Err(Failure::unreadable(what));
        }
        place => place?,
    };
    Ok(Tables {
        place,
        at: At::Server(server),
    })
}

#[cfg(not(feature = "postgres"))]
fn on_server(_: &str, _: Use) -> Result<Tables, Failure> {
    Err(Failure::usage(
        "this `stepwell` was built without PostgreSQL; install it with `--features postgres`",
    ))
}

/// The bytes of all files below a directory.
pub(super) fn size_of(directory: &Path) -> Result<u64, Failure> {
    let mut sum = 0;
    for entry in directory.read_dir().doing("list", directory)? {
        let entry = entry.doing("list", directory)?;
        let metadata = entry.metadata().doing("look at", &entry.path())?;
        sum += if metadata.is_dir() {
            size_of(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(sum)
}
