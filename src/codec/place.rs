//! [`Place`]: where a value is, as another value's record names it.

use bincode::de::Decode;
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use crate::codec::wire::Source;

/// Where a value is: in which record of which frame, and which of its values it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `None`: the frame of the record that names the place.
    pub(crate) frame: Option<FramePlace>,
    /// The record's number in the frame.
    pub(crate) record: u32,
    /// The value's number in the record.
    pub(crate) value: u32,
}

impl Place {
    /// The LSN of the record that holds the value, if a record of the frame that begins at `frame` names it.
    pub(crate) fn lsn(&self, frame: u64) -> u64 {
        let frame = self.frame.map_or(frame, |of| of.lsn);
        frame.saturating_add(u64::from(self.record))
    }
}

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FramePlace {
    /// Of its first record.
    pub(crate) lsn: u64,
    /// The base of its segment.
    pub(crate) segment: u64,
    /// Where it begins in the segment's file, in bytes.
    pub(crate) offset: u64,
    /// In bytes.
    pub(crate) payload_len: u32,
    pub(crate) records: u32,
}

/// What stands for the LSN of a frame that is the record's own.
const SAME_FRAME: u64 = 0;

pub(super) fn put_place<E: Encoder>(to: &mut E, place: &Place) -> Result<(), EncodeError> {
    match place.frame {
        None => SAME_FRAME.encode(to)?,
        Some(frame) => {
            frame.lsn.encode(to)?;
            frame.lsn.saturating_sub(frame.segment).encode(to)?;
            frame.offset.encode(to)?;
            frame.payload_len.encode(to)?;
            frame.records.encode(to)?;
        }
    }
    place.record.encode(to)?;
    place.value.encode(to)
}

pub(super) fn place<'p, D: Source<'p>>(from: &mut D) -> Result<Place, DecodeError> {
    let frame = match u64::decode(from)? {
        SAME_FRAME => None,
        lsn => Some(FramePlace {
            lsn,
            segment: (lsn.checked_sub(u64::decode(from)?).filter(|base| *base > 0))
                .ok_or(DecodeError::Other("a place is before the first segment"))?,
            offset: u64::decode(from)?,
            payload_len: u32::decode(from)?,
            records: u32::decode(from)?,
        }),
    };
    Ok(Place {
        frame,
        record: u32::decode(from)?,
        value: u32::decode(from)?,
    })
}
