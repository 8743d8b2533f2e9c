//! [`Channels`]: all channels of a graph during a run.

pub(in crate::graph) mod channel;
pub(in crate::graph) mod held;
pub(in crate::graph) mod live_channel;
pub(in crate::graph) mod locals;
pub(in crate::graph) mod messages;
pub(in crate::graph) mod reducer;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::checkpoint::Checkpoint;
use crate::graph::channels::channel::Channel;
use crate::graph::channels::held::Held;
use crate::graph::channels::live_channel::LiveChannel;
use crate::graph::channels::locals::Locals;
use crate::graph::error::GraphError;
use crate::graph::names::Name;
use crate::graph::state::State;

/// The channels of a graph with their values. Cloning is cheap: values are shared.
#[derive(Clone, Debug)]
pub(in crate::graph) struct Channels {
    by_name: BTreeMap<Name, LiveChannel>,
    /// What tokens in the values stand for.
    pub(in crate::graph) locals: Locals,
}

impl Channels {
    /// The channels as `checkpoint` kept them.
    pub(in crate::graph) fn restore(
        specs: &BTreeMap<Name, Channel>,
        checkpoint: &Checkpoint,
    ) -> Result<Self, GraphError> {
        let restore = |name: &Name, spec: &Channel| {
            let known_as = saved_name(name, spec, checkpoint);
            let saved = known_as
                .and_then(|name| checkpoint.channel_values.get(name))
                .map(crate::Encoded::to_state)
                .transpose()
                .map_err(|e| GraphError::unreadable(name, &checkpoint.id, e.to_string()))?;
            let saved_as = known_as.and_then(|name| checkpoint.channel_values.get(name));
            let is_foreign = saved_as.is_some_and(|saved| saved.tag() != "json");
            let mut channel = LiveChannel::restore(spec.kind.clone(), saved)
                .map_err(|e| GraphError::unreadable(name, &checkpoint.id, e.to_string()))?;
            // What a list is made longer by has to be encoded as it is.
            if is_foreign || known_as != Some(name) {
                channel.mark_unsaved();
            }
            Ok((Arc::clone(name), channel))
        };
        let by_name = specs.iter().map(|(name, spec)| restore(name, spec));
        Ok(Self {
            by_name: by_name.collect::<Result<_, _>>()?,
            locals: Locals::default(),
        })
    }

    pub(in crate::graph) fn get(&self, name: &str) -> Option<&LiveChannel> {
        self.by_name.get(name)
    }

    pub(in crate::graph) fn get_mut(&mut self, name: &str) -> Option<&mut LiveChannel> {
        self.by_name.get_mut(name)
    }

    pub(in crate::graph) fn iter_mut(&mut self) -> impl Iterator<Item = (&Name, &mut LiveChannel)> {
        self.by_name.iter_mut()
    }

    /// Makes one of lists in two parts. To be called when those who saw the channels as they were have gone.
    pub(in crate::graph) fn settle(&mut self) {
        self.by_name.values_mut().for_each(LiveChannel::settle);
    }

    /// The channels `names` as a node sees them.
    pub(in crate::graph) fn state(&self, names: &[Name]) -> State {
        State::of_channels(self.values(names), &self.locals)
    }

    /// Those of the channels `names` that have a value.
    pub(in crate::graph) fn values(&self, names: &[Name]) -> BTreeMap<Name, Held> {
        names
            .iter()
            .filter_map(|name| {
                let value = self.get(name)?.get()?;
                Some((Arc::clone(name), value.clone()))
            })
            .collect()
    }

    /// The same as an object.
    pub(in crate::graph) fn to_object(&self, names: &[Name]) -> Value {
        let object: Map<String, Value> = self
            .values(names)
            .into_iter()
            .map(|(name, value)| (name.to_string(), value.to_value()))
            .collect();
        Value::Object(object)
    }
}

/// The name under which `checkpoint` has the channel: a former one only for as long as the channel was
/// not written under its own, or a value that it no longer has would come back.
fn saved_name<'a>(name: &'a str, spec: &'a Channel, checkpoint: &Checkpoint) -> Option<&'a str> {
    let is_known = |name: &&str| {
        checkpoint.channel_versions.contains_key(*name)
            || checkpoint.channel_values.contains_key(*name)
    };
    let names = std::iter::once(name).chain(spec.aliases.iter().map(String::as_str));
    names.into_iter().find(is_known)
}
