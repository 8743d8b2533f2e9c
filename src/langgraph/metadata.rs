//! Metadata, a column of JSON.

use serde_json::{Map, Value};

use crate::checkpoint::{Metadata, Source};
use crate::langgraph::ColumnError;
use crate::langgraph::old::without_form;

/// The column of a checkpoint's metadata.
pub(crate) fn metadata_json(metadata: &Metadata) -> Value {
    let mut map = metadata.extra.clone();
    without_form(&mut map);
    if let Some(source) = metadata.source {
        map.insert("source".into(), source.as_str().into());
    }
    if let Some(step) = metadata.step {
        map.insert("step".into(), step.into());
    }
    // LangGraph expects it of every checkpoint that a graph has made.
    if !metadata.parents.is_empty() || metadata.source.is_some() {
        let parents = metadata.parents.iter();
        let parents = parents.map(|(namespace, id)| (namespace.clone(), id.as_str().into()));
        map.insert("parents".into(), Value::Object(parents.collect()));
    }
    Value::Object(map)
}

/// The metadata of a column.
///
/// # Errors
/// It is no JSON object.
pub(crate) fn read_metadata(column: &[u8]) -> Result<Metadata, ColumnError> {
    let failed = |error: serde_json::Error| ColumnError::Json("metadata".into(), error.to_string());
    let mut extra: Map<String, Value> = match column {
        [] => Map::new(),
        _ => serde_json::from_slice(column).map_err(failed)?,
    };
    let source = match extra.get("source").and_then(Value::as_str) {
        Some("input") => Some(Source::Input),
        Some("loop") => Some(Source::Loop),
        Some("update") => Some(Source::Update),
        Some("fork") => Some(Source::Fork),
        _ => None,
    };
    if source.is_some() {
        extra.remove("source");
    }
    let step = extra.get("step").and_then(Value::as_i64);
    if step.is_some() {
        extra.remove("step");
    }
    let mut parents = std::collections::BTreeMap::new();
    if let Some(Value::Object(found)) = extra.get("parents")
        && found.values().all(Value::is_string)
    {
        let found = found.iter();
        let text = |id: &Value| id.as_str().unwrap_or_default().to_owned();
        parents = found
            .map(|(namespace, id)| (namespace.clone(), text(id)))
            .collect();
        extra.remove("parents");
    }
    Ok(Metadata {
        source,
        step,
        parents,
        extra,
    })
}
