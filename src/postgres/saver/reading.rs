//! A checkpoint is read.

use crate::checkpoint::{Channels, CheckpointError, CheckpointTuple, Projection};
use crate::postgres::row::{SELECT, tuple};
use crate::postgres::saver::PostgresSaver;
use crate::postgres::text::escape;

/// The names of the channels that are wanted, escaped, and whether all are.
pub(super) fn wanted(channels: &Channels) -> (bool, Vec<String>) {
    match channels {
        Channels::All => (true, Vec::new()),
        Channels::None => (false, Vec::new()),
        Channels::Named(names) => {
            let names = names.iter().map(|name| escape(name).into_owned());
            (false, names.collect())
        }
    }
}

impl PostgresSaver {
    pub(super) async fn read(
        &self,
        thread: &str,
        namespace: &str,
        id: Option<&str>,
        projection: &Projection,
    ) -> Result<Option<CheckpointTuple>, CheckpointError> {
        // The row is found before its values are looked for.
        let (condition, order) = match id {
            Some(_) => ("AND checkpoint_id = $6", ""),
            None => (
                "AND $6::text IS NULL",
                "ORDER BY checkpoint_id COLLATE \"C\" DESC LIMIT 1",
            ),
        };
        let from = format!(
            "(SELECT * FROM checkpoints
              WHERE thread_id = $4 AND checkpoint_ns = $5 {condition} {order}) c"
        );
        let sql = SELECT.replacen("checkpoints c", &from, 1);
        let (all, names) = wanted(&projection.channels);
        let writes = projection.writes;
        let channels = projection.channels.clone();
        let reading = self.reading;
        let (thread_id, namespace) = (escape(thread).into_owned(), escape(namespace).into_owned());
        let which = id.map(|id| format!("checkpoint `{id}`"));
        let which = which.unwrap_or_else(|| "the latest checkpoint".to_owned());
        let id = id.map(|id| escape(id).into_owned());
        let found = self.shared.retried(move |pools| {
            let (sql, names, channels) = (sql.clone(), names.clone(), channels.clone());
            let (thread_id, namespace, id) = (thread_id.clone(), namespace.clone(), id.clone());
            async move {
                let client = pools.client().await?;
                let statement = client.prepare_cached(&sql).await?;
                let row = client
                    .query_opt(
                        &statement,
                        &[&all, &names, &writes, &thread_id, &namespace, &id],
                    )
                    .await?;
                row.map(|row| tuple(&row, &|channel| channels.has(channel), reading))
                    .transpose()
            }
        });
        let found = found.await;
        found.map_err(|e| e.checkpoint(format!("reading {which} of thread `{thread}`")))
    }

    pub(super) async fn read_cutoff(
        &self,
        thread: &str,
    ) -> Result<Option<String>, CheckpointError> {
        let name = escape(thread).into_owned();
        let found = self.shared.retried(move |pools| {
            let name = name.clone();
            async move {
                let client = pools.client().await?;
                let sql = "SELECT cutoff FROM stepwell_threads WHERE thread_id = $1";
                let statement = client.prepare_cached(sql).await?;
                let row = client.query_opt(&statement, &[&name]).await?;
                let cutoff = row.map(|row| row.try_get::<_, Option<String>>(0));
                Ok(cutoff.transpose()?.flatten())
            }
        });
        let found = found.await;
        found.map_err(|e| e.checkpoint(format!("reading when thread `{thread}` was deleted")))
    }
}
