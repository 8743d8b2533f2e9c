//! The [`Checkpointer`] trait: what the executor asks of whatever saves its checkpoints.

use std::collections::HashSet;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

use crate::checkpoint::{
    CheckpointError, CheckpointTuple, ListQuery, Projection, Prune, PruneReport, PruneRule,
    PruneStrategy, PutCheckpoint, PutWrites, RetentionPolicy, Tag, ThreadInfo, ThreadQuery,
};
use crate::db::Db;
use crate::{Commit, ItemChange, Leases};

/// Checkpoints as [`Checkpointer::list`] yields them: lazily, newest first.
pub type CheckpointStream = BoxStream<'static, Result<CheckpointTuple, CheckpointError>>;

/// Keeps the checkpoints of threads.
///
/// # Contract
/// - `put`, `put_writes` and `delete_thread` submit their write when they are *called*; the returned
///   [`Commit`] says when it is acknowledged. A write is never durable before one that was submitted
///   earlier through the same checkpointer, so the writes of a super-step's tasks, submitted before
///   the checkpoint that supersedes them, cannot be lost without it.
/// - An acknowledged write is visible to every later read, whole; an unacknowledged one wholly or
///   not at all.
/// - A read sees one moment: what is written while a list is consumed does not show in it.
/// - Nothing that is handed out or in is shared: values are bytes.
pub trait Checkpointer: Send + Sync + 'static {
    /// The checkpoint `id` of a thread and namespace, or its latest one without an id. `None` if
    /// there is none, which is no error.
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>>;

    /// As [`get`](Self::get), but no more of the checkpoint than is in `projection`.
    ///
    /// Unless implemented, everything is read and the rest thrown away.
    fn get_projected<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
        projection: &'a Projection,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        async move {
            let mut found = self.get(thread, namespace, id).await?;
            if let Some(found) = &mut found {
                projection.apply(found);
            }
            Ok(found)
        }
        .boxed()
    }

    /// The checkpoints that `query` selects, newest (greatest id) first, as they are at the moment
    /// of this call.
    fn list(&self, query: ListQuery) -> CheckpointStream;

    /// Whether [`PutCheckpoint::appended`] is understood. A run hands a list that only grew to a checkpointer that
    /// answers true as its new elements, so that a step costs what it adds, and to any other whole.
    fn takes_appended(&self) -> bool {
        false
    }

    /// Saves a checkpoint. A checkpoint with the same id is replaced; its pending writes stay.
    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError>;

    /// Saves a checkpoint together with changes of the store in the same [`database`](Self::database):
    /// after a crash either all of it is there or nothing. A refused checkpoint refuses the changes.
    ///
    /// A checkpointer that is not a database's refuses every change.
    fn put_with_items(
        &self,
        put: PutCheckpoint,
        items: Vec<ItemChange>,
    ) -> Commit<CheckpointError> {
        if items.is_empty() {
            self.put(put)
        } else {
            Commit::ready(Err(CheckpointError::NoItems { thread: put.thread }))
        }
    }

    /// The database that keeps the checkpoints, if it is one.
    fn database(&self) -> Option<&Db> {
        None
    }

    /// Saves what a task has written. The checkpoint may come later, or have a successor already.
    ///
    /// Writes are keyed by checkpoint, task and index. Of ordinary writes with one key the first
    /// stays; special ones ([`special_write_index`](crate::checkpoint::special_write_index)) replace.
    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError>;

    /// The latest checkpoint of each thread that has one in `namespace`, in no particular order, as
    /// they are at the moment of this call, and no more of them than is in `projection`.
    ///
    /// A checkpointer that keeps more than a few threads should answer without going through their
    /// histories, as this one does.
    fn list_latest(&self, namespace: &str, projection: Projection) -> CheckpointStream {
        let mut seen = HashSet::new();
        let all = self.list(ListQuery {
            namespace: Some(namespace.to_owned()),
            projection,
            ..ListQuery::default()
        });
        all.filter(move |found| {
            let is_new = match found {
                Ok(found) => seen.insert(found.thread.clone()),
                Err(_) => true,
            };
            std::future::ready(is_new)
        })
        .boxed()
    }

    /// Which threads are being run. All handles on the same checkpoints must give the same leases, so keep a
    /// [`Leases`] beside the checkpoints, and where this wraps another checkpointer, give the other's.
    ///
    /// Unless implemented, two runs on one thread are told apart only if their graphs share this
    /// very handle (a clone of one `Arc`).
    fn leases(&self) -> Leases {
        Leases::of_address(std::ptr::from_ref(self).addr())
    }

    /// Deletes all checkpoints and writes of a thread, in all namespaces. An unknown thread is no
    /// error. What an old run of the thread writes afterwards does not bring it back.
    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError>;

    /// Of a thread that was deleted: which id those of its new checkpoints have to be greater than, so that they are not taken
    /// for what an old run still writes. A checkpointer that keeps no such thing has none.
    fn cutoff<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, CheckpointError>> {
        let _ = thread;
        std::future::ready(Ok(None)).boxed()
    }

    /// Gives the thread `target` the whole history of `source`. From then on the two live and die independently. Costs
    /// the same whatever the history.
    ///
    /// Fails if `source` has no checkpoints, or `target` has some.
    fn copy_thread(&self, source: &str, target: &str) -> Commit<CheckpointError> {
        let _ = (source, target);
        unsupported_commit("copy threads")
    }

    /// Removes checkpoints, thread by thread, in small portions that others can be seen between. A thread that is written to
    /// meanwhile is tried again a few times.
    fn prune(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        let _ = prune;
        unsupported("prune threads")
    }

    /// What [`prune`](Self::prune) would remove now.
    fn prune_dry_run(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        let _ = prune;
        unsupported("prune threads")
    }

    /// Removes the checkpoints of all threads that have one of `run_ids` as `run_id` in their metadata.
    fn delete_for_runs(
        &self,
        run_ids: Vec<String>,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        self.prune(Prune {
            thread: None,
            rule: PruneRule::Runs(run_ids),
        })
    }

    /// Prunes threads by one of LangGraph's strategies.
    fn prune_threads(
        &self,
        threads: Vec<String>,
        strategy: PruneStrategy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let mut report = PruneReport::default();
            for thread in threads {
                let rule = match strategy {
                    PruneStrategy::Delete => PruneRule::Delete,
                    PruneStrategy::KeepLatest => PruneRule::KeepLast(1),
                };
                let thread = Some(thread);
                let pruned = self.prune(Prune { thread, rule }).await?;
                pruned.by_thread.into_iter().for_each(|of| report.add(of));
            }
            Ok(report)
        }
        .boxed()
    }

    /// Says how much of a thread is kept, in the place of what holds for all threads; `None` takes that back. It stays
    /// until the thread is deleted, and a copy of the thread does not have it. The thread may come later.
    fn set_retention(
        &self,
        thread: &str,
        policy: Option<RetentionPolicy>,
    ) -> Commit<CheckpointError> {
        let _ = (thread, policy);
        unsupported_commit("keep policies of threads")
    }

    /// What was said of the thread with [`set_retention`](Self::set_retention).
    fn retention<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<RetentionPolicy>, CheckpointError>> {
        let _ = thread;
        unsupported("keep policies of threads")
    }

    /// Removes what is not to be kept any more, by `policy` or the thread's own, in small portions. Threads that are being
    /// run, or written to at that moment, are left for another time.
    fn apply_retention(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        let _ = policy;
        unsupported("prune threads")
    }

    /// What [`apply_retention`](Self::apply_retention) would remove now.
    fn retention_dry_run(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        let _ = policy;
        unsupported("prune threads")
    }

    /// What [`apply_retention`](Self::apply_retention) would remove now of one thread if `policy` were its own.
    fn retention_dry_run_of<'a>(
        &'a self,
        thread: &'a str,
        policy: RetentionPolicy,
    ) -> BoxFuture<'a, Result<PruneReport, CheckpointError>> {
        let _ = (thread, policy);
        unsupported("prune threads")
    }

    /// Gives a checkpoint a name, by which [`tags`](Self::tags) lists it, and which keeps it from being pruned. A name
    /// that another checkpoint of the namespace has is taken from it.
    fn tag(&self, tag: Tag) -> Commit<CheckpointError> {
        let _ = tag;
        unsupported_commit("tag checkpoints")
    }

    /// Takes a name from a checkpoint. One that is not there is no error.
    fn untag(&self, thread: &str, namespace: &str, name: &str) -> Commit<CheckpointError> {
        let _ = (thread, namespace, name);
        unsupported_commit("tag checkpoints")
    }

    /// The tags of a thread, by namespace and name.
    fn tags(&self, thread: &str) -> BoxFuture<'_, Result<Vec<Tag>, CheckpointError>> {
        let _ = thread;
        unsupported("tag checkpoints")
    }

    /// The threads that `query` selects.
    fn list_threads(
        &self,
        query: ThreadQuery,
    ) -> BoxFuture<'_, Result<Vec<ThreadInfo>, CheckpointError>> {
        let _ = query;
        unsupported("list threads")
    }
}

fn unsupported_commit(what: &'static str) -> Commit<CheckpointError> {
    Commit::ready(Err(CheckpointError::Unsupported { what }))
}

fn unsupported<'a, T: Send + 'a>(what: &'static str) -> BoxFuture<'a, Result<T, CheckpointError>> {
    std::future::ready(Err(CheckpointError::Unsupported { what })).boxed()
}
