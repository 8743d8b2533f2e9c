//! Threads are listed.

use std::sync::Arc;

use crate::checkpoint::{
    CheckpointError, Projection, ThreadCursor, ThreadInfo, ThreadOrder, ThreadQuery, ThreadStatus,
    is_told_by,
};
use crate::index::made_at;
use crate::postgres::PostgresError;
use crate::postgres::saver::PostgresSaver;
use crate::postgres::saver::thread::V6;
use crate::postgres::text::{escape, owned};
use crate::time;

/// Of each thread: when it was made and changed, and how much there is. Times are told by ids, or by what is said of the checkpoint.
const THREADS: &str = "SELECT thread_id, count(*), count(DISTINCT checkpoint_ns),
    min(checkpoint_id COLLATE \"C\") FILTER (WHERE checkpoint_id ~ $2),
    max(checkpoint_id COLLATE \"C\") FILTER (WHERE checkpoint_id ~ $2),
    min(checkpoint ->> 'ts') FILTER (WHERE checkpoint_id !~ $2),
    max(checkpoint ->> 'ts') FILTER (WHERE checkpoint_id !~ $2)
FROM checkpoints WHERE starts_with(thread_id, $1) GROUP BY thread_id";

const BYTES: &str = "SELECT
    (SELECT coalesce(sum(pg_column_size(checkpoint) + pg_column_size(metadata)), 0)
     FROM checkpoints WHERE thread_id = $1)::bigint
    + (SELECT coalesce(sum(octet_length(blob)), 0) FROM checkpoint_blobs WHERE thread_id = $1)::bigint
    + (SELECT coalesce(sum(octet_length(blob)), 0) FROM checkpoint_writes WHERE thread_id = $1)::bigint";

/// What a row says of a thread.
struct Seen {
    thread: String,
    created: u64,
    updated: u64,
    checkpoints: i64,
    namespaces: i64,
}

impl PostgresSaver {
    pub(super) async fn threads(
        &self,
        query: ThreadQuery,
    ) -> Result<Vec<ThreadInfo>, CheckpointError> {
        let prefix = escape(&query.prefix).into_owned();
        let seen = self.shared.retried(move |pools| {
            let prefix = prefix.clone();
            async move {
                let client = pools.client().await?;
                let rows = client.query(THREADS, &[&prefix, &V6]).await?;
                rows.iter().map(seen).collect::<Result<Vec<_>, _>>()
            }
        });
        let mut seen = seen.await.map_err(|e| e.checkpoint("listing threads"))?;
        let by_name = query.order == ThreadOrder::Name;
        let place = |of: &Seen| ThreadCursor::at(of.updated, Arc::from(of.thread.as_str()));
        let order = |a: &ThreadCursor, b: &ThreadCursor| a.compare(b, by_name);
        seen.sort_by(|a, b| order(&place(a), &place(b)));
        let after = |of: &Seen| {
            let last = query.after.as_ref();
            last.is_none_or(|last| order(&place(of), last).is_gt())
        };
        let mut listed = Vec::new();
        for of in seen.iter().filter(|of| after(of)) {
            if listed.len() >= query.limit.unwrap_or(usize::MAX) {
                break;
            }
            listed.extend(self.thread(of, place(of), &query).await?);
        }
        Ok(listed)
    }

    /// A thread, unless it is not wanted.
    async fn thread(
        &self,
        of: &Seen,
        cursor: ThreadCursor,
        query: &ThreadQuery,
    ) -> Result<Option<ThreadInfo>, CheckpointError> {
        // Which channels tell the status is known once the versions are.
        let metadata = Projection::metadata_only();
        let latest = self.read(&of.thread, "", None, &metadata).await?;
        let passes = |filter| latest.as_ref().is_some_and(|l| l.metadata.matches(filter));
        if !query.filter.is_empty() && !passes(&query.filter) {
            return Ok(None);
        }
        let status = match latest {
            Some(latest) => {
                let names = latest.checkpoint.channel_versions.keys();
                let names = names.filter(|name| is_told_by(name)).cloned();
                let told = Projection::named(names);
                let id = Some(latest.checkpoint.id.as_str());
                let latest = self.read(&of.thread, "", id, &told).await?;
                latest.map(|latest| ThreadStatus::of(&latest))
            }
            None => None,
        };
        if query.status.is_some() && status.as_ref().map(ThreadStatus::kind) != query.status {
            return Ok(None);
        }
        let name = escape(&of.thread).into_owned();
        let bytes = self.shared.retried(move |pools| {
            let name = name.clone();
            async move {
                let client = pools.client().await?;
                Ok::<i64, PostgresError>(client.query_one(BYTES, &[&name]).await?.try_get(0)?)
            }
        });
        let bytes = bytes.await.map_err(|e| e.checkpoint("listing threads"))?;
        Ok(Some(ThreadInfo {
            thread: of.thread.clone(),
            status,
            created: time::from_micros(of.created),
            updated: time::from_micros(of.updated),
            checkpoints: u64::try_from(of.checkpoints).unwrap_or_default(),
            namespaces: usize::try_from(of.namespaces).unwrap_or_default(),
            bytes: u64::try_from(bytes).unwrap_or_default(),
            cursor,
        }))
    }
}

fn seen(row: &tokio_postgres::Row) -> Result<Seen, PostgresError> {
    let id = |column: usize| -> Result<Option<u64>, PostgresError> {
        Ok(row.try_get::<_, Option<&str>>(column)?.and_then(made_at))
    };
    let ts = |column: usize| -> Result<Option<u64>, PostgresError> {
        let text = row.try_get::<_, Option<&str>>(column)?;
        Ok(text.and_then(time::parse_micros))
    };
    let (first, last) = ((id(3)?, ts(5)?), (id(4)?, ts(6)?));
    let created = [first.0, first.1].into_iter().flatten().min();
    let updated = [last.0, last.1].into_iter().flatten().max();
    Ok(Seen {
        thread: owned(row.try_get(0)?),
        created: created.unwrap_or_default(),
        updated: updated.unwrap_or_default(),
        checkpoints: row.try_get(1)?,
        namespaces: row.try_get(2)?,
    })
}
