//! Values that are taken from a checkpoint's record, in whose places something has to stay: others name the values behind
//! them by number.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::Encoded;
use crate::codec::{Changed, CheckpointPut, Stored, Value, Versions};

/// Takes from a checkpoint, whose versions are whole, the values with these numbers, and tells of which channels they were. Their places stay, under
/// names that no channel has.
pub(super) fn hide(put: &mut CheckpointPut<Stored>, broken: &BTreeSet<u32>) -> Vec<String> {
    let CheckpointPut {
        versions,
        changed,
        unchanged,
        ..
    } = put;
    let nothing_else = BTreeMap::new();
    let versions = match versions {
        Versions::Whole { channels, .. } => channels,
        Versions::Changed(_) => &nothing_else,
    };
    let hidden = |channel: &str| {
        let mut name = format!("{channel}\0");
        while versions.contains_key(&name) {
            name.push('\0');
        }
        name
    };
    let mut number = 0;
    let mut is_broken = || {
        number += 1;
        broken.contains(&(number - 1))
    };
    let mut lost = Vec::new();
    for changed in changed.iter_mut() {
        if changed.value.is_some() && is_broken() {
            let name = hidden(&changed.channel);
            lost.push(std::mem::replace(&mut changed.channel, name));
            changed.value = Some(placeholder());
        }
    }
    let kept: BTreeMap<_, _> = std::mem::take(unchanged)
        .into_iter()
        .map(|(channel, value)| {
            if !is_broken() {
                return (channel, value);
            }
            let name = hidden(&channel);
            lost.push(channel);
            (name, placeholder())
        })
        .collect();
    *unchanged = kept;
    for channel in &lost {
        if let Some(version) = versions.get(channel) {
            // A channel without a value takes no number.
            changed.push(Changed {
                channel: channel.clone(),
                version: version.clone(),
                value: None,
            });
        }
    }
    lost
}

/// What stands in the place of a value that is lost.
pub(super) fn placeholder() -> Stored {
    Value::Whole(Encoded::new("null", Bytes::new()))
}
