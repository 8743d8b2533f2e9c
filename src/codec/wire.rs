//! How the parts of records are written and read: bincode's rules, and one tag byte wherever there may
//! be another form some day.
//!
//! Nothing is allocated for a length that the input merely claims: containers grow as their
//! elements are read, and every element takes at least one byte.

use std::collections::BTreeMap;

use bincode::config::{Config, Configuration};
use bincode::de::{BorrowDecode, BorrowDecoder, Decode};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use crate::compact::{Counted, uuid_of, uuid_text};
use crate::version::ChannelVersion;

/// Little endian, variable-length integers.
pub(super) fn config() -> impl Config {
    let config: Configuration = bincode::config::standard();
    config
}

/// What a record is read from, and what is known of it meanwhile.
pub(super) trait Source<'p>: BorrowDecoder<'p, Context = Reading> {}
impl<'p, D: BorrowDecoder<'p, Context = Reading>> Source<'p> for D {}

/// What is known of a record while it is read.
#[derive(Debug)]
pub(super) struct Reading {
    /// So many more entries of lists and maps may it have.
    entries: usize,
}

/// So many entries may the records of a frame have more than they have bytes as they are stored. An entry takes some hundred
/// bytes of memory, and a compressed body may have a thousand of them for each byte.
pub(super) const MORE_ENTRIES: usize = 1 << 20;

impl Reading {
    /// A record that is stored in so many bytes, and may have so many entries more.
    pub(super) fn stored_in(bytes: usize, more: usize) -> Self {
        Self {
            entries: bytes.saturating_add(more),
        }
    }

    /// How many entries the next record may have more than bytes, if this one might have `more`.
    pub(super) fn left(&self, more: usize) -> usize {
        self.entries.min(more)
    }

    fn entry(&mut self) -> Result<(), DecodeError> {
        let many = "it has more entries than a compressed record may have";
        self.entries = (self.entries.checked_sub(1)).ok_or(DecodeError::Other(many))?;
        Ok(())
    }
}

/// A whole value where it lies in a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blob<'p> {
    pub(crate) tag: &'p str,
    pub(crate) bytes: &'p [u8],
}

/// The forms of everything that has more than one. Missing numbers are reserved; docs/format.md says for what.
pub(super) mod form {
    pub(in crate::codec) const VALUE_EMPTY: u8 = 0;
    pub(in crate::codec) const VALUE_WHOLE: u8 = 1;
    pub(in crate::codec) const VALUE_DELTA: u8 = 2;
    pub(in crate::codec) const VALUE_ALIAS: u8 = 3;
    pub(in crate::codec) const VALUE_JSON: u8 = 4;
    pub(in crate::codec) const VALUE_MSGPACK: u8 = 5;
    pub(in crate::codec) const VALUE_NULL: u8 = 6;
    pub(in crate::codec) const OP_LITERAL: u8 = 0;
    pub(in crate::codec) const OP_COPY_BASE: u8 = 1;
    pub(in crate::codec) const OP_COPY_SOURCE: u8 = 2;
    pub(in crate::codec) const ID_TEXT: u8 = 0;
    pub(in crate::codec) const ID_UUID: u8 = 1;
    pub(in crate::codec) const TIME_TEXT: u8 = 0;
    pub(in crate::codec) const TIME_MICROS: u8 = 1;
    pub(in crate::codec) const TIME_NANOS: u8 = 2;
    pub(in crate::codec) const METADATA_WHOLE: u8 = 0;
    pub(in crate::codec) const METADATA_STEP_ALONE: u8 = 1;
    pub(in crate::codec) const METADATA_STEP: u8 = 2;
    pub(in crate::codec) const VERSIONS_WHOLE: u8 = 0;
    pub(in crate::codec) const VERSIONS_CHANGED: u8 = 1;
    pub(in crate::codec) const VERSION_INT: u8 = 0;
    pub(in crate::codec) const VERSION_TEXT: u8 = 1;
    pub(in crate::codec) const VERSION_COUNTED: u8 = 2;
    pub(in crate::codec) const VERSION_FRACTION: u8 = 3;
    pub(in crate::codec) const VERSION_SAME: u8 = 4;
    pub(in crate::codec) const FIELDS_ALL: u8 = 0;
    pub(in crate::codec) const FIELDS_ONLY: u8 = 1;
    pub(in crate::codec) const UPDATED_UNKNOWN: u8 = 0;
    pub(in crate::codec) const UPDATED_LISTED: u8 = 1;
    pub(in crate::codec) const UPDATED_CHANGED: u8 = 2;

    /// Behind 0 and 1, which are no and yes.
    pub(in crate::codec) const STANDALONE_AGAIN: u8 = 2;
}

/// Writes the versions of a record, which are often the same.
#[derive(Default)]
pub(super) struct VersionsWritten<'r> {
    last: Option<&'r ChannelVersion>,
}

impl<'r> VersionsWritten<'r> {
    pub(super) fn put<E: Encoder>(
        &mut self,
        to: &mut E,
        version: &'r ChannelVersion,
    ) -> Result<(), EncodeError> {
        if self.last == Some(version) {
            return form::VERSION_SAME.encode(to);
        }
        match version {
            ChannelVersion::Int(number) => {
                form::VERSION_INT.encode(to)?;
                number.encode(to)?;
            }
            ChannelVersion::Text(text) => {
                let Some(counted) = Counted::of(text) else {
                    form::VERSION_TEXT.encode(to)?;
                    return text.encode(to);
                };
                if counted.is_fraction {
                    form::VERSION_FRACTION.encode(to)?;
                } else {
                    form::VERSION_COUNTED.encode(to)?;
                }
                counted.counter.encode(to)?;
                counted.digits.encode(to)?;
                counted.number.encode(to)?;
            }
        }
        self.last = Some(version);
        Ok(())
    }
}

/// Reads the versions of a record.
#[derive(Default)]
pub(super) struct VersionsRead {
    /// Never one that is a text of any length: a byte that stands for it would ask for as many.
    last: Option<ChannelVersion>,
}

impl VersionsRead {
    pub(super) fn take<'p, D: Source<'p>>(
        &mut self,
        from: &mut D,
    ) -> Result<ChannelVersion, DecodeError> {
        let version = match u8::decode(from)? {
            form::VERSION_INT => ChannelVersion::Int(u64::decode(from)?),
            form::VERSION_TEXT => return Ok(ChannelVersion::Text(string(from)?)),
            form @ (form::VERSION_COUNTED | form::VERSION_FRACTION) => {
                let counted = Counted {
                    counter: u64::decode(from)?,
                    is_fraction: form == form::VERSION_FRACTION,
                    digits: u8::decode(from)?,
                    number: u64::decode(from)?,
                };
                let text = counted.text();
                let wrong = "a channel version has more digits than it says";
                ChannelVersion::Text(text.ok_or(DecodeError::Other(wrong))?)
            }
            form::VERSION_SAME => {
                let none = "a channel version is the same as none";
                return self.last.clone().ok_or(DecodeError::Other(none));
            }
            other => return Err(unknown("form of a channel version", other)),
        };
        self.last = Some(version.clone());
        Ok(version)
    }
}

pub(super) fn put_id<E: Encoder>(to: &mut E, id: &str) -> Result<(), EncodeError> {
    match uuid_of(id) {
        Some(uuid) => {
            form::ID_UUID.encode(to)?;
            uuid.encode(to)
        }
        None => {
            form::ID_TEXT.encode(to)?;
            id.encode(to)
        }
    }
}

pub(super) fn id<'p, D: Source<'p>>(from: &mut D) -> Result<String, DecodeError> {
    match u8::decode(from)? {
        form::ID_TEXT => string(from),
        form::ID_UUID => Ok(uuid_text(Decode::decode(from)?)),
        other => Err(unknown("form of an id", other)),
    }
}

pub(super) fn put_option<E: Encoder, T>(
    to: &mut E,
    option: Option<T>,
    put: impl FnOnce(&mut E, T) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    option.is_some().encode(to)?;
    option.map_or(Ok(()), |value| put(to, value))
}

pub(super) fn put_list<E: Encoder, T>(
    to: &mut E,
    list: &[T],
    mut put: impl FnMut(&mut E, &T) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    put_length(to, list.len())?;
    list.iter().try_for_each(|element| put(to, element))
}

pub(super) fn string<'p, D: Source<'p>>(from: &mut D) -> Result<String, DecodeError> {
    let text: &'p str = BorrowDecode::borrow_decode(from)?;
    Ok(text.to_owned())
}

pub(super) fn option<'p, D: Source<'p>, T>(
    from: &mut D,
    read: impl FnOnce(&mut D) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    match u8::decode(from)? {
        0 => Ok(None),
        1 => read(from).map(Some),
        other => Err(unknown("sign of an optional part", other)),
    }
}

pub(super) fn list<'p, D: Source<'p>, T>(
    from: &mut D,
    mut read: impl FnMut(&mut D) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut list = Vec::new();
    for _ in 0..u64::decode(from)? {
        from.context().entry()?;
        list.push(read(from)?);
    }
    Ok(list)
}

pub(super) fn put_map<'m, E: Encoder, T>(
    to: &mut E,
    map: &'m BTreeMap<String, T>,
    mut put: impl FnMut(&mut E, &'m T) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    put_length(to, map.len())?;
    for (key, value) in map {
        key.encode(to)?;
        put(to, value)?;
    }
    Ok(())
}

pub(super) fn map<'p, D: Source<'p>, T>(
    from: &mut D,
    mut read: impl FnMut(&mut D) -> Result<T, DecodeError>,
) -> Result<BTreeMap<String, T>, DecodeError> {
    let mut map = BTreeMap::new();
    for _ in 0..u64::decode(from)? {
        from.context().entry()?;
        let key = string(from)?;
        // Values are numbered in the order in which they are written, and that is to be the map's.
        if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(DecodeError::Other("the keys of a map do not ascend"));
        }
        map.insert(key, read(from)?);
    }
    Ok(map)
}

pub(super) fn put_length<E: Encoder>(to: &mut E, length: usize) -> Result<(), EncodeError> {
    u64::try_from(length).unwrap_or(u64::MAX).encode(to)
}

pub(super) fn unknown(what: &str, tag: u8) -> DecodeError {
    DecodeError::OtherString(format!("unknown {what}: {tag}"))
}
