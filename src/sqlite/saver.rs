//! [`SqliteSaver`]: checkpoints in LangGraph's tables.

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use crate::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery, Projection, Prune,
    PruneReport, PruneRule, PutCheckpoint, PutWrites, RetentionPolicy, Tag, ThreadInfo,
    ThreadQuery, select_threads,
};
use crate::langgraph::Reading;
use crate::sqlite::file::{File, Snapshot};
use crate::sqlite::lease::OnHost;
use crate::sqlite::pruning::report_of;
use crate::sqlite::reading::{Kept, keys_of, latest_keys, sql};
use crate::sqlite::setup::set_up;
use crate::sqlite::upkeep::Rule;
use crate::sqlite::{keeping, putting};
use crate::{Commit, Leases};

/// A [`Checkpointer`] that keeps its checkpoints in a SQLite file, in the tables and with the encoding of LangGraph's
/// `SqliteSaver`, so that LangGraph in Python can go on with its threads, and the other way round. Clones share the file.
///
/// Values that Python's classes made and JSON cannot say come back under the tag `msgpack`, all others under `json`.
/// Every checkpoint has all of its values, as with LangGraph, so a long thread takes much more space than in a
/// [`Db`](crate::db::Db), and copying one costs its length.
///
/// Any number of processes of one host may run threads of a file, each thread one at a time: who runs it has the lock of a
/// file in the directory `…-leases` beside it, which the system takes from a process that dies. LangGraph in Python knows
/// nothing of that.
#[derive(Clone, Debug)]
pub struct SqliteSaver {
    pub(super) file: Arc<File<CheckpointError>>,
    pub(super) leases: Leases,
    reading: Reading,
}

impl SqliteSaver {
    /// Opens or creates the file and its tables, which many processes may do at once.
    ///
    /// # Errors
    /// [`CheckpointError::Backend`] if it cannot be opened, or is no SQLite file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Ok(Self::of(File::open(path.as_ref(), set_up)?))
    }

    /// The checkpoints of a file.
    pub(super) fn of(file: Arc<File<CheckpointError>>) -> Self {
        Self {
            leases: Leases::new().kept_by(Arc::new(OnHost::beside(file.path()))),
            reading: Reading::AsJson,
            file,
        }
    }

    /// The same checkpoints, whose values come back under the tags that they have in the file, and as the same bytes: for
    /// what moves them elsewhere.
    #[must_use]
    pub fn as_kept(mut self) -> Self {
        self.reading = Reading::AsKept;
        self
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot<CheckpointError>, CheckpointError> {
        self.file.snapshot().map_err(sql("reading the file"))
    }

    pub(super) fn read<T>(
        &self,
        what: &'static str,
        read: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, CheckpointError> {
        let snapshot = self.snapshot()?;
        snapshot.connection().and_then(read).map_err(sql(what))
    }

    fn find(
        &self,
        thread: &str,
        namespace: &str,
        id: Option<&str>,
        projection: &Projection,
    ) -> Result<Option<CheckpointTuple>, CheckpointError> {
        let snapshot = self.snapshot()?;
        let connection = snapshot.connection().map_err(sql("reading a checkpoint"))?;
        let kept =
            Kept::find(connection, thread, namespace, id).map_err(sql("reading a checkpoint"))?;
        kept.map(|kept| kept.tuple(connection, thread, projection, self.reading))
            .transpose()
    }

    /// The checkpoints with these keys, read as they are asked for.
    fn stream(
        &self,
        query: ListQuery,
        reading: Reading,
        keys: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<Vec<(String, String, String)>>,
    ) -> CheckpointStream {
        let begun = self.snapshot().and_then(|snapshot| {
            let keys = snapshot
                .connection()
                .and_then(keys)
                .map_err(sql("listing checkpoints"))?;
            Ok((snapshot, keys))
        });
        let (snapshot, keys) = match begun {
            Ok(begun) => begun,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let limit = query.limit.unwrap_or(usize::MAX);
        let found = keys.into_iter().filter_map(move |(thread, namespace, id)| {
            let failed = sql("listing checkpoints");
            let read = || {
                let connection = snapshot.connection().map_err(&failed)?;
                let kept =
                    Kept::find(connection, &thread, &namespace, Some(&id)).map_err(&failed)?;
                let Some(kept) = kept else { return Ok(None) };
                if !query.filter.is_empty() && !kept.metadata(&thread)?.matches(&query.filter) {
                    return Ok(None);
                }
                kept.tuple(connection, &thread, &query.projection, reading)
                    .map(Some)
            };
            read().transpose()
        });
        stream::iter(found.take(limit)).boxed()
    }
}

impl Checkpointer for SqliteSaver {
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        async move { self.find(thread, namespace, id, &Projection::default()) }.boxed()
    }

    fn get_projected<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
        projection: &'a Projection,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        async move { self.find(thread, namespace, id, projection) }.boxed()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        let wanted = query.clone();
        self.stream(query, self.reading, move |connection| {
            keys_of(connection, &wanted)
        })
    }

    fn list_latest(&self, namespace: &str, projection: Projection) -> CheckpointStream {
        let query = ListQuery {
            projection,
            ..ListQuery::default()
        };
        self.stream(query, self.reading, |connection| {
            latest_keys(connection, namespace)
        })
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        if let Err(refused) = put.check(&[]) {
            return Commit::ready(Err(refused));
        }
        self.file
            .writer()
            .submit(move |connection| putting::put(connection, put))
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        if let Err(refused) = writes.check() {
            return Commit::ready(Err(refused));
        }
        self.file
            .writer()
            .submit(move |connection| putting::put_writes(connection, &writes))
    }

    fn leases(&self) -> Leases {
        self.leases.clone()
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        self.delete_if(thread, |_, _| Ok(true))
    }

    fn cutoff<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, CheckpointError>> {
        let past = self.read("reading a thread", |connection| {
            putting::Past::of(connection, thread)
        });
        std::future::ready(past.map(|past| past.cutoff)).boxed()
    }

    /// Costs the length of the history, as every row is copied.
    fn copy_thread(&self, source: &str, target: &str) -> Commit<CheckpointError> {
        let (source, target) = (source.to_owned(), target.to_owned());
        self.file
            .writer()
            .submit(move |connection| keeping::copy(connection, &source, &target))
    }

    fn prune(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let going = self.would_go(prune.thread.as_deref(), |_| {
                Ok(Some(Rule::Prune(prune.rule.clone())))
            })?;
            let mut report = PruneReport::default();
            for mut of in going {
                // Asked to, it deletes a thread whether or not that changes meanwhile.
                if matches!(prune.rule, PruneRule::Delete) {
                    self.delete_thread(&of.report.thread).await?;
                    report.add(of.report);
                } else {
                    of.report.is_deleted = false;
                    let removed = self.remove(vec![of]).await?;
                    removed.by_thread.into_iter().for_each(|of| report.add(of));
                }
            }
            Ok(report)
        }
        .boxed()
    }

    fn prune_dry_run(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let rule = |_: &str| Ok(Some(Rule::Prune(prune.rule.clone())));
            self.would_go(prune.thread.as_deref(), rule).map(report_of)
        }
        .boxed()
    }

    fn set_retention(
        &self,
        thread: &str,
        policy: Option<RetentionPolicy>,
    ) -> Commit<CheckpointError> {
        let thread = thread.to_owned();
        self.file.writer().submit(move |connection| {
            keeping::set_policy(connection, &thread, policy.as_ref())
                .map_err(sql("keeping a policy"))
        })
    }

    fn retention<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<RetentionPolicy>, CheckpointError>> {
        async move {
            self.read("reading a policy", |connection| {
                keeping::policy(connection, thread)
            })
        }
        .boxed()
    }

    fn apply_retention(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let going = self.would_go(None, |thread| self.due(thread, &policy))?;
            self.remove(going).await
        }
        .boxed()
    }

    fn retention_dry_run(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            self.would_go(None, |thread| self.due(thread, &policy))
                .map(report_of)
        }
        .boxed()
    }

    fn retention_dry_run_of<'a>(
        &'a self,
        thread: &'a str,
        policy: RetentionPolicy,
    ) -> BoxFuture<'a, Result<PruneReport, CheckpointError>> {
        async move {
            self.would_go(Some(thread), |_| Ok(Some(Rule::Retain(policy))))
                .map(report_of)
        }
        .boxed()
    }

    fn tag(&self, tag: Tag) -> Commit<CheckpointError> {
        self.file
            .writer()
            .submit(move |connection| keeping::tag(connection, &tag))
    }

    fn untag(&self, thread: &str, namespace: &str, name: &str) -> Commit<CheckpointError> {
        let [thread, namespace, name] = [thread, namespace, name].map(str::to_owned);
        self.file.writer().submit(move |connection| {
            keeping::untag(connection, &thread, &namespace, &name).map_err(sql("taking a tag"))
        })
    }

    fn tags(&self, thread: &str) -> BoxFuture<'_, Result<Vec<Tag>, CheckpointError>> {
        std::future::ready(self.read("reading tags", |connection| {
            keeping::tags(connection, thread)
        }))
        .boxed()
    }

    fn list_threads(
        &self,
        query: ThreadQuery,
    ) -> BoxFuture<'_, Result<Vec<ThreadInfo>, CheckpointError>> {
        async move {
            let snapshot = self.snapshot()?;
            let connection = snapshot.connection().map_err(sql("listing threads"))?;
            let threads = keeping::summaries(connection).map_err(sql("listing threads"))?;
            select_threads(threads, &query, |thread| {
                let latest =
                    Kept::find(connection, thread, "", None).map_err(sql("listing threads"))?;
                let all = Projection::default();
                latest
                    .map(|kept| kept.tuple(connection, thread, &all, Reading::AsJson))
                    .transpose()
            })
        }
        .boxed()
    }
}
