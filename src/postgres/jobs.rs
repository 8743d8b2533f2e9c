//! What is done in the order in which it was asked for: writes, in groups, and looking where a list begins.
//!
//! One transaction is made of all writes that wait when the one before is committed. If the connection breaks while a commit is
//! under way, the server is asked what became of the transaction (`pg_xact_status`), so no write is made twice or reported
//! wrongly. What cannot be written fails, and with it all that was submitted behind it before anyone could know.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use deadpool_postgres::Object;
use futures::channel::oneshot;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::checkpoint::CheckpointError;
use crate::postgres::PostgresError;
use crate::postgres::lease::{Holder, RELEASE};
use crate::postgres::saver::{Fault, ThreadRow, Turn, Write};
use crate::postgres::server::{PAUSE, Pools};
use crate::postgres::text::{escape, owned};

/// So many writes make a transaction at most.
const GROUP: usize = 128;

/// Something to be done after what was submitted before it.
pub(super) enum Job {
    Write(Submitted),
    /// A list is to see what was written before it. `None` if there is no connection for it now.
    List(oneshot::Sender<Option<Object>>),
    /// A thread is held no more, under this token.
    Release(String, i64),
}

/// A write, and who waits for it.
pub(super) struct Submitted {
    pub(super) write: Write,
    /// The token under which the thread was held when it was submitted.
    pub(super) token: Option<i64>,
    pub(super) done: oneshot::Sender<Result<(), CheckpointError>>,
}

/// Why a group was not committed.
struct Failure {
    error: PostgresError,
    /// The transaction, if its commit was under way, and what its writes came to.
    unknown: Option<(String, Vec<Outcome>)>,
}

type Outcome = Result<(), CheckpointError>;

impl From<PostgresError> for Failure {
    fn from(error: PostgresError) -> Self {
        Self {
            error,
            unknown: None,
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::from(error).into()
    }
}

/// Does jobs until there can be no more.
pub(super) async fn work(pools: Pools, holder: Arc<Holder>, mut queue: UnboundedReceiver<Job>) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            match queue.recv().await {
                Some(job) => waiting.push_back(job),
                None => return,
            }
        }
        while let Ok(job) = queue.try_recv() {
            waiting.push_back(job);
        }
        let mut group = Vec::new();
        while group.len() < GROUP
            && let Some(Job::Write(_)) = waiting.front()
        {
            if let Some(Job::Write(write)) = waiting.pop_front() {
                group.push(write);
            }
        }
        if !group.is_empty() {
            let failed = commit(&pools, &holder, group).await;
            if let Some(failed) = failed {
                while let Ok(job) = queue.try_recv() {
                    waiting.push_back(job);
                }
                failed.end(&mut waiting);
            }
            continue;
        }
        match waiting.pop_front() {
            Some(Job::List(answer)) => {
                let _ = answer.send(snapshot(&pools, false).await.ok());
            }
            Some(Job::Release(thread, token)) => release(&pools, &holder, &thread, token).await,
            Some(Job::Write(_)) | None => {}
        }
    }
}

/// A connection that sees the database as it is now. Without `patience` only if there is one at once.
pub(super) async fn snapshot(pools: &Pools, patience: bool) -> Result<Object, PostgresError> {
    let client = pools.list(patience).await?;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1";
    client.batch_execute(begin).await?;
    Ok(client)
}

async fn release(pools: &Pools, holder: &Holder, thread: &str, token: i64) {
    let released = async {
        let client = pools.client().await?;
        let statement = client.prepare_cached(RELEASE).await?;
        let released = client
            .execute(&statement, &[&thread, &holder.id, &token])
            .await?;
        Ok::<_, PostgresError>(released)
    };
    if let Err(error) = released.await {
        tracing::warn!(%error, "a thread was not released; others may take it when its lease has run out");
    }
}

/// What failed, and so what must not be written behind it.
struct Failed {
    error: Arc<PostgresError>,
    /// The threads that it is about; `None`: all.
    threads: Option<HashSet<String>>,
}

impl Failed {
    fn hits(&self, write: &Write) -> bool {
        let threads = self.threads.as_ref();
        threads.is_none_or(|failed| write.threads().any(|thread| failed.contains(thread)))
    }

    fn after(&self, submitted: Submitted) {
        let error = PostgresError::After(Arc::clone(&self.error));
        let what = submitted.write.what();
        let _ = submitted.done.send(Err(error.checkpoint(what)));
    }

    /// Fails those that wait already.
    fn end(&self, waiting: &mut VecDeque<Job>) {
        let all = std::mem::take(waiting);
        for job in all {
            match job {
                Job::Write(submitted) if self.hits(&submitted.write) => self.after(submitted),
                other => waiting.push_back(other),
            }
        }
    }
}

/// Commits a group, or what of it can be committed.
async fn commit(pools: &Pools, holder: &Holder, group: Vec<Submitted>) -> Option<Failed> {
    let error = match try_commit(pools, holder, &group).await {
        Ok(outcomes) => {
            for (submitted, outcome) in group.into_iter().zip(outcomes) {
                let _ = submitted.done.send(outcome);
            }
            return None;
        }
        Err(error) => error,
    };
    let is_of_one = !error.is_passing() && !matches!(error, PostgresError::PoolFull { .. });
    if !is_of_one || group.len() == 1 {
        let threads = is_of_one.then(|| {
            let threads = group.iter().flat_map(|of| of.write.threads());
            threads.map(str::to_owned).collect()
        });
        for submitted in group {
            let what = submitted.write.what();
            let _ = submitted.done.send(Err(error.clone().checkpoint(what)));
        }
        let error = Arc::new(error);
        return Some(Failed { error, threads });
    }
    // One of them cannot be written: which one is found out by writing each by itself.
    let mut failed: Option<Failed> = None;
    for submitted in group {
        if let Some(failed) = failed
            .as_ref()
            .filter(|failed| failed.hits(&submitted.write))
        {
            failed.after(submitted);
            continue;
        }
        if let Some(of_one) = Box::pin(commit(pools, holder, vec![submitted])).await {
            failed = Some(match (failed, of_one.threads) {
                (
                    Some(Failed {
                        threads: Some(mut all),
                        error,
                    }),
                    Some(more),
                ) => {
                    all.extend(more);
                    Failed {
                        error,
                        threads: Some(all),
                    }
                }
                (_, threads) => Failed {
                    error: of_one.error,
                    threads,
                },
            });
        }
    }
    failed
}

/// Commits all of a group, and tries again as long as that may help.
async fn try_commit(
    pools: &Pools,
    holder: &Holder,
    group: &[Submitted],
) -> Result<Vec<Outcome>, PostgresError> {
    let end = Instant::now() + pools.options.retry;
    loop {
        let failure = match attempt(pools, holder, group).await {
            Ok(outcomes) => return Ok(outcomes),
            Err(failure) => failure,
        };
        let mut error = failure.error;
        if let Some((transaction, outcomes)) = failure.unknown {
            match settled(pools, &transaction, end).await {
                Ok(true) => return Ok(outcomes),
                Ok(false) => {}
                Err(unknown) => {
                    error = PostgresError::Unavailable {
                        reason: format!(
                            "{unknown}; whether the last writes are there is not known"
                        ),
                    };
                    return Err(error);
                }
            }
        }
        if !error.is_passing() || Instant::now() >= end {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether a transaction was committed whose commit was not acknowledged.
pub(super) async fn settled(
    pools: &Pools,
    transaction: &str,
    end: Instant,
) -> Result<bool, PostgresError> {
    loop {
        let asked = async {
            let client = pools.client().await?;
            let status = client
                .query_one("SELECT pg_xact_status($1::text::xid8)", &[&transaction])
                .await?;
            Ok::<Option<String>, PostgresError>(status.try_get(0)?)
        };
        match asked.await {
            Ok(Some(status)) if status == "committed" => return Ok(true),
            Ok(Some(status)) if status == "aborted" => return Ok(false),
            Err(error) if !error.is_passing() || Instant::now() >= end => return Err(error),
            Ok(None) => {
                return Err(PostgresError::Unavailable {
                    reason: "the server does not remember the transaction".to_owned(),
                });
            }
            Ok(Some(_)) if Instant::now() >= end => {
                return Err(PostgresError::Unavailable {
                    reason: "the transaction is still under way".to_owned(),
                });
            }
            Ok(Some(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Locks the rows of threads, in one order so that no two processes wait for each other, and begins their next turns.
const LOCK: &str =
    "INSERT INTO stepwell_threads AS t (thread_id) SELECT unnest($1::text[]) ORDER BY 1
ON CONFLICT (thread_id) DO UPDATE SET turn = t.turn + 1
RETURNING thread_id, turn, cutoff, pruned, holder, token, pg_current_xact_id()::text";

async fn attempt(
    pools: &Pools,
    holder: &Holder,
    group: &[Submitted],
) -> Result<Vec<Outcome>, Failure> {
    let mut client = pools.client().await?;
    let mut names: Vec<String> = (group.iter())
        .flat_map(|of| of.write.threads().map(|thread| escape(thread).into_owned()))
        .collect();
    names.sort();
    names.dedup();
    let lock = client.prepare_cached(LOCK).await?;
    let transaction = client.transaction().await?;
    let mut threads = HashMap::new();
    let mut number = String::new();
    for row in transaction.query(&lock, &[&names]).await? {
        let name: &str = row.try_get(0)?;
        number = row.try_get(6)?;
        threads.insert(
            owned(name),
            ThreadRow {
                turn: row.try_get(1)?,
                cutoff: row.try_get::<_, Option<&str>>(2)?.map(owned),
                pruned: row.try_get::<_, Option<&str>>(3)?.map(owned),
                holder: row.try_get(4)?,
                token: row.try_get(5)?,
            },
        );
    }
    let mut outcomes = Vec::with_capacity(group.len());
    for (place, submitted) in group.iter().enumerate() {
        let lost = submitted.token.and_then(|token| {
            let thread = submitted.write.threads().next()?;
            let row = threads.get(thread)?;
            let ours = row.holder.as_ref() == Some(&holder.id) && row.token == token;
            (!ours).then(|| thread.to_owned())
        });
        if let Some(thread) = lost {
            let error = PostgresError::LeaseLost { thread };
            outcomes.push(Err(error.checkpoint(submitted.write.what())));
            continue;
        }
        let mut turn = Turn {
            transaction: &transaction,
            threads: &mut threads,
            place,
        };
        match turn.write(&submitted.write).await {
            Ok(()) => outcomes.push(Ok(())),
            Err(Fault::Refused(error)) => outcomes.push(Err(error)),
            Err(Fault::Postgres(error)) => return Err(error.into()),
        }
    }
    match transaction.commit().await {
        Ok(()) => Ok(outcomes),
        Err(error) => Err(Failure {
            error: error.into(),
            unknown: Some((number, outcomes)),
        }),
    }
}
