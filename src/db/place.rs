//! [`Place`]: where a value is.

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
    /// The place that the record at `by` names.
    pub(crate) fn named(by: &RecordPlace, place: codec::Place) -> Self {
        let frame = place.frame.map_or(by.frame, |frame| FrameAddress {
            lsn: Lsn::new(frame.lsn),
            records: frame.records,
            segment: SegmentId::new(Lsn::new(frame.segment)),
            offset: frame.offset,
            payload_len: frame.payload_len,
        });
        let number = place.record;
        Self {
            record: Arc::new(RecordPlace { frame, number }),
            value: place.value,
        }
    }

    /// The place as another record names it.
    pub(crate) fn to_name(&self) -> codec::Place {
        let frame = self.record.frame;
        codec::Place {
            frame: Some(FramePlace {
                lsn: frame.lsn.get(),
                segment: frame.segment.base().get(),
                offset: frame.offset,
                payload_len: frame.payload_len,
                records: frame.records,
            }),
            record: self.record.number,
            value: self.value,
        }
    }
}

impl RecordPlace {
    /// The record's LSN.
    pub(crate) fn lsn(&self) -> u64 {
        self.frame.lsn.plus(u64::from(self.number)).get()
    }
}

/// Where a record is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecordPlace {
    pub(crate) frame: FrameAddress,
    /// Its number in the frame.
    pub(crate) number: u32,
}
