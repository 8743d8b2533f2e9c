//! [`Values`]: what a checkpoint keeps of the channels that changed. Nothing that is never to be saved gets past here.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Encoded;
use crate::graph::channels::Channels;
use crate::graph::compiled::Inner;
use crate::graph::names::{START, TASKS};
use crate::graph::run::save::encode;
use crate::graph::run::task::Write;

/// The values of the channels that changed since a checkpoint, for the one that follows it.
pub(in crate::graph) struct Values {
    pub(in crate::graph) whole: BTreeMap<String, Encoded>,
    /// Of lists that only grew, what was added; empty unless the checkpointer takes it.
    pub(in crate::graph) appended: BTreeMap<String, Vec<Encoded>>,
}

impl Values {
    /// Takes the values of the channels `changed`. From now on they are compared with the checkpoint that is made with
    /// these.
    pub(in crate::graph) fn to_save<'a>(
        graph: &Inner,
        channels: &mut Channels,
        changed: impl Iterator<Item = &'a String>,
        takes_appended: bool,
    ) -> Self {
        let mut values = Self {
            whole: BTreeMap::new(),
            appended: BTreeMap::new(),
        };
        for name in changed {
            let Some(channel) = channels.get_mut(name) else {
                continue;
            };
            let added = channel.appended().filter(|_| takes_appended);
            let added = added.map(|added| added.map(encode).collect::<Vec<_>>());
            if let Some(added) = added.filter(|added| added.iter().all(|of| of.tag() == "json")) {
                values.appended.insert(name.clone(), added);
            } else if let Some(value) = channel.save() {
                let value = match name.as_str() {
                    TASKS => encode(&without_untracked(graph, &value)),
                    START => encode(&input_without_untracked(graph, &value)),
                    _ => encode(&value),
                };
                values.whole.insert(name.clone(), value);
            }
            channel.mark_saved();
        }
        values
    }
}

/// The write as it is saved, if it is.
pub(in crate::graph) fn write_to_save(graph: &Inner, (channel, value): Write) -> Option<Write> {
    if graph.is_untracked(&channel) {
        return None;
    }
    let value = match &*channel {
        TASKS => without_untracked(graph, &value),
        _ => value,
    };
    Some((channel, value))
}

/// The packets of tasks that were sent, without values of channels that are never saved.
fn without_untracked(graph: &Inner, packets: &Value) -> Value {
    let clean = |packet: &Value| {
        let mut packet = packet.clone();
        if let Some(Value::Object(arg)) = packet.get_mut("arg") {
            arg.retain(|key, _| !graph.is_untracked(key));
        }
        packet
    };
    match packets {
        Value::Array(list) => Value::Array(list.iter().map(clean).collect()),
        one => clean(one),
    }
}

/// An input, without values of channels that are never saved.
fn input_without_untracked(graph: &Inner, input: &Value) -> Value {
    let mut input = input.clone();
    let command = input.pointer("/__command__/update").is_some();
    let values = if command {
        input.pointer_mut("/__command__/update")
    } else {
        Some(&mut input)
    };
    if let Some(Value::Object(values)) = values {
        values.retain(|key, _| !graph.is_untracked(graph.current_name(key)));
    }
    input
}
