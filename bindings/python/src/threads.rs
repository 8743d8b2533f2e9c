//! Threads as a whole: lists of them, what is kept of them, tags. Answers are JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::executor::block_on;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use stepwell::checkpoint::{
    Checkpointer, Prune, PruneReport, PruneRule, PruneStrategy, Retention, RetentionPolicy,
    StatusKind, Tag, ThreadCursor, ThreadInfo, ThreadOrder, ThreadQuery,
};

use crate::database::Database;
use crate::failure::{Failure, Outcome, blocking};

/// As Python says it: durations in seconds.
#[derive(Deserialize)]
struct Policy {
    keep_last: Option<u64>,
    older_than: Option<f64>,
    finished_subgraphs: bool,
    idle: Option<f64>,
}

impl Policy {
    fn parse(json: &[u8]) -> Outcome<RetentionPolicy> {
        let policy: Self = serde_json::from_slice(json)?;
        let duration = |seconds: Option<f64>| {
            let duration = seconds.map(Duration::try_from_secs_f64).transpose();
            duration.map_err(|e| Failure::invalid(e.to_string()))
        };
        Ok(RetentionPolicy {
            keep_last: policy.keep_last,
            older_than: duration(policy.older_than)?,
            finished_subgraphs: policy.finished_subgraphs,
            idle: duration(policy.idle)?,
        })
    }
}

/// What `list_threads` was asked.
#[derive(Deserialize)]
struct Asked {
    prefix: String,
    filter: Map<String, Value>,
    status: Option<String>,
    by_name: bool,
    after: Option<String>,
    limit: Option<usize>,
}

#[pymethods]
impl Database {
    fn list_threads(&self, py: Python<'_>, query_json: &[u8]) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let asked: Asked = serde_json::from_slice(query_json)?;
            let after = asked
                .after
                .as_deref()
                .map(str::parse::<ThreadCursor>)
                .transpose();
            let query = ThreadQuery {
                prefix: asked.prefix,
                filter: asked.filter,
                status: asked.status.as_deref().map(status).transpose()?,
                order: if asked.by_name {
                    ThreadOrder::Name
                } else {
                    ThreadOrder::LastUpdate
                },
                after: after.map_err(|e| Failure::invalid(e.to_string()))?,
                limit: asked.limit,
            };
            let threads = self.with(|db| Ok(block_on(db.checkpointer().list_threads(query))?))?;
            to_json(&threads.iter().map(thread).collect::<Vec<_>>())
        })
    }

    /// Removes checkpoints by LangGraph's strategies.
    fn prune(&self, py: Python<'_>, threads: Vec<String>, strategy: &str) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let strategy: PruneStrategy =
                strategy
                    .parse()
                    .map_err(|e: stepwell::checkpoint::UnknownStrategy| {
                        Failure::invalid(e.to_string())
                    })?;
            self.with_saver(None, |saver| {
                let mut reports = Vec::with_capacity(threads.len());
                for thread in threads {
                    let finished = Prune {
                        thread: Some(thread.clone()),
                        rule: PruneRule::FinishedSubgraphs,
                    };
                    if strategy == PruneStrategy::KeepLatest {
                        reports.push(report(&block_on(saver.prune(finished))?));
                    }
                    let pruned = block_on(saver.prune_threads(vec![thread], strategy))?;
                    reports.push(report(&pruned));
                }
                to_json(&reports)
            })
        })
    }

    fn delete_for_runs(&self, py: Python<'_>, runs: Vec<String>) -> PyResult<Vec<u8>> {
        blocking(py, || {
            self.with_saver(None, |saver| {
                to_json(&report(&block_on(saver.delete_for_runs(runs))?))
            })
        })
    }

    /// Removes what is not to be kept, or says what that would be.
    fn apply_retention(
        &self,
        py: Python<'_>,
        policy_json: &[u8],
        dry_run: bool,
    ) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let policy = Policy::parse(policy_json)?;
            self.with_saver(None, |saver| {
                let done = if dry_run {
                    block_on(saver.retention_dry_run(policy))?
                } else {
                    block_on(saver.apply_retention(policy))?
                };
                to_json(&report(&done))
            })
        })
    }

    /// Has the background see to it, every so many seconds; `None` ends that.
    fn keep_retention(
        &self,
        py: Python<'_>,
        policy_json: Option<&[u8]>,
        interval: f64,
    ) -> PyResult<()> {
        blocking(py, || {
            let interval = Duration::try_from_secs_f64(interval)
                .map_err(|e| Failure::invalid(e.to_string()))?;
            let policy = policy_json.map(Policy::parse).transpose()?;
            let retention = policy.map(|policy| Retention { policy, interval });
            self.with(|db| Ok(db.set_retention(retention)?))
        })
    }

    fn set_thread_retention(
        &self,
        py: Python<'_>,
        thread: &str,
        policy_json: Option<&[u8]>,
    ) -> PyResult<()> {
        blocking(py, || {
            let policy = policy_json.map(Policy::parse).transpose()?;
            self.with_saver(None, |saver| {
                Ok(saver.set_retention(thread, policy).wait()?)
            })
        })
    }

    fn tag(
        &self,
        py: Python<'_>,
        thread: String,
        namespace: String,
        name: String,
        id: String,
    ) -> PyResult<()> {
        blocking(py, || {
            let tag = Tag {
                thread,
                namespace,
                name,
                checkpoint_id: id,
            };
            self.with_saver(None, |saver| Ok(saver.tag(tag).wait()?))
        })
    }

    fn untag(&self, py: Python<'_>, thread: &str, namespace: &str, name: &str) -> PyResult<()> {
        blocking(py, || {
            self.with_saver(None, |saver| {
                Ok(saver.untag(thread, namespace, name).wait()?)
            })
        })
    }

    /// Namespace, name and checkpoint of each tag.
    fn tags(&self, py: Python<'_>, thread: &str) -> PyResult<Vec<(String, String, String)>> {
        blocking(py, || {
            let tags = self.with(|db| Ok(block_on(db.checkpointer().tags(thread))?))?;
            let tags = tags.into_iter();
            Ok(tags
                .map(|tag| (tag.namespace, tag.name, tag.checkpoint_id))
                .collect())
        })
    }
}

pub(crate) fn to_json(value: &impl Serialize) -> Outcome<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}

fn status(name: &str) -> Outcome<StatusKind> {
    match name {
        "idle" => Ok(StatusKind::Idle),
        "interrupted" => Ok(StatusKind::Interrupted),
        "unfinished" => Ok(StatusKind::Unfinished),
        _ => Err(Failure::invalid(format!(
            "`{name}` is no status; there are `idle`, `interrupted` and `unfinished`"
        ))),
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

fn thread(info: &ThreadInfo) -> Value {
    json!({
        "thread_id": info.thread,
        "status": info.status,
        "created": seconds(info.created),
        "updated": seconds(info.updated),
        "checkpoints": info.checkpoints,
        "namespaces": info.namespaces,
        "bytes": info.bytes,
        "cursor": info.cursor.to_string(),
    })
}

fn report(report: &PruneReport) -> Value {
    json!({
        "threads": report.threads,
        "deleted_threads": report.deleted_threads,
        "checkpoints": report.checkpoints,
        "bytes": report.bytes,
    })
}
