//! The checkpointers under test, and short ways to use them.

use std::sync::Arc;

use futures::StreamExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use stepwell::Commit;
use stepwell::checkpoint::{
    CheckpointError, CheckpointTuple, Checkpointer, ListQuery, MemorySaver, Projection, Prune,
    PruneReport, PruneStrategy, PutCheckpoint, PutWrites, RetentionPolicy, Tag, ThreadInfo,
    ThreadQuery,
};

/// A checkpointer that may be closed and opened again between writing and reading.
pub(crate) struct Saver {
    open: Arc<dyn Checkpointer>,
    kept: Option<Box<dyn Kept>>,
}

/// What outlives a checkpointer.
pub(crate) trait Kept {
    /// Closes it and opens it again. Nothing uses the old one meanwhile.
    fn reopen(&mut self) -> Arc<dyn Checkpointer>;
}

impl Saver {
    /// A checkpointer of one's own.
    pub(crate) fn of(open: Arc<dyn Checkpointer>) -> Self {
        Self { open, kept: None }
    }

    /// One that is closed and opened again.
    pub(crate) fn kept(mut kept: Box<dyn Kept>) -> Self {
        Self {
            open: kept.reopen(),
            kept: Some(kept),
        }
    }

    /// Closes and opens again what can be.
    pub(crate) fn reopen(&mut self) {
        if let Some(kept) = &mut self.kept {
            self.open = Arc::new(MemorySaver::new());
            self.open = kept.reopen();
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

    pub(crate) fn cutoff(&self, thread: &str) -> Option<String> {
        block_on(self.open.cutoff(thread)).unwrap()
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

    pub(crate) fn prune_threads(&self, thread: &str, strategy: PruneStrategy) -> PruneReport {
        let threads = vec![thread.to_owned()];
        block_on(self.open.prune_threads(threads, strategy)).unwrap()
    }

    pub(crate) fn retention_dry_run_of(
        &self,
        thread: &str,
        policy: RetentionPolicy,
    ) -> PruneReport {
        block_on(self.open.retention_dry_run_of(thread, policy)).unwrap()
    }

    pub(crate) fn set_retention(&self, thread: &str, policy: Option<RetentionPolicy>) {
        self.open.set_retention(thread, policy).wait().unwrap();
    }

    pub(crate) fn retention(&self, thread: &str) -> Option<RetentionPolicy> {
        block_on(self.open.retention(thread)).unwrap()
    }

    pub(crate) fn apply_retention(&self, policy: RetentionPolicy) -> PruneReport {
        block_on(self.open.apply_retention(policy)).unwrap()
    }

    pub(crate) fn retention_dry_run(&self, policy: RetentionPolicy) -> PruneReport {
        block_on(self.open.retention_dry_run(policy)).unwrap()
    }

    /// A run of the thread that goes on until what is given back is dropped.
    pub(crate) fn busy(&self, thread: &str) -> impl Drop + use<> {
        Busy::run(&self.open, thread)
    }

    pub(crate) fn get_projected(
        &self,
        thread: &str,
        id: &str,
        projection: &Projection,
    ) -> Option<CheckpointTuple> {
        block_on(self.open.get_projected(thread, "", Some(id), projection)).unwrap()
    }

    pub(crate) fn latest_projected(&self, projection: &Projection) -> Vec<CheckpointTuple> {
        Self::collect(self.open.list_latest("", projection.clone()))
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
        let list = Self::collect(
            self.open
                .list_latest(namespace, Projection::metadata_only()),
        );
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

/// A run that stays in its only node.
struct Busy {
    runtime: Option<tokio::runtime::Runtime>,
    saver: Arc<dyn Checkpointer>,
    thread: String,
}

impl Busy {
    fn run(saver: &Arc<dyn Checkpointer>, thread: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let node = |_: stepwell::graph::State| std::future::pending::<serde_json::Value>();
        let graph = stepwell::graph::StateGraph::new()
            .add_node("node", node)
            .add_edge(stepwell::graph::START, "node")
            .with_checkpointer(Arc::clone(saver))
            .compile()
            .unwrap();
        let config = stepwell::graph::Config::thread(thread);
        // It begins on the thread as it stands and saves nothing of its own before its node is done.
        let config = config.durability(stepwell::graph::Durability::Exit);
        runtime.spawn(async move { drop(graph.invoke(serde_json::json!({}), &config).await) });
        while !saver.leases().is_busy(thread) {
            std::thread::yield_now();
        }
        Self {
            runtime: Some(runtime),
            saver: Arc::clone(saver),
            thread: thread.to_owned(),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.runtime.take());
        while self.saver.leases().is_busy(&self.thread) {
            std::thread::yield_now();
        }
    }
}

/// A checkpointer that has only what every one has to have.
pub(crate) struct Plain(pub(crate) MemorySaver);

impl Checkpointer for Plain {
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        self.0.get(thread, namespace, id)
    }

    fn list(&self, query: ListQuery) -> stepwell::checkpoint::CheckpointStream {
        self.0.list(query)
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        self.0.put(put)
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        self.0.put_writes(writes)
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        self.0.delete_thread(thread)
    }
}
