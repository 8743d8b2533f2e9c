//! What the index knows of a checkpoint, as bytes.

use std::sync::Arc;

use super::{HandleBytes, boxed, flag, origin, put_origin, put_text};
use crate::compact::{Counted, KeptMetadata, KeptTime, Time, uuid_of, uuid_text};
use crate::index::bytes::{
    byte, bytes, list, number, option, put_bytes, put_length, put_number, put_option, text,
};
use crate::index::entry::{Channel, Versions};
use crate::index::names::{Name, Names};
use crate::index::{Entry, Held};
use crate::version::ChannelVersion;

/// A number that is a little greater than another one, or anything else.
fn put_near(to: &mut Vec<u8>, than: u64, number: u64) {
    put_number(to, number.wrapping_sub(than));
}

fn near(from: &mut &[u8], than: u64) -> Option<u64> {
    Some(number(from)?.wrapping_add(than))
}

fn put_version(to: &mut Vec<u8>, version: &ChannelVersion) {
    match version {
        ChannelVersion::Int(count) => {
            to.push(0);
            put_number(to, *count);
        }
        ChannelVersion::Text(text) => match Counted::of(text) {
            None => {
                to.push(1);
                put_text(to, text);
            }
            Some(counted) => {
                to.push(if counted.is_fraction { 3 } else { 2 });
                put_number(to, counted.counter);
                to.push(counted.digits);
                put_number(to, counted.number);
            }
        },
    }
}

fn version(from: &mut &[u8]) -> Option<ChannelVersion> {
    let text = match byte(from)? {
        0 => return number(from).map(ChannelVersion::Int),
        1 => text(from)?.to_owned(),
        form @ (2 | 3) => {
            let counted = Counted {
                counter: number(from)?,
                is_fraction: form == 3,
                digits: byte(from)?,
                number: number(from)?,
            };
            counted.text()?
        }
        _ => return None,
    };
    Some(ChannelVersion::Text(text))
}

fn put_id(to: &mut Vec<u8>, id: &str) {
    match uuid_of(id) {
        None => {
            to.push(0);
            put_text(to, id);
        }
        Some(uuid) => {
            to.push(1);
            to.extend(uuid);
        }
    }
}

fn id<T: for<'t> From<&'t str>>(from: &mut &[u8]) -> Option<T> {
    match byte(from)? {
        0 => text(from).map(T::from),
        1 => {
            let (uuid, rest) = from.split_first_chunk()?;
            *from = rest;
            Some(uuid_text(*uuid))
        }
        _ => None,
    }
}

fn put_time(to: &mut Vec<u8>, time: &KeptTime) {
    match time.time() {
        None => {
            to.push(0);
            put_text(to, &time.text());
        }
        Some(Time::Micros(micros)) => {
            to.push(1);
            put_number(to, micros);
        }
        Some(Time::Nanos(nanos)) => {
            to.push(2);
            put_number(to, nanos);
        }
    }
}

fn time(from: &mut &[u8]) -> Option<KeptTime> {
    let time = match byte(from)? {
        0 => return text(from).map(KeptTime::of),
        1 => Time::Micros(number(from)?),
        2 => Time::Nanos(number(from)?),
        _ => return None,
    };
    KeptTime::known(time)
}

fn put_metadata(to: &mut Vec<u8>, metadata: &KeptMetadata) {
    match metadata.alone() {
        Some(step) => {
            to.extend([1, step.source]);
            put_number(to, step.step.cast_unsigned());
        }
        None => {
            to.push(0);
            put_bytes(to, &metadata.bytes());
        }
    }
}

fn metadata(from: &mut &[u8]) -> Option<KeptMetadata> {
    match byte(from)? {
        0 => bytes(from).map(KeptMetadata::of),
        1 => KeptMetadata::of_alone(byte(from)?, number(from)?.cast_signed()),
        _ => None,
    }
}

/// The entry of a checkpoint.
pub(super) fn put_entry<H>(to: &mut Vec<u8>, entry: &Entry<H>, handles: &mut impl HandleBytes<H>) {
    put_origin(to, entry.origin);
    put_near(to, entry.origin.lsn, entry.moment);
    to.push(u8::from(entry.scanned));
    to.push(u8::from(entry.standalone));
    put_option(to, entry.parent_id.as_deref(), put_id);
    put_time(to, &entry.ts);
    put_metadata(to, &entry.metadata);
    put_length(to, entry.ancestors.len());
    for (namespace, id) in &entry.ancestors {
        put_text(to, namespace);
        put_id(to, id);
    }
    put_length(to, entry.channels.len());
    for channel in &entry.channels {
        put_text(to, &channel.name);
        put_version(to, &channel.version);
        match &channel.held {
            Held::Unknown => to.push(0),
            Held::Nothing => to.push(1),
            Held::Value(handle) => {
                to.push(2);
                handles.put(to, handle);
            }
        }
    }
    put_length(to, entry.seen.len());
    for (node, versions) in &entry.seen {
        put_text(to, node);
        put_length(to, versions.len());
        for (channel, version) in versions.iter() {
            put_text(to, channel);
            put_version(to, version);
        }
    }
    put_option(to, entry.updated.as_deref(), |to, updated| {
        put_length(to, updated.len());
        for name in updated {
            put_text(to, name);
        }
    });
}

pub(super) fn entry<H>(
    from: &mut &[u8],
    names: &mut Names,
    handles: &mut impl HandleBytes<H>,
) -> Option<Entry<H>> {
    let origin = origin(from)?;
    Some(Entry {
        origin,
        moment: near(from, origin.lsn)?,
        scanned: flag(from)?,
        standalone: flag(from)?,
        parent_id: option(from, id)?,
        ts: time(from)?,
        metadata: metadata(from)?,
        ancestors: list(from, |from| Some((boxed(from)?, id(from)?)))?.into(),
        channels: list(from, |from| {
            Some(Channel {
                name: names.share(text(from)?),
                version: version(from)?,
                held: match byte(from)? {
                    0 => Held::Unknown,
                    1 => Held::Nothing,
                    2 => Held::Value(handles.take(from)?),
                    _ => return None,
                },
            })
        })?
        .into(),
        seen: list(from, |from| {
            let node = names.share(text(from)?);
            let versions = list(from, |from| {
                let name = names.share(text(from)?);
                Some((name, version(from)?))
            })?;
            Some((node, Arc::new(Versions::from(versions))))
        })?
        .into(),
        updated: option(from, |from| {
            let updated: Vec<Name> = list(from, |from| Some(names.share(text(from)?)))?;
            Some(updated.into())
        })?,
    })
}
