//! How a checkpoint came about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json_order::equal;

/// What made a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A new input to the graph.
    Input,
    /// A super-step of the graph.
    Loop,
    /// An update of the state from outside.
    Update,
    /// A copy of an earlier checkpoint, where a new branch starts.
    Fork,
}

impl Source {
    /// The name under which it is stored: `input`, `loop`, `update` or `fork`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Loop => "loop",
            Self::Update => "update",
            Self::Fork => "fork",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "input" => Some(Self::Input),
            "loop" => Some(Self::Loop),
            "update" => Some(Self::Update),
            "fork" => Some(Self::Fork),
            _ => None,
        }
    }
}

/// How a checkpoint came about: what made it, at which step, below which parents, and whatever else
/// its writer wants to find it by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// What made the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// −1 for a thread's first input, then one more per checkpoint along the parents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
    /// In a subgraph: the checkpoint ids of the enclosing graphs, by namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parents: BTreeMap<String, String>,
    /// Anything else, by name. An entry with the name of a field, which only something that the field cannot hold may
    /// have, such as another implementation's `source`, comes back as it is. Any other is refused when the checkpoint is
    /// put, so that nothing is said twice.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Eq for Metadata {}

impl Metadata {
    /// Metadata of a checkpoint that `source` made at `step`.
    pub fn new(source: Source, step: i64) -> Self {
        Self {
            source: Some(source),
            step: Some(step),
            ..Self::default()
        }
    }

    /// The metadata that an object says. What a field cannot hold stays extra.
    pub(crate) fn of_entries(mut entries: Map<String, Value>) -> Self {
        let source = entries.get("source").and_then(source_in);
        if source.is_some() {
            entries.remove("source");
        }
        let step = entries.get("step").and_then(Value::as_i64);
        if step.is_some() {
            entries.remove("step");
        }
        let parents = entries.get("parents").and_then(parents_in);
        if parents.is_some() {
            entries.remove("parents");
        }
        Self {
            source,
            step,
            parents: parents.unwrap_or_default(),
            extra: entries,
        }
    }

    /// The name of an extra entry that is to be said by the field of that name, or is said by it too.
    pub(crate) fn said_twice(&self) -> Option<&'static str> {
        let extra = |name: &str| self.extra.get(name);
        let source = |found| self.source.is_some() || source_in(found).is_some();
        let step = |found: &Value| self.step.is_some() || found.as_i64().is_some();
        let parents = |found| !self.parents.is_empty() || parents_in(found).is_some();
        let twice = [
            ("source", extra("source").is_some_and(source)),
            ("step", extra("step").is_some_and(step)),
            ("parents", extra("parents").is_some_and(parents)),
        ];
        let mut twice = twice.into_iter().filter(|(_, is_twice)| *is_twice);
        twice.next().map(|(name, _)| name)
    }

    /// Whether every entry of `filter` equals the entry of the same name here; 1 equals 1.0.
    pub fn matches(&self, filter: &Map<String, Value>) -> bool {
        filter.iter().all(|(key, wanted)| match key.as_str() {
            "source" if let Some(source) = self.source => wanted == source.as_str(),
            "step" if let Some(step) = self.step => equal(&Value::from(step), wanted),
            "parents" if !self.extra.contains_key("parents") => {
                wanted.as_object().is_some_and(|wanted| {
                    wanted.len() == self.parents.len()
                        && wanted
                            .iter()
                            .all(|(ns, id)| self.parents.get(ns).is_some_and(|have| id == have))
                })
            }
            // What a field cannot hold is among these, such as a source that we do not know.
            other => (self.extra.get(other)).is_some_and(|have| equal(have, wanted)),
        })
    }
}

fn source_in(entry: &Value) -> Option<Source> {
    entry.as_str().and_then(Source::named)
}

fn parents_in(entry: &Value) -> Option<BTreeMap<String, String>> {
    let ids = entry.as_object()?.iter();
    ids.map(|(namespace, id)| Some((namespace.clone(), id.as_str()?.to_owned())))
        .collect()
}
