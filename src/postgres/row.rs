//! Between checkpoints and their rows.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio_postgres::Row;

use crate::Encoded;
use crate::checkpoint::{Checkpoint, CheckpointTuple, Metadata, PendingWrite};
use crate::langgraph::{self, FORM, Reading, TASKS, read_value};
use crate::msgpack::from_envelopes;
use crate::postgres::PostgresError;
use crate::postgres::text::{escape, escape_json, owned, unescape_json};
use crate::postgres::version::read;
use crate::version::ChannelVersion;

/// The type under which a channel is kept that was cleared.
pub(super) const EMPTY: &str = "empty";

/// Versions as texts, escaped, by name, escaped.
pub(super) type Texts = BTreeMap<String, String>;

/// The columns from which [`tuple`] makes a checkpoint `c`. $1: whether all channels are wanted, $2: which ones otherwise, $3: whether pending
/// writes are. What was sent is asked for only where checkpoints are old. Where LangGraph's table has no `task_path` yet, the empty one beside it is taken.
pub(super) const SELECT: &str = "SELECT c.thread_id, c.checkpoint_ns, c.checkpoint_id, c.parent_checkpoint_id, c.checkpoint, c.metadata,
    b.channels, b.types, b.blobs, w.tasks, w.paths, w.idxs, w.channels, w.types, w.blobs, s.types, s.blobs
FROM checkpoints c
LEFT JOIN LATERAL (
    SELECT array_agg(bl.channel) channels, array_agg(bl.type) types, array_agg(bl.blob) blobs
    FROM jsonb_each_text(c.checkpoint -> 'channel_versions') v
    JOIN checkpoint_blobs bl ON bl.thread_id = c.thread_id AND bl.checkpoint_ns = c.checkpoint_ns
        AND bl.channel = v.key AND bl.version = v.value
    WHERE $1 OR v.key = ANY($2)) b ON true
LEFT JOIN LATERAL (
    SELECT array_agg(pw.task_id) tasks, array_agg(pw.path) paths, array_agg(pw.idx) idxs,
        array_agg(pw.channel) channels, array_agg(pw.type) types, array_agg(pw.blob) blobs
    FROM (SELECT ''::text AS task_path) none CROSS JOIN LATERAL (
        SELECT cw.task_id, task_path AS path, cw.idx, cw.channel, cw.type, cw.blob
        FROM checkpoint_writes cw
        WHERE $3 AND cw.thread_id = c.thread_id AND cw.checkpoint_ns = c.checkpoint_ns
            AND cw.checkpoint_id = c.checkpoint_id) pw) w ON true
LEFT JOIN LATERAL (
    SELECT array_agg(ps.type) types, array_agg(ps.blob) blobs
    FROM (SELECT ''::text AS task_path) none CROSS JOIN LATERAL (
        SELECT cs.type, cs.blob FROM checkpoint_writes cs
        WHERE c.checkpoint -> 'v' < '4'::jsonb AND cs.thread_id = c.thread_id
            AND cs.checkpoint_ns = c.checkpoint_ns AND cs.checkpoint_id = c.parent_checkpoint_id
            AND cs.channel = '__pregel_tasks'
        ORDER BY task_path, cs.task_id, cs.idx) ps) s ON true ";

/// The JSON of a checkpoint's row. `inline` are values of unchanged channels that their parent has in its row.
pub(super) fn checkpoint_json(
    checkpoint: &Checkpoint,
    form: u64,
    versions: Texts,
    seen: BTreeMap<String, Texts>,
    inline: Map<String, Value>,
) -> Value {
    let of = |texts: Texts| -> BTreeMap<_, _> {
        let texts = texts.into_iter();
        texts
            .map(|(name, text)| (name, ChannelVersion::Text(text)))
            .collect()
    };
    let escaped = Checkpoint {
        id: escape(&checkpoint.id).into_owned(),
        ts: escape(&checkpoint.ts).into_owned(),
        channel_values: BTreeMap::new(),
        channel_versions: of(versions),
        versions_seen: seen
            .into_iter()
            .map(|(node, seen)| (node, of(seen)))
            .collect(),
        updated_channels: checkpoint.updated_channels.as_ref().map(|names| {
            let names = names.iter();
            names.map(|name| escape(name).into_owned()).collect()
        }),
    };
    langgraph::checkpoint_json(&escaped, form, inline)
}

/// The JSON of metadata.
pub(super) fn metadata_json(metadata: &Metadata) -> Value {
    escape_json(langgraph::metadata_json(metadata))
}

/// Metadata from their JSON.
pub(super) fn metadata(json: Value) -> Result<Metadata, PostgresError> {
    let json = unescape_json(json).to_string();
    langgraph::read_metadata(json.as_bytes()).map_err(|error| PostgresError::Unreadable {
        what: "the metadata of a checkpoint".to_owned(),
        reason: error.to_string(),
    })
}

/// Versions in a row's JSON. LangGraph may have put numbers.
pub(super) fn texts(json: Option<&Value>) -> Texts {
    let pairs = json.and_then(Value::as_object).into_iter().flatten();
    let pairs = pairs.map(|(name, version)| {
        let text = version.as_str().map(str::to_owned);
        (name.clone(), text.unwrap_or_else(|| version.to_string()))
    });
    pairs.collect()
}

fn versions(texts: Option<&Value>) -> BTreeMap<String, ChannelVersion> {
    let pairs = texts.and_then(Value::as_object).into_iter().flatten();
    let pairs = pairs.map(|(name, version)| {
        let version = match version {
            Value::Number(n) if n.is_u64() => ChannelVersion::Int(n.as_u64().unwrap_or_default()),
            Value::String(text) => read(text),
            other => ChannelVersion::Text(other.to_string()),
        };
        (owned(name), version)
    });
    pairs.collect()
}

/// A value from its type and bytes; none if the channel was cleared.
pub(super) fn value(tag: &str, bytes: Option<Vec<u8>>, reading: Reading) -> Option<Encoded> {
    let bytes = Bytes::from(bytes.unwrap_or_default());
    (tag != EMPTY).then(|| read_value(&owned(tag), bytes, reading))
}

/// A checkpoint from the columns of [`SELECT`].
pub(super) fn tuple(
    row: &Row,
    wants: &dyn Fn(&str) -> bool,
    reading: Reading,
) -> Result<CheckpointTuple, PostgresError> {
    let text = |column: usize| -> Result<String, PostgresError> {
        Ok(owned(row.try_get::<_, &str>(column)?))
    };
    let (thread, namespace, id) = (text(0)?, text(1)?, text(2)?);
    let mut checkpoint: Value = row.try_get(4)?;
    let mut channel_values = BTreeMap::new();
    if let Some(Value::Object(inline)) = checkpoint.get_mut("channel_values").map(Value::take) {
        for (channel, value) in inline {
            let channel = owned(&channel);
            if wants(&channel) {
                channel_values.insert(
                    channel,
                    Encoded::json(&from_envelopes(unescape_json(value))),
                );
            }
        }
    }
    let channels: Option<Vec<String>> = row.try_get(6)?;
    let types: Option<Vec<String>> = row.try_get(7)?;
    let blobs: Option<Vec<Option<Vec<u8>>>> = row.try_get(8)?;
    let types = types.unwrap_or_default().into_iter();
    let found = channels.unwrap_or_default().into_iter().zip(types);
    for ((channel, tag), bytes) in found.zip(blobs.unwrap_or_default()) {
        if let Some(value) = value(&tag, bytes, reading) {
            channel_values.insert(owned(&channel), value);
        }
    }
    let form = checkpoint.get("v").and_then(Value::as_u64).unwrap_or(FORM);
    let updated = checkpoint.get("updated_channels").and_then(Value::as_array);
    let mut checkpoint = Checkpoint {
        id,
        ts: owned(
            checkpoint
                .get("ts")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        ),
        channel_values,
        channel_versions: versions(checkpoint.get("channel_versions")),
        versions_seen: (checkpoint.get("versions_seen").and_then(Value::as_object))
            .into_iter()
            .flatten()
            .map(|(node, seen)| (owned(node), versions(Some(seen))))
            .collect(),
        updated_channels: updated.map(|names| {
            let names = names.iter().filter_map(Value::as_str);
            names.map(owned).collect()
        }),
    };
    if let Some(sent) = sends(row)? {
        let sent = read_value(sent.tag(), sent.bytes().clone(), reading);
        langgraph::give_sent(&mut checkpoint, sent);
        if !wants(TASKS) {
            checkpoint.channel_values.remove(TASKS);
        }
    }
    let mut metadata = metadata(row.try_get(5)?)?;
    langgraph::note_form(&mut metadata, form);
    Ok(CheckpointTuple {
        thread,
        namespace,
        checkpoint,
        metadata,
        parent_id: row.try_get::<_, Option<&str>>(3)?.map(owned),
        pending_writes: writes(row, reading)?,
    })
}

/// What tasks have sent on the parent of an old checkpoint.
fn sends(row: &Row) -> Result<Option<Encoded>, PostgresError> {
    let Some(blobs) = row.try_get::<_, Option<Vec<Vec<u8>>>>(16)? else {
        return Ok(None);
    };
    let types: Vec<Option<String>> = row.try_get(15)?;
    let all = types.iter().zip(blobs).map(|(tag, blob)| {
        let tag = owned(tag.as_deref().unwrap_or("null"));
        read_value(&tag, Bytes::from(blob), Reading::AsKept)
    });
    let all: Vec<_> = all.collect();
    langgraph::sent(&all).map_err(|error| PostgresError::Unreadable {
        what: "what was sent".to_owned(),
        reason: error.to_string(),
    })
}

fn writes(row: &Row, reading: Reading) -> Result<Vec<PendingWrite>, PostgresError> {
    let Some(tasks) = row.try_get::<_, Option<Vec<String>>>(9)? else {
        return Ok(Vec::new());
    };
    let paths: Vec<String> = row.try_get(10)?;
    let indexes: Vec<i32> = row.try_get(11)?;
    let channels: Vec<String> = row.try_get(12)?;
    let types: Vec<Option<String>> = row.try_get(13)?;
    let blobs: Vec<Vec<u8>> = row.try_get(14)?;
    let places = tasks.into_iter().zip(paths).zip(indexes);
    let values = channels.into_iter().zip(types).zip(blobs);
    let all = places.zip(values);
    let mut all: Vec<_> = all
        .map(
            |(((task, path), index), ((channel, tag), blob))| PendingWrite {
                task_id: owned(&task),
                task_path: owned(&path),
                index,
                channel: owned(&channel),
                value: read_value(
                    &owned(tag.as_deref().unwrap_or("null")),
                    Bytes::from(blob),
                    reading,
                ),
            },
        )
        .collect();
    all.sort_by(|a, b| {
        (&a.task_path, &a.task_id, a.index).cmp(&(&b.task_path, &b.task_id, b.index))
    });
    Ok(all)
}
