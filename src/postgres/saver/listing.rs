//! Checkpoints are listed, from one snapshot of the database.
//!
//! The snapshot is taken in the order of the writes. What it is read by is a connection of its own, page by page, no faster than the list is consumed.

use std::sync::Arc;

use deadpool_postgres::Object;
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use serde_json::Value;

use crate::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, ListQuery, Projection,
};
use crate::langgraph::Reading;
use crate::postgres::PostgresError;
use crate::postgres::jobs::{Job, snapshot};
use crate::postgres::row::{SELECT, tuple};
use crate::postgres::saver::PostgresSaver;
use crate::postgres::saver::reading::wanted;
use crate::postgres::server::Pools;
use crate::postgres::text::{escape, escape_json};

/// So many checkpoints are read at a time.
const PAGE: i64 = 64;
/// So many wait to be consumed.
const AHEAD: usize = 64;

/// What is listed.
pub(super) enum Wanted {
    All(ListQuery),
    /// The latest of each thread.
    Latest {
        namespace: String,
        projection: Projection,
    },
}

type Listed = Result<CheckpointTuple, CheckpointError>;

/// Where a list goes on: id, thread and namespace of the last one, escaped.
type After = Option<(String, String, String)>;

impl PostgresSaver {
    pub(super) fn stream(&self, wanted: Wanted) -> CheckpointStream {
        let (mut listed, list) = mpsc::channel(AHEAD);
        let (answer, connection) = oneshot::channel();
        self.shared.submit(Job::List(answer));
        let pools = self.shared.pools.clone();
        let reading = self.reading;
        self.shared.spawn(async move {
            if let Err(error) = feed(&pools, connection, (&wanted, reading), &mut listed).await {
                let _ = listed
                    .send(Err(error.checkpoint("listing checkpoints")))
                    .await;
            }
        });
        // The runtime must not end before the list does.
        let shared = Arc::clone(&self.shared);
        list.map(move |next| {
            let _ = &shared;
            next
        })
        .boxed()
    }
}

async fn feed(
    pools: &Pools,
    connection: oneshot::Receiver<Option<Object>>,
    (wanted, reading): (&Wanted, Reading),
    listed: &mut mpsc::Sender<Listed>,
) -> Result<(), PostgresError> {
    let client = match connection.await {
        Ok(Some(client)) => client,
        // All connections for lists are taken: this one sees what is there when it gets one.
        Ok(None) | Err(_) => snapshot(pools, true).await?,
    };
    let fed = pages(&client, (wanted, reading), listed).await;
    // It goes back to the others without its transaction, or not at all.
    if client.batch_execute("ROLLBACK").await.is_err() {
        drop(Object::take(client));
    }
    fed
}

async fn pages(
    client: &Object,
    (wanted, reading): (&Wanted, Reading),
    listed: &mut mpsc::Sender<Listed>,
) -> Result<(), PostgresError> {
    let mut after: After = None;
    let mut left = match wanted {
        Wanted::All(query) => query.limit.unwrap_or(usize::MAX),
        Wanted::Latest { .. } => usize::MAX,
    };
    while left > 0 {
        let (page, last) = match wanted {
            Wanted::All(query) => page(client, query, &after, reading).await?,
            Wanted::Latest {
                namespace,
                projection,
            } => latest(client, namespace, projection, (&after, reading)).await?,
        };
        for found in page {
            if let Wanted::All(query) = wanted
                && !found.metadata.matches(&query.filter)
            {
                continue;
            }
            // Who has gone wants no more.
            if left == 0 || listed.send(Ok(found)).await.is_err() {
                return Ok(());
            }
            left -= 1;
        }
        match last {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
    Ok(())
}

async fn page(
    client: &Object,
    query: &ListQuery,
    after: &After,
    reading: Reading,
) -> Result<(Vec<CheckpointTuple>, After), PostgresError> {
    let order = "checkpoint_id COLLATE \"C\" DESC, thread_id COLLATE \"C\",
        checkpoint_ns COLLATE \"C\"";
    let from = format!(
        "(SELECT * FROM checkpoints
          WHERE ($4::text IS NULL OR thread_id = $4) AND ($5::text IS NULL OR checkpoint_ns = $5)
            AND ($6::text IS NULL OR checkpoint_id COLLATE \"C\" < $6)
            AND ($7::jsonb IS NULL OR metadata @> $7)
            AND ($8::text IS NULL OR checkpoint_id COLLATE \"C\" < $8
                OR checkpoint_id = $8
                    AND (thread_id COLLATE \"C\", checkpoint_ns COLLATE \"C\") > ($9, $10))
          ORDER BY {order} LIMIT {PAGE}) c"
    );
    let sql = SELECT.replacen("checkpoints c", &from, 1);
    let sql = format!(
        "{sql} ORDER BY c.checkpoint_id COLLATE \"C\" DESC, c.thread_id COLLATE \"C\",
            c.checkpoint_ns COLLATE \"C\""
    );
    let text = |text: &Option<String>| text.as_deref().map(|t| escape(t).into_owned());
    let (thread, namespace) = (text(&query.thread), text(&query.namespace));
    let before = text(&query.before);
    // What equals the filter contains it; parents need not be there.
    let mut filter = query.filter.clone();
    filter.remove("parents");
    let filter = (!filter.is_empty()).then(|| escape_json(Value::Object(filter)));
    let (id, last_thread, last_ns) = match after {
        Some((id, thread, namespace)) => (Some(id), Some(thread), Some(namespace)),
        None => (None, None, None),
    };
    let (all, names) = wanted(&query.projection.channels);
    let statement = client.prepare_cached(&sql).await?;
    let rows = client
        .query(
            &statement,
            &[
                &all,
                &names,
                &query.projection.writes,
                &thread,
                &namespace,
                &before,
                &filter,
                &id,
                &last_thread,
                &last_ns,
            ],
        )
        .await?;
    read(&rows, &query.projection, reading)
}

async fn latest(
    client: &Object,
    namespace: &str,
    projection: &Projection,
    (after, reading): (&After, Reading),
) -> Result<(Vec<CheckpointTuple>, After), PostgresError> {
    let from = format!(
        "(SELECT DISTINCT ON (thread_id) * FROM checkpoints
          WHERE checkpoint_ns = $4 AND ($5::text IS NULL OR thread_id > $5)
          ORDER BY thread_id, checkpoint_id COLLATE \"C\" DESC LIMIT {PAGE}) c"
    );
    let sql = SELECT.replacen("checkpoints c", &from, 1);
    let sql = format!("{sql} ORDER BY c.thread_id");
    let last = after.as_ref().map(|(_, thread, _)| thread);
    let (all, names) = wanted(&projection.channels);
    let statement = client.prepare_cached(&sql).await?;
    let rows = client
        .query(
            &statement,
            &[
                &all,
                &names,
                &projection.writes,
                &&*escape(namespace),
                &last,
            ],
        )
        .await?;
    read(&rows, projection, reading)
}

/// The checkpoints of a page, and where the next one begins, if this one is full.
fn read(
    rows: &[tokio_postgres::Row],
    projection: &Projection,
    reading: Reading,
) -> Result<(Vec<CheckpointTuple>, After), PostgresError> {
    let wants = |channel: &str| projection.channels.has(channel);
    let page: Result<Vec<_>, _> = rows.iter().map(|row| tuple(row, &wants, reading)).collect();
    let is_full = i64::try_from(rows.len()).is_ok_and(|len| len >= PAGE);
    let last = match rows.last().filter(|_| is_full) {
        Some(row) => Some((row.try_get(2)?, row.try_get(0)?, row.try_get(1)?)),
        None => None,
    };
    Ok((page?, last))
}
