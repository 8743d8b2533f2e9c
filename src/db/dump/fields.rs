//! What a record says, field by field, by the names that docs/format.md gives them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::codec::{CheckpointPut, ItemPut, Record, Versions};
use crate::retention_policy::RetentionPolicy;
use crate::store_options::IndexedFields;

/// An object with the record's kind and its fields.
pub(super) fn fields(record: Record<Value>) -> Value {
    match record {
        Record::CheckpointPut(put) => checkpoint(put),
        Record::WritesPut(put) => {
            let writes = put.writes.into_iter().map(|write| {
                json!({ "index": write.index, "channel": write.channel, "value": write.value })
            });
            json!({
                "record": "writes put",
                "thread": put.thread,
                "namespace": put.namespace,
                "checkpoint": put.checkpoint_id,
                "task": put.task_id,
                "path": put.task_path,
                "writes": writes.collect::<Vec<_>>(),
            })
        }
        Record::ItemPut(put) if put.ranked.is_empty() && put.moved.is_none() => item(put),
        Record::ItemPut(mut put) => {
            let (ranked, moved) = (std::mem::take(&mut put.ranked), put.moved);
            let mut fields = item(put);
            if let Some(fields) = fields.as_object_mut() {
                if let Some(moved) = moved {
                    fields.insert("created".into(), json!(moved.created));
                    fields.insert("expires".into(), json!(moved.expires));
                }
                fields.insert("texts".into(), json!(ranked.texts.paths()));
                fields.insert("vectors".into(), ranked.vectors.unwrap_or_default());
            }
            fields
        }
        Record::ItemDeleted(deleted) => json!({
            "record": "item deleted",
            "namespace": deleted.namespace,
            "key": deleted.key,
            "at": deleted.at,
        }),
        Record::ItemTouched(touched) => json!({
            "record": "item touched",
            "namespace": touched.namespace,
            "key": touched.key,
            "put": touched.put,
            "at": touched.at,
        }),
        Record::ItemExpired(expired) => json!({
            "record": "item expired",
            "namespace": expired.namespace,
            "key": expired.key,
            "put": expired.put,
        }),
        Record::ItemHistorySet(set) => json!({
            "record": "history of items set",
            "namespace": set.namespace,
            "at": set.at,
            "since": set.since,
        }),
        Record::ThreadDeleted(deleted) => json!({
            "record": "thread deleted",
            "thread": deleted.thread,
            "cutoff": deleted.cutoff,
        }),
        Record::ThreadCopied(copied) => json!({
            "record": "thread copied",
            "source": copied.source,
            "target": copied.target,
        }),
        Record::CheckpointsPruned(pruned) => json!({
            "record": "checkpoints pruned",
            "thread": pruned.thread,
            "as_of": pruned.as_of,
            "namespaces": pruned.namespaces,
        }),
        Record::TagSet(set) => json!({
            "record": "tag set",
            "thread": set.thread,
            "namespace": set.namespace,
            "tag": set.tag,
            "checkpoint": set.checkpoint_id,
        }),
        Record::TagRemoved(removed) => json!({
            "record": "tag removed",
            "thread": removed.thread,
            "namespace": removed.namespace,
            "tag": removed.tag,
        }),
        Record::Remnant(remnant) => json!({
            "record": "remnant",
            "touched": remnant.touched.map(|touched| json!({
                "thread": touched.thread,
                "first": touched.first,
                "last": touched.last,
                "greatest": touched.greatest,
                "pruned": touched.pruned,
            })),
            "values": remnant.values,
        }),
        Record::ThreadPolicySet(set) => json!({
            "record": "policy set",
            "thread": set.thread,
            "policy": set.policy.map(|policy| self::policy(&policy)),
        }),
    }
}

fn item(put: ItemPut<Value>) -> Value {
    json!({
        "record": "item put",
        "namespace": put.namespace,
        "key": put.key,
        "at": put.at,
        "lifetime": put.lifetime,
        "indexed": match put.index {
            IndexedFields::All => None,
            IndexedFields::Only(paths) => Some(paths),
        },
        "new": put.is_new,
        "value": put.value,
    })
}

fn checkpoint(put: CheckpointPut<Value>) -> Value {
    let changed = put.changed.into_iter().map(|changed| {
        json!({
            "channel": changed.channel,
            "version": changed.version,
            "value": changed.value.unwrap_or_else(|| json!({ "form": "empty" })),
        })
    });
    let versions = match put.versions {
        Versions::Whole { channels, seen } => json!({ "channels": channels, "seen": seen }),
        Versions::Changed(changes) => json!({
            "check": changes.check,
            "removed": changes.removed,
            "channels": changes.channels,
            "unseen": changes.unseen,
            "seen": changes.seen,
        }),
    };
    let unchanged: BTreeMap<String, Value> = put.unchanged;
    json!({
        "record": "checkpoint put",
        "thread": put.thread,
        "namespace": put.namespace,
        "id": put.id,
        "parent": put.parent_id,
        "made_at": put.ts.text(),
        "metadata": String::from_utf8_lossy(&put.metadata.bytes()),
        "ancestors": put.ancestors,
        "changed": changed.collect::<Vec<_>>(),
        "versions": versions,
        "updated": put.updated,
        "unchanged": unchanged,
        "standalone": put.standalone,
        "moment": put.moment,
    })
}

fn policy(policy: &RetentionPolicy) -> Value {
    let micros = |time: Option<Duration>| {
        time.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    };
    json!({
        "keep_last": policy.keep_last,
        "older_than": micros(policy.older_than),
        "finished_subgraphs": policy.finished_subgraphs,
        "idle": micros(policy.idle),
    })
}
