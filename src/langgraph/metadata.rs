//! Metadata, a column of JSON.

use serde_json::{Map, Value};

use crate::checkpoint::Metadata;
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
    let is_made = metadata.source.is_some() && !map.contains_key("parents");
    if !metadata.parents.is_empty() || is_made {
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
    let entries: Map<String, Value> = match column {
        [] => Map::new(),
        _ => serde_json::from_slice(column).map_err(failed)?,
    };
    Ok(Metadata::of_entries(entries))
}
