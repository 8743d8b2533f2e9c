//! [`PostgresSaver`]: the [`Checkpointer`] on a PostgreSQL server.

mod listing;
mod prune;
mod put;
mod reading;
mod thread;
mod threads;
mod write;

use std::sync::Arc;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::BoxFuture;

pub(super) use self::write::{Fault, ThreadRow, Turn, Write};
use crate::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery, Projection, Prune,
    PruneReport, PutCheckpoint, PutWrites, RetentionPolicy, Tag, ThreadInfo, ThreadQuery,
};
use crate::langgraph::Reading;
use crate::postgres::jobs::{Job, Submitted};
use crate::postgres::lease::OnServer;
use crate::postgres::server::{Shared, ended};
use crate::postgres::text::escape;
use crate::postgres::{Postgres, PostgresError};
use crate::{Commit, Leases};

/// A [`Checkpointer`] on a PostgreSQL server. Clones share its connections.
///
/// Reads see what is committed on the server, by any process. Writes of one handle are committed in the order in which they
/// were submitted, those that wait together. What cannot be written fails with all that was submitted behind it, so a checkpoint
/// is never there without the writes that it supersedes. While the server cannot be reached, writes wait as long as
/// [`PostgresOptions::retry`](crate::postgres::PostgresOptions::retry) says.
///
/// A list holds a connection and a snapshot of the database until it has been read, or is dropped; it keeps nobody from writing.
///
/// A value is stored whole with each checkpoint that changes it, and copying a thread copies its rows, as LangGraph's tables have no other way.
#[derive(Clone)]
pub struct PostgresSaver {
    pub(super) shared: Arc<Shared>,
    leases: Leases,
    reading: Reading,
}

impl std::fmt::Debug for PostgresSaver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresSaver").finish_non_exhaustive()
    }
}

impl PostgresSaver {
    /// A saver with usual options on the server at `address`, as [`Postgres::connect`]. Call [`setup`](Self::setup) once.
    ///
    /// # Errors
    /// [`PostgresError::Config`].
    pub fn connect(address: &str) -> Result<Self, PostgresError> {
        Ok(Postgres::connect(address)?.checkpointer())
    }

    /// As [`Postgres::setup`].
    ///
    /// # Errors
    /// As there.
    pub async fn setup(&self) -> Result<(), PostgresError> {
        let shared = Arc::clone(&self.shared);
        Postgres { shared }.setup().await
    }

    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let beyond = Arc::new(OnServer(Arc::clone(&shared)));
        Self {
            leases: shared.leases.kept_by(beyond),
            shared,
            reading: Reading::AsJson,
        }
    }

    /// The same checkpoints, whose values come back under the types that they have in the tables, and as the same bytes: for
    /// what moves them elsewhere.
    #[must_use]
    pub fn as_kept(mut self) -> Self {
        self.reading = Reading::AsKept;
        self
    }

    fn submit(&self, write: Write) -> Commit<CheckpointError> {
        let (done, outcome) = oneshot::channel();
        let first = write.threads().next().unwrap_or_default();
        let token = self.shared.holder.token(&escape(first));
        let what = write.what();
        let submitted = Submitted { write, token, done };
        if !self.shared.submit(Job::Write(submitted)) {
            return Commit::ready(Err(ended().checkpoint(what)));
        }
        Commit::pending(async move {
            outcome
                .await
                .unwrap_or_else(|_| Err(ended().checkpoint(what)))
        })
    }
}

impl Checkpointer for PostgresSaver {
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        async move {
            let projection = Projection::default();
            self.read(thread, namespace, id, &projection).await
        }
        .boxed()
    }

    fn get_projected<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
        projection: &'a Projection,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        self.read(thread, namespace, id, projection).boxed()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        self.stream(listing::Wanted::All(query))
    }

    fn list_latest(&self, namespace: &str, projection: Projection) -> CheckpointStream {
        self.stream(listing::Wanted::Latest {
            namespace: namespace.to_owned(),
            projection,
        })
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        match put.check(&[]) {
            Ok(()) => self.submit(Write::Checkpoint(Box::new(put))),
            Err(refused) => Commit::ready(Err(refused)),
        }
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        match writes.check() {
            Ok(()) => self.submit(Write::Writes(writes)),
            Err(refused) => Commit::ready(Err(refused)),
        }
    }

    fn leases(&self) -> Leases {
        self.leases.clone()
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        (self.leases).deleting(thread, || {
            self.submit(Write::Delete {
                thread: thread.to_owned(),
            })
        })
    }

    fn cutoff<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, CheckpointError>> {
        self.read_cutoff(thread).boxed()
    }

    fn copy_thread(&self, source: &str, target: &str) -> Commit<CheckpointError> {
        self.submit(Write::Copy {
            source: source.to_owned(),
            target: target.to_owned(),
        })
    }

    fn prune(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        self.prune_all(prune).boxed()
    }

    fn prune_dry_run(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let thread = prune.thread;
            self.would_go(thread, prune::Rule::Prune(prune.rule)).await
        }
        .boxed()
    }

    fn set_retention(
        &self,
        thread: &str,
        policy: Option<RetentionPolicy>,
    ) -> Commit<CheckpointError> {
        self.submit(Write::Policy {
            thread: thread.to_owned(),
            policy,
        })
    }

    fn retention<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<RetentionPolicy>, CheckpointError>> {
        self.policy_of(thread).boxed()
    }

    fn apply_retention(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        self.retain_all(policy).boxed()
    }

    fn retention_dry_run(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        self.would_go(None, prune::Rule::Retain(policy)).boxed()
    }

    fn retention_dry_run_of<'a>(
        &'a self,
        thread: &'a str,
        policy: RetentionPolicy,
    ) -> BoxFuture<'a, Result<PruneReport, CheckpointError>> {
        let thread = Some(thread.to_owned());
        self.would_go(thread, prune::Rule::RetainOne(policy))
            .boxed()
    }

    fn tag(&self, tag: Tag) -> Commit<CheckpointError> {
        self.submit(Write::Tag(tag))
    }

    fn untag(&self, thread: &str, namespace: &str, name: &str) -> Commit<CheckpointError> {
        self.submit(Write::Untag {
            thread: thread.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    fn tags(&self, thread: &str) -> BoxFuture<'_, Result<Vec<Tag>, CheckpointError>> {
        let thread = thread.to_owned();
        self.tags_of(thread).boxed()
    }

    fn list_threads(
        &self,
        query: ThreadQuery,
    ) -> BoxFuture<'_, Result<Vec<ThreadInfo>, CheckpointError>> {
        self.threads(query).boxed()
    }
}
