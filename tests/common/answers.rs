//! Everything that a database answers, as one JSON document.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery, ThreadQuery};
use stepwell::db::Db;
use stepwell::store::{Search, Store};

use crate::samples::pending;

/// All that the database answers, but for what depends on where things are.
pub(crate) fn answers(db: &Db) -> Value {
    let (saver, store) = (db.checkpointer(), db.store());
    let list = saver.list(ListQuery::default()).map(Result::unwrap);
    let checkpoints: Vec<_> = block_on(list.collect());
    for found in &checkpoints {
        let id = Some(found.checkpoint.id.as_str());
        let got = block_on(saver.get(&found.thread, &found.namespace, id)).unwrap();
        assert_eq!(got.as_ref(), Some(found));
    }
    let threads = block_on(saver.list_threads(ThreadQuery::default())).unwrap();
    let threads = threads.into_iter().map(|info| {
        let tags = block_on(saver.tags(&info.thread)).unwrap();
        let tags = tags.into_iter();
        json!({
            "thread": info.thread,
            "status": info.status.map(|status| format!("{status:?}")),
            "created": micros(info.created),
            "updated": micros(info.updated),
            "checkpoints": info.checkpoints,
            "namespaces": info.namespaces,
            "tags": tags.map(|tag| json!([tag.namespace, tag.name, tag.checkpoint_id])).collect::<Vec<_>>(),
            "policy": block_on(saver.retention(&info.thread)).unwrap().map(|policy| format!("{policy:?}")),
        })
    });
    let threads: Vec<_> = threads.collect();
    let items = block_on(store.search(Search::new(&[]).limit(usize::MAX))).unwrap();
    let items = items.into_iter().map(|item| {
        let times = [item.created_at, item.updated_at].map(micros);
        json!([item.namespace, item.key, item.value, times])
    });
    json!({
        "threads": threads,
        "checkpoints": checkpoints.iter().map(checkpoint).collect::<Vec<_>>(),
        "items": items.collect::<Vec<_>>(),
    })
}

fn checkpoint(found: &CheckpointTuple) -> Value {
    let checkpoint = &found.checkpoint;
    let values = checkpoint.channel_values.iter();
    let values = values.map(|(channel, of)| (channel.clone(), value(of)));
    json!({
        "thread": found.thread,
        "namespace": found.namespace,
        "id": checkpoint.id,
        "parent": found.parent_id,
        "ts": checkpoint.ts,
        "metadata": serde_json::to_value(&found.metadata).unwrap(),
        "versions": serde_json::to_value(&checkpoint.channel_versions).unwrap(),
        "seen": serde_json::to_value(&checkpoint.versions_seen).unwrap(),
        "updated": checkpoint.updated_channels,
        "values": Value::Object(values.collect()),
        "writes": pending(found),
    })
}

fn value(value: &Encoded) -> Value {
    json!([value.tag(), String::from_utf8_lossy(value.bytes())])
}

fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap();
    since.as_micros().try_into().unwrap()
}
