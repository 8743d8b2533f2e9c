//! The values of a record's body, without what else is in it: of what is read again and again, for its values alone.
//!
//! That the rest could be understood was seen when the record was applied, and its frame has a checksum.

use bincode::de::{BorrowDecode, Decode};
use bincode::error::DecodeError;

use crate::codec::body::kind;
use crate::codec::value::{Found, some_value, value};
use crate::codec::wire::{Source, form, list, option, unknown};

/// The values of a record of `kind`, as far as they are in front of what would have to be passed over: the first ones, or
/// all. None if it has no such beginning.
pub(super) fn first_values<'p, D: Source<'p>>(
    kind: u8,
    from: &mut D,
) -> Result<Option<Vec<Found<'p>>>, DecodeError> {
    match kind {
        kind::CHECKPOINT_PUT => checkpoint(from).map(Some),
        kind::WRITES_PUT => writes(from).map(Some),
        _ => Ok(None),
    }
}

/// Those of the channels that changed.
fn checkpoint<'p, D: Source<'p>>(from: &mut D) -> Result<Vec<Found<'p>>, DecodeError> {
    id(from)?;
    text(from)?;
    id(from)?;
    option(from, id)?;
    time(from)?;
    metadata(from)?;
    list(from, |from| {
        text(from)?;
        id(from)
    })?;
    let changed = list(from, |from| {
        text(from)?;
        version(from)?;
        value(from)
    })?;
    Ok(changed.into_iter().flatten().collect())
}

fn writes<'p, D: Source<'p>>(from: &mut D) -> Result<Vec<Found<'p>>, DecodeError> {
    id(from)?;
    text(from)?;
    id(from)?;
    id(from)?;
    text(from)?;
    list(from, |from| {
        i32::decode(from)?;
        text(from)?;
        some_value(from)
    })
}

fn text<'p, D: Source<'p>>(from: &mut D) -> Result<(), DecodeError> {
    let _: &'p [u8] = BorrowDecode::borrow_decode(from)?;
    Ok(())
}

fn id<'p, D: Source<'p>>(from: &mut D) -> Result<(), DecodeError> {
    match u8::decode(from)? {
        form::ID_TEXT => text(from),
        form::ID_UUID => <[u8; 16]>::decode(from).map(drop),
        other => Err(unknown("form of an id", other)),
    }
}

fn time<'p, D: Source<'p>>(from: &mut D) -> Result<(), DecodeError> {
    match u8::decode(from)? {
        form::TIME_TEXT => text(from),
        form::TIME_MICROS | form::TIME_NANOS => u64::decode(from).map(drop),
        other => Err(unknown("form of a time", other)),
    }
}

fn metadata<'p, D: Source<'p>>(from: &mut D) -> Result<(), DecodeError> {
    let form = u8::decode(from)?;
    match form {
        form::METADATA_WHOLE => return text(from),
        form::METADATA_STEP_ALONE | form::METADATA_STEP => {}
        other => return Err(unknown("form of metadata", other)),
    }
    u8::decode(from)?;
    i64::decode(from)?;
    if form == form::METADATA_STEP {
        text(from)?;
        text(from)?;
    }
    Ok(())
}

fn version<'p, D: Source<'p>>(from: &mut D) -> Result<(), DecodeError> {
    match u8::decode(from)? {
        form::VERSION_SAME => Ok(()),
        form::VERSION_INT => u64::decode(from).map(drop),
        form::VERSION_TEXT => text(from),
        form::VERSION_COUNTED | form::VERSION_FRACTION => {
            u64::decode(from)?;
            u8::decode(from)?;
            u64::decode(from).map(drop)
        }
        other => Err(unknown("form of a channel version", other)),
    }
}
