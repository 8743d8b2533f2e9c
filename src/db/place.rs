//! [`Place`] and [`At`]: where a value is.

use std::sync::Arc;

use crate::codec::{self, FramePlace};
use crate::log::{FrameAddress, Lsn, SegmentId};

/// Where a value is: the database's handle of it in the index.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The record that holds it, shared by all values of the record.
    pub(crate) record: Arc<RecordPlace>,
    /// Its number among the record's values.
    pub(crate) value: u32,
}

impl Place {
    /// That of the record.
    pub(crate) fn lsn(&self) -> Lsn {
        self.record.lsn()
    }

    /// The place as another record names it.
    pub(crate) fn to_name(&self) -> codec::Place {
        At::from(self).named()
    }
}

impl RecordPlace {
    /// The record's LSN.
    pub(crate) fn lsn(&self) -> Lsn {
        self.frame.lsn.plus(u64::from(self.number))
    }
}

/// Where a record is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecordPlace {
    pub(crate) frame: FrameAddress,
    /// Its number in the frame.
    pub(crate) number: u32,
}

/// Where a value is, in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) frame: FrameAddress,
    pub(crate) record: u32,
    pub(crate) value: u32,
}

/// What tells stored values apart, for ever: the record's LSN, and the value's number in it.
pub(crate) type ValueId = (u64, u32);

impl From<&Place> for At {
    fn from(place: &Place) -> Self {
        Self {
            frame: place.record.frame,
            record: place.record.number,
            value: place.value,
        }
    }
}

impl From<At> for Place {
    fn from(at: At) -> Self {
        Self {
            record: Arc::new(RecordPlace {
                frame: at.frame,
                number: at.record,
            }),
            value: at.value,
        }
    }
}

impl At {
    /// The place that a record of `frame` names.
    pub(crate) fn of(frame: FrameAddress, place: codec::Place) -> Self {
        let frame = place.frame.map_or(frame, |frame| FrameAddress {
            lsn: Lsn::new(frame.lsn),
            records: frame.records,
            segment: SegmentId::new(Lsn::new(frame.segment)),
            offset: frame.offset,
            payload_len: frame.payload_len,
        });
        Self {
            frame,
            record: place.record,
            value: place.value,
        }
    }

    /// As the records of other frames name it.
    pub(crate) fn named(self) -> codec::Place {
        codec::Place {
            frame: Some(FramePlace {
                lsn: self.frame.lsn.get(),
                segment: self.frame.segment.base().get(),
                offset: self.frame.offset,
                payload_len: self.frame.payload_len,
                records: self.frame.records,
            }),
            record: self.record,
            value: self.value,
        }
    }

    /// Of the record.
    pub(crate) fn lsn(self) -> Lsn {
        self.frame.lsn.plus(u64::from(self.record))
    }

    pub(crate) fn id(self) -> ValueId {
        (self.lsn().get(), self.value)
    }
}
