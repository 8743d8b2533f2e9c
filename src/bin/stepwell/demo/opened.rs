//! [`Opened`]: the database and the workflow in the demo's own process, while no worker runs.

use std::future::Future;

use stepwell::db::Db;
use stepwell::graph::{CompiledGraph, Config};

use super::desk::Desk;
use super::places::Places;
use super::workflow;
use crate::failure::Failure;

/// The database and the workflow in the demo's own process.
pub(super) struct Opened {
    pub(super) db: Db,
    pub(super) graph: CompiledGraph,
    pub(super) config: Config,
    runtime: tokio::runtime::Runtime,
}

impl Opened {
    pub(super) fn new(places: &Places) -> Result<Self, Failure> {
        let db = Db::open(&places.db)?;
        let desk = Desk::new(places, places.files()?.len())?;
        Ok(Self {
            graph: workflow::build(db.checkpointer(), &desk)?,
            config: Config::thread(&places.thread),
            runtime: super::runtime()?,
            db,
        })
    }

    /// Waits for what a graph does.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(super) fn close(self) -> Result<(), Failure> {
        Ok(self.db.close()?)
    }
}
