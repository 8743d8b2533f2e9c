//! Lists that were handed over as what was appended to them, made whole.
//!
//! This module must never know where values are kept.

use crate::Encoded;
use crate::checkpoint::{CheckpointError, PutCheckpoint};
use crate::encoded_list::concatenate;

/// Gives every channel that `put` appends to its whole value. `parents` is the value that the parent has of a
/// channel.
pub(crate) fn make_whole(
    put: &mut PutCheckpoint,
    mut parents: impl FnMut(&str) -> Result<Option<Encoded>, CheckpointError>,
) -> Result<(), CheckpointError> {
    for (channel, elements) in std::mem::take(&mut put.appended) {
        let list = parents(&channel)?;
        let Some(whole) = list.and_then(|list| concatenate(&list, &elements)) else {
            return Err(CheckpointError::NothingToAppendTo {
                thread: put.thread.clone(),
                checkpoint: put.checkpoint.id.clone(),
                channel,
            });
        };
        put.checkpoint.channel_values.insert(channel, whole);
    }
    Ok(())
}
