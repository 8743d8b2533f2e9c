//! The checkpointers under test, and short ways to use them.

use std::sync::Arc;

use futures::StreamExt;
use futures::executor::block_on;
use stepwell::checkpoint::{
    CheckpointError, CheckpointTuple, Checkpointer, ListQuery, MemorySaver, Prune, PruneReport,
    PutCheckpoint, PutWrites, Tag, ThreadInfo, ThreadQuery,
};

use crate::backend::Backend;
use crate::database::{Database, Reopening};

/// A checkpointer that may be closed and opened again between writing and reading.
pub(crate) struct Saver {
    open: Arc<dyn Checkpointer>,
    database: Option<(Database, Option<Reopening>)>,
}

impl Saver {
    pub(crate) fn new(backend: Backend) -> Self {
        let database = backend.open();
        let open: Arc<dyn Checkpointer> = match &database {
            Some((database, _)) => Arc::new(database.db().checkpointer()),
            None => Arc::new(MemorySaver::new()),
        };
        Self { open, database }
    }

    /// Closes and opens again what can be.
    pub(crate) fn reopen(&mut self) {
        if let Some((database, Some(reopening))) = &mut self.database {
            // Nothing may use the old one while the new one is opened.
            self.open = Arc::new(MemorySaver::new());
            database.reopen(*reopening);
            self.open = Arc::new(database.db().checkpointer());
        }
    }

    pub(crate) fn put(&self, put: PutCheckpoint) {
        self.open.put(put).wait().unwrap();
    }

    pub(crate) fn try_put(&self, put: PutCheckpoint) -> Result<(), CheckpointError> {
        self.open.put(put).wait()
    }

    pub(crate) fn put_writes(&self, writes: PutWrites) {
        self.open.put_writes(writes).wait().unwrap();
    }

    pub(crate) fn try_put_writes(&self, writes: PutWrites) -> Result<(), CheckpointError> {
        self.open.put_writes(writes).wait()
    }

    pub(crate) fn delete(&self, thread: &str) {
        self.open.delete_thread(thread).wait().unwrap();
    }

    pub(crate) fn copy(&self, source: &str, target: &str) {
        self.try_copy(source, target).unwrap();
    }

    pub(crate) fn try_copy(&self, source: &str, target: &str) -> Result<(), CheckpointError> {
        self.open.copy_thread(source, target).wait()
    }

    pub(crate) fn prune(&self, prune: Prune) -> PruneReport {
        block_on(self.open.prune(prune)).unwrap()
    }

    pub(crate) fn prune_dry_run(&self, prune: Prune) -> PruneReport {
        block_on(self.open.prune_dry_run(prune)).unwrap()
    }

    pub(crate) fn delete_for_runs(&self, runs: &[&str]) -> PruneReport {
        let runs = runs.iter().map(ToString::to_string).collect();
        block_on(self.open.delete_for_runs(runs)).unwrap()
    }

    pub(crate) fn tag(&self, tag: Tag) -> Result<(), CheckpointError> {
        self.open.tag(tag).wait()
    }

    pub(crate) fn untag(&self, thread: &str, namespace: &str, name: &str) {
        self.open.untag(thread, namespace, name).wait().unwrap();
    }

    pub(crate) fn tags(&self, thread: &str) -> Vec<Tag> {
        block_on(self.open.tags(thread)).unwrap()
    }

    pub(crate) fn list_threads(&self, query: ThreadQuery) -> Vec<ThreadInfo> {
        block_on(self.open.list_threads(query)).unwrap()
    }

    pub(crate) fn get(&self, thread: &str, namespace: &str, id: &str) -> Option<CheckpointTuple> {
        block_on(self.open.get(thread, namespace, Some(id))).unwrap()
    }

    pub(crate) fn latest(&self, thread: &str, namespace: &str) -> Option<CheckpointTuple> {
        block_on(self.open.get(thread, namespace, None)).unwrap()
    }

    pub(crate) fn list(&self, query: ListQuery) -> Vec<CheckpointTuple> {
        Self::collect(self.open.list(query))
    }

    /// The latest checkpoint of each thread: thread and id.
    pub(crate) fn latest_of_each(&self, namespace: &str) -> Vec<(String, String)> {
        let list = Self::collect(self.open.list_latest(namespace));
        let mut latest: Vec<_> = list
            .into_iter()
            .map(|t| (t.thread, t.checkpoint.id))
            .collect();
        latest.sort();
        latest
    }

    /// The listed ids.
    pub(crate) fn ids(&self, query: ListQuery) -> Vec<String> {
        let list = self.list(query);
        list.into_iter().map(|t| t.checkpoint.id).collect()
    }

    pub(crate) fn stream(&self, query: ListQuery) -> stepwell::checkpoint::CheckpointStream {
        self.open.list(query)
    }

    pub(crate) fn collect(stream: stepwell::checkpoint::CheckpointStream) -> Vec<CheckpointTuple> {
        block_on(stream.map(Result::unwrap).collect())
    }
}
