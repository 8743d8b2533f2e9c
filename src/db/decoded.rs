//! [`Decoded`]: what a frame of the log tells the index.
//!
//! It must never know what the index makes of that.

use crate::codec::{self, CodecError, Numbered, Record, Value};
use crate::db::hot::{Content, LASTING_BYTES, NewContent};
use crate::log::FrameAddress;

/// What a frame of the log tells the index.
pub(super) struct Decoded {
    pub(super) records: Vec<Record<Numbered>>,
    pub(super) contents: Vec<NewContent>,
}

impl Decoded {
    pub(super) fn of(frame: FrameAddress, payload: &[u8]) -> Result<Self, CodecError> {
        Ok(Self {
            records: decoded(frame, payload)?,
            contents: contents(payload)?,
        })
    }
}

/// The records of a frame, as many as it says.
pub(super) fn decoded(
    frame: FrameAddress,
    payload: &[u8],
) -> Result<Vec<Record<Numbered>>, CodecError> {
    let records = codec::decode(payload, |record| record.numbered())?;
    require_count(frame, records.len())?;
    Ok(records)
}

/// The values of a frame that the index has rows of by their contents.
fn contents(payload: &[u8]) -> Result<Vec<NewContent>, CodecError> {
    // A compressed value may be longer than the payload, and then is not found again.
    if payload.len() < LASTING_BYTES {
        return Ok(Vec::new());
    }
    let mut contents = Vec::new();
    let mut record = 0_u32;
    codec::decode(payload, |found| {
        for (value, found) in (0_u32..).zip(found.into_values()) {
            if let Value::Whole(whole) = found
                && whole.bytes.len() >= LASTING_BYTES
            {
                contents.extend(Content::of(whole.bytes).map(|content| NewContent {
                    content,
                    record,
                    value,
                }));
            }
        }
        record = record.saturating_add(1);
    })?;
    Ok(contents)
}

pub(super) fn require_count(frame: FrameAddress, records: usize) -> Result<(), CodecError> {
    let found = u32::try_from(records).unwrap_or(u32::MAX);
    if found == frame.records {
        return Ok(());
    }
    Err(CodecError::WrongCount {
        expected: frame.records,
        found,
    })
}
