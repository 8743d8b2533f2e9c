//! Short ways to make checkpoints and writes.

use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointTuple, Metadata, PutCheckpoint, PutWrites, Source,
};

/// A checkpoint of thread `t`, root namespace.
pub(crate) fn checkpoint(id: &str, parent: Option<&str>) -> PutCheckpoint {
    PutCheckpoint {
        thread: "t".into(),
        namespace: String::new(),
        parent_id: parent.map(Into::into),
        checkpoint: Checkpoint {
            id: id.into(),
            ts: "2026-11-21T00:00:00.000000+00:00".into(),
            ..Checkpoint::default()
        },
        metadata: Metadata::new(Source::Loop, 1),
        appended: [].into(),
        new_versions: [].into(),
    }
}

/// Adds to a checkpoint.
pub(crate) trait With: Sized {
    fn in_thread(self, thread: &str) -> Self;
    fn in_namespace(self, namespace: &str) -> Self;
    /// A channel that changed.
    fn changed(self, channel: &str, version: u64, value: Value) -> Self;
    /// A channel that changed to nothing.
    fn cleared(self, channel: &str, version: u64) -> Self;
    /// A channel that did not change, without its value.
    fn unchanged(self, channel: &str, version: u64) -> Self;
    /// A channel that did not change, with its value all the same.
    fn carried(self, channel: &str, version: u64, value: Value) -> Self;
}

impl With for PutCheckpoint {
    fn in_thread(mut self, thread: &str) -> Self {
        self.thread = thread.into();
        self
    }

    fn in_namespace(mut self, namespace: &str) -> Self {
        self.namespace = namespace.into();
        self
    }

    fn changed(self, channel: &str, version: u64, value: Value) -> Self {
        let mut this = self.cleared(channel, version);
        let values = &mut this.checkpoint.channel_values;
        values.insert(channel.into(), Encoded::json(&value));
        this
    }

    fn cleared(self, channel: &str, version: u64) -> Self {
        let mut this = self.unchanged(channel, version);
        let version = ChannelVersion::Int(version);
        this.new_versions.insert(channel.into(), version);
        this
    }

    fn unchanged(mut self, channel: &str, version: u64) -> Self {
        let versions = &mut self.checkpoint.channel_versions;
        versions.insert(channel.into(), ChannelVersion::Int(version));
        self
    }

    fn carried(self, channel: &str, version: u64, value: Value) -> Self {
        let mut this = self.unchanged(channel, version);
        let values = &mut this.checkpoint.channel_values;
        values.insert(channel.into(), Encoded::json(&value));
        this
    }
}

/// Writes to a checkpoint of thread `t`, root namespace.
pub(crate) fn writes(
    checkpoint: &str,
    path: &str,
    task: &str,
    writes: &[(&str, Value)],
) -> PutWrites {
    PutWrites {
        thread: "t".into(),
        namespace: String::new(),
        checkpoint_id: checkpoint.into(),
        task_id: task.into(),
        task_path: path.into(),
        writes: writes
            .iter()
            .map(|(channel, value)| ((*channel).into(), Encoded::json(value)))
            .collect(),
    }
}

/// A checkpoint's values as one JSON object.
pub(crate) fn values(tuple: &CheckpointTuple) -> Value {
    let values = tuple.checkpoint.channel_values.iter();
    Value::Object(
        values
            .map(|(channel, value)| (channel.clone(), value.to_json().unwrap()))
            .collect(),
    )
}

/// A checkpoint's pending writes as a JSON list.
pub(crate) fn pending(tuple: &CheckpointTuple) -> Value {
    let writes = tuple.pending_writes.iter().map(|w| {
        let value = w.value.to_json().unwrap();
        json!([w.task_path, w.task_id, w.index, w.channel, value])
    });
    Value::Array(writes.collect())
}
