//! What is done to a whole database: backup, verification, compaction, figures, differences. Answers are JSON.

use std::ops::ControlFlow;
use std::path::PathBuf;

use futures::executor::block_on;
use pyo3::prelude::*;
use serde_json::{Map, Value, json};
use stepwell::checkpoint::{Checkpointer, diff};
use stepwell::db::{ValueStats, VerifyOptions};

use crate::database::Database;
use crate::failure::{Failure, blocking};
use crate::threads::to_json;

#[pymethods]
impl Database {
    fn backup(&self, py: Python<'_>, to: PathBuf) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let report = self.with(|db| Ok(db.backup(&to)?))?;
            to_json(&json!({
                "unchanged": report.unchanged,
                "linked": report.linked,
                "copied": report.copied,
                "copied_bytes": report.copied_bytes,
            }))
        })
    }

    fn verify(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let report = self.with(|db| {
                Ok(db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()))?)
            })?;
            to_json(&json!({
                "is_clean": report.is_clean(),
                "records": report.records,
                "checkpoints": report.checkpoints,
                "items": report.items,
                "values": report.values,
                "index_compared": report.index_compared,
                "found": report.found,
                "findings": report.findings,
            }))
        })
    }

    fn compact(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let report = self.with(|db| Ok(db.compact()?))?;
            to_json(&json!({
                "bytes_before": report.bytes_before,
                "bytes_after": report.bytes_after,
                "incomplete": report.incomplete,
            }))
        })
    }

    fn stats(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let stats = self.with(|db| Ok(db.stats()?))?;
            let log: u64 = stats.segments.iter().map(|of| of.segment.bytes).sum();
            to_json(&json!({
                "threads": stats.threads,
                "checkpoints": stats.checkpoints,
                "items": stats.items,
                "log_bytes": log,
                "dead_bytes": stats.dead_bytes(),
                "index_bytes": stats.index.file_bytes,
                "cache_bytes": stats.cache.bytes,
                "cache_hits": stats.cache.hits,
                "cache_misses": stats.cache.misses,
            }))
        })
    }

    /// The figures of a thread, or `null`.
    fn thread_stats(&self, py: Python<'_>, thread: &str) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let stats = self.with(|db| Ok(db.thread_stats(thread)?))?;
            to_json(&stats.map(|stats| {
                let channels = stats.channels.iter();
                let channels: Map<String, Value> = channels
                    .map(|(name, stats)| (name.clone(), value_stats(stats)))
                    .collect();
                json!({
                    "checkpoints": stats.checkpoints,
                    "bytes": stats.bytes,
                    "shared_bytes": stats.shared_bytes,
                    "channels": channels,
                    "writes": value_stats(&stats.writes),
                })
            }))
        })
    }

    /// What differs between two checkpoints, each a thread, a namespace and an id or `None`.
    fn diff(
        &self,
        py: Python<'_>,
        from: (String, String, Option<String>),
        to: (String, String, Option<String>),
    ) -> PyResult<Vec<u8>> {
        blocking(py, || {
            self.with(|db| {
                let saver = db.checkpointer();
                let get = |(thread, namespace, id): &(String, String, Option<String>)| {
                    let found = block_on(saver.get(thread, namespace, id.as_deref()))?;
                    found.ok_or_else(|| missing(thread, namespace, id.as_deref()))
                };
                let (from, to) = (get(&from)?, get(&to)?);
                to_json(&diff(&from, &to))
            })
        })
    }
}

fn missing(thread: &str, namespace: &str, id: Option<&str>) -> Failure {
    let what = id.map_or_else(
        || "checkpoints".to_owned(),
        |id| format!("checkpoint `{id}`"),
    );
    let namespace = if namespace.is_empty() {
        String::new()
    } else {
        format!(" in namespace `{namespace}`")
    };
    Failure::new(
        "CheckpointNotFoundError",
        format!("thread `{thread}` has no {what}{namespace}"),
    )
}

fn value_stats(stats: &ValueStats) -> Value {
    json!({
        "values": stats.values,
        "bytes": stats.bytes,
        "shared_bytes": stats.shared_bytes,
    })
}
