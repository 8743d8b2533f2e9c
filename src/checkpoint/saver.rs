//! [`DbSaver`]: checkpoints in the database.
//!
//! It maps the [`Checkpointer`] trait to records and must never know how they are encoded or where
//! they are.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use crate::checkpoint::convert::{
    Selected, checkpoint_record, handles, held_values, latest_of_each, metadata_of,
    standalone_record, tag_record, tags_of, tuple, writes_record,
};
use crate::checkpoint::pruning::{Due, dry_run, due, staying};
use crate::checkpoint::retention::{self, PORTION, Retained, unchanged};
use crate::checkpoint::threads::list_threads;
use crate::checkpoint::{
    CheckpointError, CheckpointIds, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery,
    Projection, Prune, PruneReport, PruneRule, PutCheckpoint, PutWrites, RetentionPolicy, Tag,
    ThreadInfo, ThreadQuery,
};
use crate::codec::{Record, Stored, TagRemoved, ThreadCopied, ThreadDeleted, ThreadPolicySet};
use crate::commit::Helping;
use crate::db::{
    Db, DbError, DbSnapshot, Durability, Freed, Handed, NotPut, Place, Reader, Submitted,
    frame_bytes,
};
use crate::index::{Found, Plan, Refused, TablesError, Thread};
use crate::item_change::ItemChange;
use crate::vfs::Host;
use crate::{Commit, Encoded, Leases};

/// A [`Checkpointer`] that keeps everything in a database. Clones share the database.
///
/// A deleted thread is gone from every answer at once; its bytes go from the log's files when they are compacted
/// ([`Db::compact`]). A [`CheckpointStream`] reads values as it is consumed; it keeps the database open, and compaction from
/// going on, until it is dropped.
#[derive(Clone, Debug)]
pub struct DbSaver {
    db: Db,
    durability: Option<Durability>,
    ids: Arc<CheckpointIds>,
}

impl Db {
    /// A checkpointer that keeps its checkpoints in this database.
    pub fn checkpointer(&self) -> DbSaver {
        DbSaver {
            db: self.clone(),
            durability: None,
            ids: Arc::default(),
        }
    }
}

impl DbSaver {
    /// The same checkpoints, written with `durability` instead of the database's.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    fn submit(
        &self,
        records: Vec<Record<Encoded>>,
        what: impl Fn() -> String,
    ) -> Commit<CheckpointError> {
        let records = records.into_iter().map(|record| record.map(Stored::Whole));
        saving(self.db.submit(records.collect(), self.durability, what))
    }

    /// Submits a record after which nothing of a thread is as it was.
    fn change(
        &self,
        thread: &str,
        record: Record<Stored>,
        what: impl Fn() -> String,
    ) -> Commit<CheckpointError> {
        saving((self.db).change_thread(thread, vec![record], self.durability, what))
    }

    /// Reads what was found as it is asked for.
    fn stream(
        &self,
        mut reader: Reader,
        found: Result<
            impl Iterator<Item = Result<Found<Place>, TablesError>> + Send + 'static,
            TablesError,
        >,
        projection: Projection,
    ) -> CheckpointStream {
        let found = match found {
            Ok(found) => found,
            Err(error) => return stream::iter([Err(error.into())]).boxed(),
        };
        stream::iter(found)
            .map(move |found| {
                read(&mut reader, &found?, &|channel| {
                    projection.channels.has(channel)
                })
            })
            .boxed()
    }
}

impl Checkpointer for DbSaver {
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        async move {
            let mut reader = self.db.reader().keeping();
            let found = self.db.snapshot().get(thread, namespace, id, true)?;
            found
                .map(|found| read(&mut reader, &found, &|_| true))
                .transpose()
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
        async move {
            let mut reader = self.db.reader();
            let snapshot = self.db.snapshot();
            let found = snapshot.get(thread, namespace, id, projection.writes)?;
            let wants = |channel: &str| projection.channels.has(channel);
            found
                .map(|found| read(&mut reader, &found, &wants))
                .transpose()
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        let reader = self.db.reader();
        let projection = query.projection.clone();
        self.stream(reader, Selected::new(self.db.snapshot(), query), projection)
    }

    fn list_latest(&self, namespace: &str, projection: Projection) -> CheckpointStream {
        let reader = self.db.reader();
        let latest = latest_of_each(self.db.snapshot(), namespace.to_owned(), projection.writes);
        self.stream(reader, Ok(latest), projection)
    }

    fn leases(&self) -> Leases {
        self.db.leases().clone()
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        self.put_with_items(put, Vec::new())
    }

    fn takes_appended(&self) -> bool {
        true
    }

    fn put_with_items(
        &self,
        mut put: PutCheckpoint,
        items: Vec<ItemChange>,
    ) -> Commit<CheckpointError> {
        let lists = std::mem::take(&mut put.appended).into_iter();
        let lists = lists.map(|(channel, added)| (channel, Handed::Appended(added)));
        let lists = lists.collect();
        let record = checkpoint_record(put, lists);
        let items = match self.db.item_records(items) {
            Ok(items) => items,
            Err(error) => return saving(Err(error)),
        };
        match (self.db).put_checkpoint(record, items, self.durability) {
            Ok(submitted) => saving(Ok(submitted)),
            Err(NotPut::Db(error)) => saving(Err(error)),
            Err(NotPut::Refused(refused)) => Commit::ready(Err(refused.into())),
            Err(NotPut::NothingToAppendTo {
                thread,
                checkpoint,
                channel,
            }) => Commit::ready(Err(CheckpointError::NothingToAppendTo {
                thread,
                checkpoint,
                channel,
            })),
        }
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.db)
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        saving((self.db).put_writes(writes_record(writes), self.durability))
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        let greatest = match self.db.snapshot().greatest_id(thread) {
            Ok(greatest) => greatest,
            Err(error) => return Commit::ready(Err(error.into())),
        };
        let deleted = ThreadDeleted {
            thread: thread.to_owned(),
            cutoff: self.next_id(greatest.as_deref()),
        };
        self.db.leases().deleting(thread, || {
            self.change(thread, Record::ThreadDeleted(deleted), || {
                format!("the deletion of thread `{thread}`")
            })
        })
    }

    fn copy_thread(&self, source: &str, target: &str) -> Commit<CheckpointError> {
        let copied = ThreadCopied {
            source: source.to_owned(),
            target: target.to_owned(),
        };
        self.change(target, Record::ThreadCopied(copied), || {
            format!("the copy of thread `{source}` to `{target}`")
        })
    }

    fn prune(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let mut report = PruneReport::default();
            for mut thread in self.would_prune(&prune)?.by_thread {
                if thread.is_deleted {
                    self.delete_thread(&thread.thread).await?;
                } else {
                    thread.checkpoints = self.prune_thread(&thread.thread, &prune.rule).await?;
                }
                report.add(thread);
            }
            Ok(report)
        }
        .boxed()
    }

    fn prune_dry_run(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move { self.would_prune(&prune) }.boxed()
    }

    fn set_retention(
        &self,
        thread: &str,
        policy: Option<RetentionPolicy>,
    ) -> Commit<CheckpointError> {
        let thread = thread.to_owned();
        let what = format!("the policy of thread `{thread}`");
        let set = ThreadPolicySet { thread, policy };
        self.submit(vec![Record::ThreadPolicySet(set)], || what.clone())
    }

    fn retention<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<RetentionPolicy>, CheckpointError>> {
        async move {
            let thread = self.db.snapshot().thread(thread)?;
            Ok(thread.and_then(|thread| thread.life.policy))
        }
        .boxed()
    }

    fn apply_retention(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let mut report = PruneReport::default();
            for mut thread in self.would_retain(&policy)?.by_thread {
                let mut removed = Retained::default();
                self.retain(&thread.thread, &policy, &mut removed, || true)
                    .await?;
                thread.checkpoints = removed.checkpoints;
                thread.is_deleted = removed.deleted_threads > 0;
                report.add(thread);
            }
            Ok(report)
        }
        .boxed()
    }

    fn retention_dry_run(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move { self.would_retain(&policy) }.boxed()
    }

    fn retention_dry_run_of<'a>(
        &'a self,
        thread: &'a str,
        policy: RetentionPolicy,
    ) -> BoxFuture<'a, Result<PruneReport, CheckpointError>> {
        async move {
            self.dry_run(Some(thread), |snapshot, thread| {
                retention::due(snapshot, thread, &policy, u64::MAX, self.db.now())
            })
        }
        .boxed()
    }

    fn tag(&self, tag: Tag) -> Commit<CheckpointError> {
        let what = format!("tag `{}` of thread `{}`", tag.name, tag.thread);
        self.submit(vec![Record::TagSet(tag_record(tag))], || what.clone())
    }

    fn untag(&self, thread: &str, namespace: &str, name: &str) -> Commit<CheckpointError> {
        let removed = TagRemoved {
            thread: thread.to_owned(),
            namespace: namespace.to_owned(),
            tag: name.to_owned(),
        };
        self.submit(vec![Record::TagRemoved(removed)], || {
            format!("the removal of tag `{name}` of thread `{thread}`")
        })
    }

    fn tags(&self, thread: &str) -> BoxFuture<'_, Result<Vec<Tag>, CheckpointError>> {
        std::future::ready(tags_of(&self.db.snapshot(), thread)).boxed()
    }

    fn list_threads(
        &self,
        query: ThreadQuery,
    ) -> BoxFuture<'_, Result<Vec<ThreadInfo>, CheckpointError>> {
        async move {
            let mut reader = self.db.reader();
            list_threads(&self.db.snapshot(), &query, |found, wants| {
                read(&mut reader, found, wants)
            })
        }
        .boxed()
    }
}

/// How often a thread is pruned again that was written to meanwhile.
const PRUNED_AGAIN: usize = 8;

impl DbSaver {
    fn would_prune(&self, prune: &Prune) -> Result<PruneReport, CheckpointError> {
        self.dry_run(prune.thread.as_deref(), |snapshot, thread| {
            due(snapshot, thread, &prune.rule, u64::MAX)
        })
    }

    fn would_retain(&self, policy: &RetentionPolicy) -> Result<PruneReport, CheckpointError> {
        let leases = self.db.leases();
        self.dry_run(None, |snapshot, thread| {
            if leases.is_busy(&thread.name) {
                return Ok(Due::Nothing);
            }
            retention::due_now(snapshot, thread, policy, u64::MAX, self.db.now())
        })
    }

    /// What would go, of one thread or of all.
    fn dry_run(
        &self,
        only: Option<&str>,
        due: impl Fn(&DbSnapshot, &Thread) -> Result<Due<Place>, TablesError>,
    ) -> Result<PruneReport, CheckpointError> {
        let mut reader = self.db.reader();
        self.db.reclaim()?;
        let snapshot = self.db.snapshot();
        dry_run(
            &snapshot,
            only,
            |thread| due(&snapshot, thread),
            |thread, due, lost| {
                let mut freed = Freed::new(&reader, lost, snapshot.own_from(thread)?);
                let mut outcome = Ok(());
                staying(&snapshot, thread, due, lost, |lsn, place| {
                    if outcome.is_ok() {
                        outcome = freed.stays(lsn, place);
                    }
                })?;
                snapshot.each_value(thread, &mut |lsn, place| {
                    if outcome.is_ok() && lost.has(lsn) {
                        outcome = freed.goes(place);
                    }
                })?;
                outcome?;
                let bytes = freed.bytes();
                let records = match due {
                    Due::Prune(plan) => records_of(&thread.name, plan, &mut reader)?,
                    _ => Vec::new(),
                };
                Ok(bytes.saturating_sub(frame_bytes(&records)?))
            },
        )
    }

    /// Prunes a thread in portions, so that nobody waits for long behind one of them. Tells how many checkpoints went.
    async fn prune_thread(&self, name: &str, rule: &PruneRule) -> Result<u64, CheckpointError> {
        let mut removed = 0;
        let mut attempts = 0;
        loop {
            let entered = self.db.enter();
            let snapshot = self.db.snapshot();
            let Some(thread) = snapshot.thread(name)? else {
                return Ok(removed);
            };
            let Due::Prune(plan) = due(&snapshot, &thread, rule, PORTION)? else {
                return Ok(removed);
            };
            let submitted = self.submit_plan(name, &plan)?;
            // Compaction waits for those who have entered.
            drop(entered);
            match submitted.await {
                Err(CheckpointError::Changed { .. }) if attempts < PRUNED_AGAIN => attempts += 1,
                outcome => {
                    outcome?;
                    attempts = 0;
                    removed += plan.checkpoints;
                    if plan.checkpoints < PORTION {
                        return Ok(removed);
                    }
                }
            }
        }
    }

    /// Submits a prune and what it puts again.
    fn submit_plan(
        &self,
        name: &str,
        plan: &Plan<Place>,
    ) -> Result<Commit<CheckpointError>, CheckpointError> {
        let records = records_of(name, plan, &mut self.db.reader())?;
        let what = || format!("the pruning of thread `{name}`");
        let submitted = (self.db).change_thread(name, records, self.durability, what);
        Ok(saving(submitted))
    }

    /// Where time and randomness come from.
    pub(crate) fn host(&self) -> &dyn Host {
        self.db.host()
    }

    /// An id that is greater than all that were given before, and than `floor`.
    fn next_id(&self, floor: Option<&str>) -> String {
        self.ids.next_of(self.db.host(), floor, 0)
    }

    /// The thread after `last` by name.
    pub(crate) fn next_thread(
        &self,
        last: Option<&str>,
    ) -> Result<Option<Arc<str>>, CheckpointError> {
        let next = self.db.snapshot().next_thread(last)?;
        Ok(next.map(|thread| thread.name))
    }

    /// Removes what is not to be kept of a thread any more, and between portions asks whether to go on.
    pub(crate) async fn retain(
        &self,
        name: &str,
        policy: &RetentionPolicy,
        removed: &mut Retained,
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<(), CheckpointError> {
        while self.retain_portion(name, policy, removed).await? && goes_on() {}
        Ok(())
    }

    /// Removes some of what is not to be kept of a thread any more, unless it is being run. Whether there may be more.
    async fn retain_portion(
        &self,
        name: &str,
        policy: &RetentionPolicy,
        removed: &mut Retained,
    ) -> Result<bool, CheckpointError> {
        let entered = self.db.enter();
        let snapshot = self.db.snapshot();
        let thread = snapshot.thread(name)?;
        let Some(thread) = thread.filter(|_| !self.db.leases().is_busy(name)) else {
            return Ok(false);
        };
        let (commit, portion) =
            match retention::due_now(&snapshot, &thread, policy, PORTION, self.db.now())? {
                Due::Nothing => return Ok(false),
                Due::Delete => {
                    let deleted = ThreadDeleted {
                        thread: name.to_owned(),
                        cutoff: self.next_id(thread.life.greatest.as_deref()),
                    };
                    let records = vec![
                        Record::CheckpointsPruned(unchanged(&thread)),
                        Record::ThreadDeleted(deleted),
                    ];
                    let what = || format!("the deletion of idle thread `{name}`");
                    let commit = (self.db.leases()).deleting(name, || {
                        saving((self.db).change_thread(name, records, self.durability, what))
                    });
                    (commit, None)
                }
                Due::Prune(plan) => (self.submit_plan(name, &plan)?, Some(plan.checkpoints)),
            };
        drop(entered);
        match commit.await {
            // Somebody works with it.
            Err(CheckpointError::Changed { .. }) => Ok(false),
            outcome => {
                outcome?;
                removed.checkpoints += portion.unwrap_or(thread.life.checkpoints);
                removed.deleted_threads += u64::from(portion.is_none());
                Ok(portion.is_some_and(|portion| portion >= PORTION))
            }
        }
    }
}

/// The records of a prune: what goes, and what is put again.
fn records_of(
    name: &str,
    plan: &Plan<Place>,
    reader: &mut Reader,
) -> Result<Vec<Record<Stored>>, CheckpointError> {
    let record = plan.record.clone().map(Record::CheckpointsPruned);
    let mut records: Vec<_> = record.into_iter().collect();
    for survivor in &plan.survivors {
        let values = reader.aliases(held_values(&survivor.entry))?;
        let put = standalone_record(name, survivor, values);
        records.push(Record::CheckpointPut(put));
    }
    Ok(records)
}

/// Reads a checkpoint with the values of the channels that `wants` names.
fn read(
    reader: &mut Reader,
    found: &Found<Place>,
    wants: &dyn Fn(&str) -> bool,
) -> Result<CheckpointTuple, CheckpointError> {
    let metadata = metadata_of(&found.entry).map_err(|e| DbError::UnreadableValue {
        what: format!(
            "the metadata of checkpoint `{}` of thread `{}`",
            found.id, found.thread
        ),
        reason: e.to_string(),
    })?;
    let values = reader.values(handles(found, wants))?;
    Ok(tuple(found, wants, metadata, values))
}

fn saving(submitted: Result<Submitted, DbError>) -> Commit<CheckpointError> {
    match submitted {
        Ok(submitted) => Commit::helping(Saving { submitted }),
        Err(error) => Commit::ready(Err(error.into())),
    }
}

/// A submitted record of this checkpointer.
struct Saving {
    submitted: Submitted,
}

impl Saving {
    fn outcome(submitted: Result<Option<Refused>, DbError>) -> Result<(), CheckpointError> {
        submitted?.map_or(Ok(()), |refused| Err(refused.into()))
    }
}

impl Future for Saving {
    type Output = Result<(), CheckpointError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Self::outcome(ready!(
            Pin::new(&mut self.submitted).poll(cx)
        )))
    }
}

impl Helping<CheckpointError> for Saving {
    fn wait(self: Box<Self>) -> Result<(), CheckpointError> {
        Self::outcome(self.submitted.wait())
    }
}
