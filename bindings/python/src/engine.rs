//! [`Engine`]: a database that is open in this process, however often it was opened here.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use stepwell::db::{Db, DbError, DbOptions};
use stepwell::log::LogError;

use crate::failure::{Failure, Outcome};
use crate::per_process::PerProcess;
use crate::warm::Warm;

/// An open database.
pub(crate) struct Engine {
    /// Taken when it is closed.
    db: Option<Db>,
    /// The process that opened it.
    pid: u32,
    read_only: bool,
    pub(crate) warm: Arc<Warm>,
}

/// What this process has open, by directory.
static OPEN: PerProcess<Mutex<HashMap<PathBuf, Weak<Engine>>>> = PerProcess::new();

/// How long to wait for a database that this process is just closing.
const CLOSING: Duration = Duration::from_secs(10);

impl Engine {
    /// The database in the directory `path`: the one that is open already, or a new one.
    pub(crate) fn open(path: &Path, read_only: bool, options: DbOptions) -> Outcome<Arc<Self>> {
        std::fs::create_dir_all(path).map_err(|e| {
            Failure::new(
                "DatabaseError",
                format!("cannot make the directory `{}`: {e}", path.display()),
            )
        })?;
        let key = path.canonicalize().map_err(|e| {
            Failure::new(
                "DatabaseError",
                format!("cannot open `{}`: {e}", path.display()),
            )
        })?;
        let mut open = OPEN.get().lock();
        let known = open.get(&key).and_then(Weak::upgrade);
        if let Some(engine) = known {
            if engine.read_only != read_only {
                return Err(Failure::invalid(format!(
                    "`{}` is open in this process already, {}; close it first",
                    path.display(),
                    if engine.read_only {
                        "read-only"
                    } else {
                        "for writing"
                    }
                )));
            }
            return Ok(engine);
        }
        let began = Instant::now();
        let db = loop {
            match options.clone().open(path) {
                // This process is about to close it.
                Err(DbError::Log(LogError::Locked {
                    holder: Some(pid), ..
                })) if pid == std::process::id() && began.elapsed() < CLOSING => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                opened => break opened?,
            }
        };
        let engine = Arc::new(Self {
            db: Some(db),
            pid: std::process::id(),
            read_only,
            warm: Arc::default(),
        });
        open.retain(|_, engine| engine.strong_count() > 0);
        open.insert(key, Arc::downgrade(&engine));
        Ok(engine)
    }

    /// The database, in the process that opened it.
    pub(crate) fn db(&self) -> Outcome<&Db> {
        match &self.db {
            Some(db) if self.pid == std::process::id() => Ok(db),
            Some(db) => Err(Failure::new(
                "ForkedProcessError",
                format!(
                    "the database at `{}` was opened by process {}, of which this is a fork; open databases after \
                     forking",
                    db.path().display(),
                    self.pid
                ),
            )),
            None => Err(Failure::new(
                "DatabaseClosedError",
                "the database was closed",
            )),
        }
    }

    /// Closes it. Of several who use it, the last one does.
    pub(crate) fn release(engine: Arc<Self>) -> Outcome<()> {
        let Some(mut engine) = Arc::into_inner(engine) else {
            return Ok(());
        };
        if engine.pid == std::process::id()
            && let Some(db) = engine.db.take()
        {
            db.close()?;
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        if self.pid == std::process::id() {
            // Nobody is left who could be told.
            let _ = db.close();
        } else {
            // Its threads and locks are the other process's.
            std::mem::forget(db);
        }
    }
}
