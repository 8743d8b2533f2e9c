//! What could not be read again as it was put is refused before anything of it is saved.

use crate::checkpoint::{CheckpointError, PutCheckpoint, PutWrites};
use crate::nesting::{READABLE, is_value_deeper};
use crate::{Encoded, ItemChange};

impl PutCheckpoint {
    /// Refuses the checkpoint, and `items` that would be committed with it, if something in them is too deep, or said twice.
    pub(crate) fn check(&self, items: &[ItemChange]) -> Result<(), CheckpointError> {
        let id = &self.checkpoint.id;
        if let Some(name) = self.metadata.said_twice() {
            return Err(CheckpointError::SaidTwice {
                thread: self.thread.clone(),
                checkpoint: id.clone(),
                name,
            });
        }
        let too_deep = |what: String| CheckpointError::TooDeep {
            thread: self.thread.clone(),
            what,
        };
        let is_too_deep = |value: &Encoded| value.is_too_deep(0);
        let values = &self.checkpoint.channel_values;
        let whole = values.iter().find(|(_, value)| is_too_deep(value));
        // They will be in a list.
        let is_in_list = |added: &Vec<Encoded>| added.iter().any(|value| value.is_too_deep(1));
        let appended = self.appended.iter().find(|(_, added)| is_in_list(added));
        let channel = (whole.map(|of| of.0)).or(appended.map(|of| of.0));
        if let Some(channel) = channel {
            return Err(too_deep(format!(
                "channel `{channel}` of checkpoint `{id}`"
            )));
        }
        let mut entries = self.metadata.extra.iter();
        if let Some((key, _)) = entries.find(|(_, value)| is_value_deeper(value, READABLE - 1)) {
            return Err(too_deep(format!(
                "`{key}` of the metadata of checkpoint `{id}`"
            )));
        }
        let is_deep_item = |item: &&ItemChange| item.value.as_ref().is_some_and(is_too_deep);
        match items.iter().find(is_deep_item) {
            Some(item) => Err(too_deep(format!(
                "item `{}` in namespace {:?}",
                item.key, item.namespace
            ))),
            None => Ok(()),
        }
    }
}

impl PutWrites {
    /// Refuses the writes if one is too deep.
    pub(crate) fn check(&self) -> Result<(), CheckpointError> {
        let mut writes = self.writes.iter();
        match writes.find(|(_, value)| value.is_too_deep(0)) {
            Some((channel, _)) => Err(CheckpointError::TooDeep {
                thread: self.thread.clone(),
                what: format!("what task `{}` writes to channel `{channel}`", self.task_id),
            }),
            None => Ok(()),
        }
    }
}
