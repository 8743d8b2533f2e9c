//! The JSON in which checkpoints are printed for programs. Its names are kept.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{ChannelVersion, CheckpointTuple, Metadata};
use stepwell::db::LostRecords;

/// Records that cannot be read.
pub(crate) fn lost_records(lost: &LostRecords) -> Value {
    json!({
        "kind": "log",
        "what": lost.reason,
        "segment": lost.segment.to_string(),
        "offset": lost.offset,
        "lsn": lost.lsns.start.get(),
        "end": lost.lsns.end.get(),
    })
}

/// A checkpoint.
#[derive(Serialize)]
pub(crate) struct Checkpoint<'a> {
    thread: &'a str,
    namespace: &'a str,
    id: &'a str,
    parent: Option<&'a str>,
    /// RFC 3339, UTC.
    created: &'a str,
    metadata: &'a Metadata,
    /// All channels that have a version. Those without a value, or whose values were not read, have nothing else.
    channels: BTreeMap<&'a str, Channel<'a>>,
    /// Those that the last super-step changed; `null` if that is not known.
    updated_channels: Option<&'a [String]>,
    pending_writes: Vec<Write<'a>>,
}

#[derive(Serialize)]
struct Channel<'a> {
    version: Option<&'a ChannelVersion>,
    #[serde(flatten)]
    value: Option<Stored<'a>>,
}

#[derive(Serialize)]
struct Write<'a> {
    task_id: &'a str,
    task_path: &'a str,
    index: i32,
    channel: &'a str,
    #[serde(flatten)]
    value: Stored<'a>,
}

#[derive(Serialize)]
struct Stored<'a> {
    r#type: &'a str,
    bytes: usize,
    /// Only if it is wanted, and JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

impl<'a> Checkpoint<'a> {
    /// A checkpoint with the values that were read, or with their sizes only.
    pub(crate) fn new(found: &'a CheckpointTuple, values: bool) -> Self {
        let stored = |value: &'a Encoded| Stored {
            r#type: value.tag(),
            bytes: value.bytes().len(),
            value: values.then(|| value.to_json().ok()).flatten(),
        };
        let checkpoint = &found.checkpoint;
        let names = checkpoint.channel_versions.keys();
        let names = names.chain(checkpoint.channel_values.keys());
        let channels = names.map(|name| {
            let channel = Channel {
                version: checkpoint.channel_versions.get(name),
                value: checkpoint.channel_values.get(name).map(stored),
            };
            (name.as_str(), channel)
        });
        let writes = found.pending_writes.iter().map(|write| Write {
            task_id: &write.task_id,
            task_path: &write.task_path,
            index: write.index,
            channel: &write.channel,
            value: stored(&write.value),
        });
        Self {
            thread: &found.thread,
            namespace: &found.namespace,
            id: &checkpoint.id,
            parent: found.parent_id.as_deref(),
            created: &checkpoint.ts,
            metadata: &found.metadata,
            channels: channels.collect(),
            updated_channels: checkpoint.updated_channels.as_deref(),
            pending_writes: writes.collect(),
        }
    }
}
