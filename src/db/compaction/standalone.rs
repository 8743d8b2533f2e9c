//! A checkpoint's record in a form that says all that the checkpoint holds.

use std::collections::BTreeMap;

use crate::codec::{self, Alias, Changed, CheckpointPut, Stored, Value, Versions};
use crate::db::compaction::engine::Engine;
use crate::db::{DbError, Place};
use crate::index::{Entry, Held};
use crate::version::ChannelVersion;

impl Engine {
    /// The record of `entry` with all that it holds. Its own values keep their numbers: they come first and in their order, and those
    /// that it does not hold come under names that are no channels.
    pub(super) fn standalone(
        &self,
        put: CheckpointPut<Stored>,
        entry: &Entry<Place>,
    ) -> Result<CheckpointPut<Stored>, DbError> {
        let lsn = entry.origin.lsn;
        // The numbers of the own values that are held, by their channels.
        let mut own = BTreeMap::new();
        for channel in entry.channels() {
            if let Held::Value(place) = &channel.held
                && place.record.lsn().get() == lsn
            {
                own.insert(channel.name.as_ref(), place.value);
            }
        }
        let versions = entry.versions();
        let mut number = 0;
        let mut changed = Vec::new();
        let mut add = |channel: String, version: ChannelVersion, value: Stored| {
            let held = own.get(channel.as_str()) == Some(&number);
            let mut channel = channel;
            if held {
                own.remove(channel.as_str());
            }
            while !held && versions.contains_key(&channel) {
                channel.push('\0');
            }
            changed.push(Changed {
                channel,
                version,
                value: Some(value),
            });
            number += 1;
        };
        for of in put.changed {
            if let Some(value) = of.value {
                add(of.channel, of.version, value);
            }
        }
        for (channel, value) in put.unchanged {
            let version = versions.get(&channel).cloned();
            add(channel, version.unwrap_or(ChannelVersion::Int(0)), value);
        }
        for channel in entry.channels() {
            let value = match &channel.held {
                Held::Value(place) => {
                    let is_own = place.record.lsn().get() == lsn;
                    if is_own && !own.contains_key(channel.name.as_ref()) {
                        continue;
                    }
                    let of = match is_own {
                        // It is that of another channel, too.
                        true => codec::Place {
                            frame: None,
                            record: place.record.number,
                            value: place.value,
                        },
                        false => place.to_name(),
                    };
                    let weight = self.stored(place)?.weight();
                    Some(Value::Alias(Alias { of, weight }))
                }
                Held::Nothing => None,
                Held::Unknown => continue,
            };
            changed.push(Changed {
                channel: channel.name.to_string(),
                version: channel.version.clone(),
                value,
            });
        }
        Ok(CheckpointPut {
            changed,
            versions: Versions::Whole {
                channels: versions,
                seen: entry.seen(),
            },
            unchanged: BTreeMap::new(),
            standalone: true,
            ..put
        })
    }

    fn stored(&self, place: &Place) -> Result<Stored, DbError> {
        let (frame, number) = (place.record.frame, place.record.number);
        let payload = self.with_log(|log| Ok(log.read(frame)?))?;
        let unreadable = |reason: String| DbError::unreadable_record(frame, number, reason);
        let record =
            codec::decode_one(&payload, number).map_err(|error| unreadable(error.to_string()))?;
        let value = usize::try_from(place.value).ok();
        let value = value.and_then(|value| record.into_values().into_iter().nth(value));
        value.ok_or_else(|| unreadable(format!("it has no value {}", place.value)))
    }
}
