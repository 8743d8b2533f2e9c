//! Checkpoints of a thread are removed.
//!
//! What goes is planned as in every other saver, on an index of the thread that is made for it; then its rows are deleted, and the values that no
//! checkpoint names any more. All in one transaction that holds the thread's row.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::Transaction;
use parking_lot::Mutex;

use crate::checkpoint::{
    CheckpointError, Due, Prune, PruneReport, PruneRule, PrunedThread, RetentionPolicy, due,
    due_by_policy, due_by_policy_now,
};
use crate::codec::{Changed, CheckpointPut, Record, TagSet, ThreadPolicySet, Versions};
use crate::compact::{KeptMetadata, KeptTime};
use crate::index::{Index, Key, MemTables, Origin, Row, TablesError, Unapplied};
use crate::postgres::PostgresError;
use crate::postgres::row::{EMPTY, metadata, texts};
use crate::postgres::saver::PostgresSaver;
use crate::postgres::saver::thread::{now, policy};
use crate::postgres::saver::write::{Fault, Turn, Write};
use crate::postgres::text::{escape, owned};
use crate::postgres::version::read;

/// What is to go.
#[derive(Clone)]
pub(in crate::postgres) enum Rule {
    Prune(PruneRule),
    /// What is not to be kept by the thread's own policy, or this one. Not of threads that are being run.
    Retain(RetentionPolicy),
    /// What would not be kept if this were the thread's own policy.
    RetainOne(RetentionPolicy),
}

/// What goes of a thread.
struct Going {
    is_deleted: bool,
    /// By namespace, escaped.
    ids: BTreeMap<String, Vec<String>>,
    greatest: Option<String>,
    report: PrunedThread,
}

/// A checkpoint as its row tells.
struct Seen {
    namespace: String,
    id: String,
    bytes: u64,
    /// The values that it names: channel and version, escaped.
    values: Vec<(String, String)>,
}

/// A thread as its rows tell.
struct Loaded {
    index: Index<(), MemTables<Key, Row<()>>>,
    seen: Vec<Seen>,
    /// How long each value is, by namespace, channel and version, escaped.
    values: HashMap<(String, String, String), u64>,
    tagged: HashSet<(String, String)>,
    is_held: bool,
}

const CHECKPOINTS: &str =
    "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata,
    (pg_column_size(checkpoint) + pg_column_size(metadata) + coalesce((
        SELECT sum(octet_length(w.blob)) FROM checkpoint_writes w
        WHERE w.thread_id = c.thread_id AND w.checkpoint_ns = c.checkpoint_ns
            AND w.checkpoint_id = c.checkpoint_id), 0))::bigint
FROM checkpoints c WHERE thread_id = $1
ORDER BY checkpoint_id COLLATE \"C\", checkpoint_ns";

fn unapplied(error: &dyn std::fmt::Display) -> PostgresError {
    PostgresError::Unreadable {
        what: "a thread that is to be pruned".to_owned(),
        reason: error.to_string(),
    }
}

impl From<TablesError> for Fault {
    fn from(error: TablesError) -> Self {
        Self::Refused(error.into())
    }
}

async fn load(transaction: &Transaction<'_>, thread: &str) -> Result<Loaded, PostgresError> {
    let name = escape(thread);
    let mut values = HashMap::new();
    let mut kept = HashSet::new();
    let sql = "SELECT checkpoint_ns, channel, version, type,
            coalesce(octet_length(blob), 0)::bigint FROM checkpoint_blobs WHERE thread_id = $1";
    for row in transaction.query(sql, &[&&*name]).await? {
        let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if row.try_get::<_, &str>(3)? != EMPTY {
            kept.insert(key.clone());
        }
        let bytes: i64 = row.try_get(4)?;
        values.insert(key, u64::try_from(bytes).unwrap_or_default());
    }
    let mut index = Index::default();
    let mut lsn = 0;
    let mut apply = |index: &mut Index<(), _>, record: Record<()>| {
        lsn += 1;
        let origin = Origin {
            lsn,
            segment: 0,
            bytes: 0,
        };
        index.apply(record, origin).map_err(|error| match error {
            Unapplied::Refused(refused) => unapplied(&CheckpointError::from(refused)),
            Unapplied::Tables(error) => unapplied(&CheckpointError::from(error)),
        })
    };
    let mut seen = Vec::new();
    for row in transaction.query(CHECKPOINTS, &[&&*name]).await? {
        let namespace: String = row.try_get(0)?;
        let json: serde_json::Value = row.try_get(3)?;
        let versions = texts(json.get("channel_versions"));
        let inline = json.get("channel_values").and_then(|of| of.as_object());
        let changed = versions.iter().map(|(channel, version)| {
            let key = (namespace.clone(), channel.clone(), version.clone());
            let has = kept.contains(&key) || inline.is_some_and(|of| of.contains_key(channel));
            Changed {
                channel: owned(channel),
                version: read(version),
                value: has.then_some(()),
            }
        });
        let metadata = metadata(row.try_get(4)?)?;
        let ancestors = metadata.parents.clone();
        let id: String = row.try_get(1)?;
        let ts = json
            .get("ts")
            .and_then(|ts| ts.as_str())
            .unwrap_or_default();
        let channels = versions.iter();
        let put = CheckpointPut {
            thread: thread.to_owned(),
            namespace: owned(&namespace),
            id: owned(&id),
            parent_id: row.try_get::<_, Option<&str>>(2)?.map(owned),
            ts: KeptTime::of(ts),
            metadata: KeptMetadata::of(serde_json::to_vec(&metadata).unwrap_or_default()),
            ancestors,
            versions: Versions::Whole {
                channels: channels
                    .map(|(name, text)| (owned(name), read(text)))
                    .collect(),
                seen: BTreeMap::new(),
            },
            changed: changed.collect(),
            updated: None,
            unchanged: BTreeMap::new(),
            standalone: true,
            moment: None,
        };
        apply(&mut index, Record::CheckpointPut(put))?;
        let bytes: i64 = row.try_get(5)?;
        seen.push(Seen {
            namespace,
            id,
            bytes: u64::try_from(bytes).unwrap_or_default(),
            values: versions.into_iter().collect(),
        });
    }
    let mut tagged = HashSet::new();
    let sql = "SELECT checkpoint_ns, name, checkpoint_id FROM stepwell_tags WHERE thread_id = $1";
    for row in transaction.query(sql, &[&&*name]).await? {
        let (namespace, id): (String, String) = (row.try_get(0)?, row.try_get(2)?);
        let tag = TagSet {
            thread: thread.to_owned(),
            namespace: owned(&namespace),
            tag: owned(row.try_get(1)?),
            checkpoint_id: owned(&id),
        };
        // A program in Python may have removed the checkpoint.
        let _ = apply(&mut index, Record::TagSet(tag));
        tagged.insert((namespace, id));
    }
    let sql = "SELECT policy, coalesce(expires_at >= clock_timestamp(), false)
        FROM stepwell_threads WHERE thread_id = $1";
    let mut is_held = false;
    if let Some(row) = transaction.query_opt(sql, &[&&*name]).await? {
        is_held = row.try_get(1)?;
        if let Some(own) = row.try_get::<_, Option<serde_json::Value>>(0)? {
            let record = Record::ThreadPolicySet(ThreadPolicySet {
                thread: thread.to_owned(),
                policy: Some(policy(&own)),
            });
            apply(&mut index, record)?;
        }
    }
    Ok(Loaded {
        index,
        seen,
        values,
        tagged,
        is_held,
    })
}

/// What goes of a thread by a rule; `None` if nothing does.
async fn going(
    transaction: &Transaction<'_>,
    thread: &str,
    rule: &Rule,
) -> Result<Option<Going>, Fault> {
    let loaded = load(transaction, thread).await?;
    if loaded.seen.is_empty() || (loaded.is_held && matches!(rule, Rule::Retain(_))) {
        return Ok(None);
    }
    let snapshot = loaded.index.snapshot();
    let Some(known) = snapshot.thread(thread)? else {
        return Ok(None);
    };
    let most = u64::MAX;
    let due = match rule {
        Rule::Prune(rule) => due(&snapshot, &known, rule, most)?,
        Rule::Retain(policy) => due_by_policy_now(&snapshot, &known, policy, most, now())?,
        Rule::RetainOne(policy) => due_by_policy(&snapshot, &known, policy, most, now())?,
    };
    let ranges = match due {
        Due::Nothing => return Ok(None),
        Due::Delete => None,
        Due::Prune(plan) => Some(plan.record.map(|record| record.namespaces)),
    };
    let goes = |seen: &Seen| match &ranges {
        None => true,
        Some(ranges) => {
            let ranges = ranges.as_ref();
            let ranges = ranges.and_then(|of| of.get(&owned(&seen.namespace))?.as_ref());
            let id = owned(&seen.id);
            let place = (seen.namespace.clone(), seen.id.clone());
            ranges.is_some_and(|ranges| ranges.iter().any(|(from, to)| *from <= id && id <= *to))
                && !loaded.tagged.contains(&place)
        }
    };
    let (gone, stay): (Vec<&Seen>, Vec<&Seen>) = loaded.seen.iter().partition(|seen| goes(seen));
    if gone.is_empty() {
        return Ok(None);
    }
    let named = |seen: &Seen| {
        let namespace = seen.namespace.clone();
        let values = seen.values.clone().into_iter();
        values.map(move |(channel, version)| (namespace.clone(), channel, version))
    };
    let needed: HashSet<_> = stay.iter().flat_map(|seen| named(seen)).collect();
    let values = loaded
        .values
        .iter()
        .filter(|(key, _)| !needed.contains(*key));
    let bytes = values.map(|(_, bytes)| bytes).sum::<u64>()
        + gone.iter().map(|seen| seen.bytes).sum::<u64>();
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for seen in &gone {
        let of = ids.entry(seen.namespace.clone()).or_default();
        of.push(seen.id.clone());
    }
    Ok(Some(Going {
        is_deleted: ranges.is_none(),
        greatest: gone.iter().map(|seen| owned(&seen.id)).max(),
        ids,
        report: PrunedThread {
            thread: thread.to_owned(),
            is_deleted: ranges.is_none(),
            checkpoints: u64::try_from(gone.len()).unwrap_or(u64::MAX),
            bytes,
            disk_bytes: bytes,
        },
    }))
}

impl Turn<'_> {
    /// Removes what goes by a rule. What that was.
    pub(super) async fn prune(
        &mut self,
        thread: &str,
        rule: &Rule,
    ) -> Result<Option<PrunedThread>, Fault> {
        let Some(going) = going(self.transaction, thread, rule).await? else {
            return Ok(None);
        };
        if going.is_deleted {
            self.delete(thread).await?;
            return Ok(Some(going.report));
        }
        let name = escape(thread).into_owned();
        for (namespace, gone) in &going.ids {
            for table in ["checkpoints", "checkpoint_writes"] {
                let sql = format!(
                    "DELETE FROM {table}
                     WHERE thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id = ANY($3)"
                );
                self.execute(&sql, &[&name, namespace, gone]).await?;
            }
            // One statement, so that a program in Python that puts meanwhile is seen with its values or not at all.
            self.execute(
                "DELETE FROM checkpoint_blobs b
                 WHERE thread_id = $1 AND checkpoint_ns = $2 AND (channel, version) NOT IN (
                    SELECT v.key, v.value FROM checkpoints c
                    CROSS JOIN LATERAL jsonb_each_text(c.checkpoint -> 'channel_versions') v
                    WHERE c.thread_id = $1 AND c.checkpoint_ns = $2)",
                &[&name, namespace],
            )
            .await?;
        }
        let row = self.row(thread);
        row.pruned = row.pruned.take().max(going.greatest);
        let pruned = row.pruned.clone();
        self.execute(
            "UPDATE stepwell_threads SET pruned = $2 WHERE thread_id = $1",
            &[&name, &pruned.as_deref().map(escape).as_deref()],
        )
        .await?;
        Ok(Some(going.report))
    }
}

impl PostgresSaver {
    pub(super) async fn prune_all(&self, prune: Prune) -> Result<PruneReport, CheckpointError> {
        let threads = self.names(prune.thread).await?;
        self.apply_all(threads, &Rule::Prune(prune.rule)).await
    }

    pub(super) async fn retain_all(
        &self,
        policy: RetentionPolicy,
    ) -> Result<PruneReport, CheckpointError> {
        let mut threads = self.names(None).await?;
        threads.retain(|thread| !self.leases.is_busy(thread));
        self.apply_all(threads, &Rule::Retain(policy)).await
    }

    async fn apply_all(
        &self,
        threads: Vec<String>,
        rule: &Rule,
    ) -> Result<PruneReport, CheckpointError> {
        let mut report = PruneReport::default();
        for thread in threads {
            let pruned = Arc::new(Mutex::new(None));
            self.submit(Write::Prune {
                thread,
                rule: rule.clone(),
                report: Arc::clone(&pruned),
            })
            .await?;
            let pruned = pruned.lock().take();
            pruned.into_iter().for_each(|of| report.add(of));
        }
        Ok(report)
    }

    /// What would go, of one thread or of all.
    pub(super) async fn would_go(
        &self,
        only: Option<String>,
        rule: Rule,
    ) -> Result<PruneReport, CheckpointError> {
        let mut report = PruneReport::default();
        for thread in self.names(only).await? {
            if matches!(rule, Rule::Retain(_)) && self.leases.is_busy(&thread) {
                continue;
            }
            let rule = rule.clone();
            let pools = self.shared.pools.clone();
            let found = self.shared.run(async move {
                let mut client = pools.client().await?;
                let transaction = client
                    .build_transaction()
                    .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
                    .read_only(true)
                    .start()
                    .await?;
                match going(&transaction, &thread, &rule).await {
                    Ok(going) => Ok(Ok(going.map(|going| going.report))),
                    Err(Fault::Refused(error)) => Ok(Err(error)),
                    Err(Fault::Postgres(error)) => Err(error),
                }
            });
            let found = found.await.map_err(|e| e.checkpoint("planning a prune"))?;
            found?.into_iter().for_each(|of| report.add(of));
        }
        Ok(report)
    }

    /// The threads that have checkpoints, or this one.
    async fn names(&self, only: Option<String>) -> Result<Vec<String>, CheckpointError> {
        if let Some(only) = only {
            return Ok(vec![only]);
        }
        let names = self.shared.retried(|pools| async move {
            let client = pools.client().await?;
            let sql = "SELECT DISTINCT thread_id FROM checkpoints ORDER BY 1";
            let rows = client.query(sql, &[]).await?;
            let names = rows.iter().map(|row| Ok(owned(row.try_get(0)?)));
            names.collect::<Result<Vec<_>, PostgresError>>()
        });
        names.await.map_err(|e| e.checkpoint("listing threads"))
    }
}
