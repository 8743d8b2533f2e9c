//! Checkpoints of before LangGraph's form 4, brought up to it as LangGraph does when it loads them.
//!
//! What tasks have sent was not in a channel: it is what they wrote to [`TASKS`] on the parent, or stands in the checkpoint. Before form 3 the
//! channels that trigger nodes had other names too, which only the graph can translate: so the number of such a form stays with the checkpoint, in its
//! metadata, and LangGraph does that when it gets it back.

use serde_json::{Map, Value};

use crate::Encoded;
use crate::checkpoint::{ChannelVersion, Checkpoint, Metadata};
use crate::langgraph::ColumnError;
use crate::langgraph::value::write_inline;
use crate::msgpack;

/// The channel with what was sent.
pub(crate) const TASKS: &str = "__pregel_tasks";

/// The version of LangGraph's form of a checkpoint that is written.
pub(crate) const FORM: u64 = 4;
/// The first in which channels have the names that they have now.
const NAMED: u64 = 3;

/// What is under this name of metadata is ours.
const MARK: &str = "__stepwell__";

/// Gives a checkpoint what was sent, as its channel.
pub(crate) fn give_sent(checkpoint: &mut Checkpoint, sent: Encoded) {
    let versions = &mut checkpoint.channel_versions;
    let version = versions.values().max().cloned();
    let version = version.unwrap_or(ChannelVersion::Int(1));
    versions.insert(TASKS.to_owned(), version);
    checkpoint.channel_values.insert(TASKS.to_owned(), sent);
}

/// The value of the channel, if anything was sent.
///
/// # Errors
/// A value is not what its tag says, or too long.
pub(crate) fn sent(all: &[Encoded]) -> Result<Option<Encoded>, ColumnError> {
    if all.is_empty() {
        return Ok(None);
    }
    let mut out = Vec::new();
    msgpack::write_list_head(&mut out, all.len()).map_err(ColumnError::at(TASKS))?;
    for one in all {
        write_inline(&mut out, TASKS, one)?;
    }
    Ok(Some(Encoded::new("msgpack", out)))
}

/// Notes the form of a checkpoint, if it says something that the graph has to know.
pub(crate) fn note_form(metadata: &mut Metadata, form: u64) {
    if form < NAMED {
        let notes = metadata.extra.entry(MARK);
        if let Value::Object(notes) = notes.or_insert_with(|| Map::new().into()) {
            notes.insert("v".into(), form.into());
        }
    }
}

/// The form that was noted.
pub(crate) fn form_of(metadata: &Metadata) -> u64 {
    let noted = metadata.extra.get(MARK).and_then(|notes| notes.get("v"));
    let noted = noted.and_then(Value::as_u64);
    noted.filter(|form| *form < FORM).unwrap_or(FORM)
}

/// Takes the note of the form away: the checkpoint says it.
pub(super) fn without_form(metadata: &mut Map<String, Value>) {
    let Some(Value::Object(notes)) = metadata.get_mut(MARK) else {
        return;
    };
    notes.remove("v");
    if notes.is_empty() {
        metadata.remove(MARK);
    }
}
