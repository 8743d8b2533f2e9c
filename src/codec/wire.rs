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

use crate::version::ChannelVersion;

/// Little endian, variable-length integers.
pub(super) fn config() -> impl Config {
    let config: Configuration = bincode::config::standard();
    config
}

/// A whole value where it lies in a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blob<'p> {
    pub(crate) tag: &'p str,
    pub(crate) bytes: &'p [u8],
}

/// The forms of a value, of an operation, of a map and of a timestamp. Missing numbers are reserved; docs/format.md says for what.
pub(super) mod form {
    pub(in crate::codec) const VALUE_EMPTY: u8 = 0;
    pub(in crate::codec) const VALUE_WHOLE: u8 = 1;
    pub(in crate::codec) const VALUE_DELTA: u8 = 2;
    pub(in crate::codec) const VALUE_ALIAS: u8 = 3;
    pub(in crate::codec) const OP_LITERAL: u8 = 0;
    pub(in crate::codec) const OP_COPY_BASE: u8 = 1;
    pub(in crate::codec) const OP_COPY_SOURCE: u8 = 2;
    pub(in crate::codec) const MAP_WHOLE: u8 = 0;
    pub(in crate::codec) const TIME_TEXT: u8 = 0;
    pub(in crate::codec) const VERSION_INT: u8 = 0;
    pub(in crate::codec) const VERSION_TEXT: u8 = 1;
}

pub(super) fn put_version<E: Encoder>(
    to: &mut E,
    version: &ChannelVersion,
) -> Result<(), EncodeError> {
    match version {
        ChannelVersion::Int(number) => {
            form::VERSION_INT.encode(to)?;
            number.encode(to)
        }
        ChannelVersion::Text(text) => {
            form::VERSION_TEXT.encode(to)?;
            text.encode(to)
        }
    }
}

pub(super) fn version<'p, D: BorrowDecoder<'p>>(
    from: &mut D,
) -> Result<ChannelVersion, DecodeError> {
    match u8::decode(from)? {
        form::VERSION_INT => Ok(ChannelVersion::Int(u64::decode(from)?)),
        form::VERSION_TEXT => Ok(ChannelVersion::Text(string(from)?)),
        other => Err(unknown("form of a channel version", other)),
    }
}

pub(super) fn string<'p, D: BorrowDecoder<'p>>(from: &mut D) -> Result<String, DecodeError> {
    let text: &'p str = BorrowDecode::borrow_decode(from)?;
    Ok(text.to_owned())
}

pub(super) fn option<'p, D: BorrowDecoder<'p>, T>(
    from: &mut D,
    read: impl FnOnce(&mut D) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    match u8::decode(from)? {
        0 => Ok(None),
        1 => read(from).map(Some),
        other => Err(unknown("sign of an optional part", other)),
    }
}

pub(super) fn list<'p, D: BorrowDecoder<'p>, T>(
    from: &mut D,
    mut read: impl FnMut(&mut D) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut list = Vec::new();
    for _ in 0..u64::decode(from)? {
        list.push(read(from)?);
    }
    Ok(list)
}

pub(super) fn put_map<E: Encoder, T>(
    to: &mut E,
    map: &BTreeMap<String, T>,
    mut put: impl FnMut(&mut E, &T) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    put_length(to, map.len())?;
    for (key, value) in map {
        key.encode(to)?;
        put(to, value)?;
    }
    Ok(())
}

pub(super) fn map<'p, D: BorrowDecoder<'p>, T>(
    from: &mut D,
    mut read: impl FnMut(&mut D) -> Result<T, DecodeError>,
) -> Result<BTreeMap<String, T>, DecodeError> {
    let mut map = BTreeMap::new();
    for _ in 0..u64::decode(from)? {
        let key = string(from)?;
        map.insert(key, read(from)?);
    }
    Ok(map)
}

pub(super) fn put_length<E: Encoder>(to: &mut E, length: usize) -> Result<(), EncodeError> {
    u64::try_from(length).unwrap_or(u64::MAX).encode(to)
}

/// Reads a tag byte that has one known value.
pub(super) fn expect<'p, D: BorrowDecoder<'p>>(
    from: &mut D,
    known: u8,
    what: &str,
) -> Result<(), DecodeError> {
    match u8::decode(from)? {
        found if found == known => Ok(()),
        other => Err(unknown(what, other)),
    }
}

pub(super) fn unknown(what: &str, tag: u8) -> DecodeError {
    DecodeError::OtherString(format!("unknown {what}: {tag}"))
}
