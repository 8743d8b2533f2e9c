//! [`Database`]: Python's handle on an open database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use pyo3::prelude::*;
use stepwell::checkpoint::DbSaver;
use stepwell::db::{Db, Durability};

use crate::engine::Engine;
use crate::failure::{Failure, Outcome, blocking, guarded};

/// A handle on an open database. Several on one directory share one engine.
#[pyclass(frozen, module = "stepwell._native")]
pub(crate) struct Database {
    /// Taken when the handle is closed.
    engine: RwLock<Option<Arc<Engine>>>,
    path: PathBuf,
    durability: Durability,
}

impl Database {
    /// The engine, unless this handle was closed.
    pub(crate) fn engine(&self) -> Outcome<Arc<Engine>> {
        let engine = self.engine.read().clone();
        let engine = engine.ok_or_else(|| {
            Failure::new(
                "DatabaseClosedError",
                format!(
                    "the database at `{}` was closed; open it again to use it",
                    self.path.display()
                ),
            )
        })?;
        // Only the process that opened it may use it.
        engine.db()?;
        Ok(engine)
    }

    /// Does something with the database.
    pub(crate) fn with<T>(&self, with: impl FnOnce(&Db) -> Outcome<T>) -> Outcome<T> {
        with(self.engine()?.db()?)
    }

    /// Does something with its checkpoints, written with the durability of this handle or another one.
    pub(crate) fn with_saver<T>(
        &self,
        durability: Option<&str>,
        with: impl FnOnce(DbSaver) -> Outcome<T>,
    ) -> Outcome<T> {
        let durability = self.durability_of(durability)?;
        self.with(|db| with(db.checkpointer().with_durability(durability)))
    }

    /// The one that is named, or that of this handle.
    pub(crate) fn durability_of(&self, named: Option<&str>) -> Outcome<Durability> {
        named.map_or(Ok(self.durability), to_durability)
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }
}

/// `sync`, `os`, or the seconds of an interval.
fn to_durability(text: &str) -> Outcome<Durability> {
    match text {
        "sync" => Ok(Durability::Sync),
        "os" => Ok(Durability::Os),
        _ => {
            let seconds = text.parse().ok();
            let interval = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
            interval.map(Durability::Interval).ok_or_else(|| {
                Failure::invalid(format!(
                    "`{text}` is no durability; there are `sync`, `os`, and a number of seconds"
                ))
            })
        }
    }
}

#[pymethods]
impl Database {
    /// Opens the database in the directory `path`.
    #[staticmethod]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        durability: &str,
        read_only: bool,
        cache_bytes: Option<usize>,
    ) -> PyResult<Self> {
        blocking(py, || {
            let durability = to_durability(durability)?;
            let mut options = Db::options().durability(durability);
            if let Some(bytes) = cache_bytes {
                options = options.hot_bytes(bytes);
            }
            if read_only {
                options = options.read_only();
            }
            Ok(Self {
                engine: RwLock::new(Some(Engine::open(&path, read_only, options)?)),
                path,
                durability,
            })
        })
    }

    /// Closes this handle; of several on the database, the last one writes everything out.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        blocking(py, || {
            let engine = self.engine.write().take();
            engine.map_or(Ok(()), Engine::release)
        })
    }

    #[getter]
    fn closed(&self, py: Python<'_>) -> PyResult<bool> {
        guarded(py, || Ok(self.engine.read().is_none()))
    }

    /// Blocks until everything is on stable storage.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        blocking(py, || self.with(|db| Ok(db.sync()?)))
    }
}
