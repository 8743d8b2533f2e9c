//! A [`Checkpointer`] that several share is one: all that is asked of it is asked of what they share.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery, Projection, Prune,
    PruneReport, PruneStrategy, PutCheckpoint, PutWrites, RetentionPolicy, Tag, ThreadInfo,
    ThreadQuery,
};
use crate::db::Db;
use crate::{Commit, ItemChange, Leases};

impl<C: Checkpointer + ?Sized> Checkpointer for Arc<C> {
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        (**self).get(thread, namespace, id)
    }

    fn get_projected<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
        projection: &'a Projection,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        (**self).get_projected(thread, namespace, id, projection)
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        (**self).list(query)
    }

    fn takes_appended(&self) -> bool {
        (**self).takes_appended()
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        (**self).put(put)
    }

    fn put_with_items(
        &self,
        put: PutCheckpoint,
        items: Vec<ItemChange>,
    ) -> Commit<CheckpointError> {
        (**self).put_with_items(put, items)
    }

    fn database(&self) -> Option<&Db> {
        (**self).database()
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        (**self).put_writes(writes)
    }

    fn list_latest(&self, namespace: &str, projection: Projection) -> CheckpointStream {
        (**self).list_latest(namespace, projection)
    }

    fn leases(&self) -> Leases {
        (**self).leases()
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        (**self).delete_thread(thread)
    }

    fn cutoff<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, CheckpointError>> {
        (**self).cutoff(thread)
    }

    fn copy_thread(&self, source: &str, target: &str) -> Commit<CheckpointError> {
        (**self).copy_thread(source, target)
    }

    fn prune(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        (**self).prune(prune)
    }

    fn prune_dry_run(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        (**self).prune_dry_run(prune)
    }

    fn delete_for_runs(
        &self,
        run_ids: Vec<String>,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        (**self).delete_for_runs(run_ids)
    }

    fn prune_threads(
        &self,
        threads: Vec<String>,
        strategy: PruneStrategy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        (**self).prune_threads(threads, strategy)
    }

    fn set_retention(
        &self,
        thread: &str,
        policy: Option<RetentionPolicy>,
    ) -> Commit<CheckpointError> {
        (**self).set_retention(thread, policy)
    }

    fn retention<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<RetentionPolicy>, CheckpointError>> {
        (**self).retention(thread)
    }

    fn apply_retention(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        (**self).apply_retention(policy)
    }

    fn retention_dry_run(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        (**self).retention_dry_run(policy)
    }

    fn retention_dry_run_of<'a>(
        &'a self,
        thread: &'a str,
        policy: RetentionPolicy,
    ) -> BoxFuture<'a, Result<PruneReport, CheckpointError>> {
        (**self).retention_dry_run_of(thread, policy)
    }

    fn tag(&self, tag: Tag) -> Commit<CheckpointError> {
        (**self).tag(tag)
    }

    fn untag(&self, thread: &str, namespace: &str, name: &str) -> Commit<CheckpointError> {
        (**self).untag(thread, namespace, name)
    }

    fn tags(&self, thread: &str) -> BoxFuture<'_, Result<Vec<Tag>, CheckpointError>> {
        (**self).tags(thread)
    }

    fn list_threads(
        &self,
        query: ThreadQuery,
    ) -> BoxFuture<'_, Result<Vec<ThreadInfo>, CheckpointError>> {
        (**self).list_threads(query)
    }
}
