//! The index's rows with places in them, as bytes.

use std::sync::Arc;

use crate::db::place::{Place, RecordPlace};
use crate::index::{
    HandleBytes, Key, Row, TableKey, TableRow, Undecodable, decode_row, encode_row, put_number,
    take_byte, take_number,
};
use crate::log::{FrameAddress, Lsn, SegmentId};

impl TableKey for Key {
    fn encode(&self) -> Vec<u8> {
        Self::encode(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        Self::decode(bytes).ok_or_else(|| Undecodable("a key is none".to_owned()))
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.text_len()
    }
}

impl TableRow for Row<Place> {
    type Key = Key;

    fn encode(&self) -> Vec<u8> {
        encode_row(self, &mut Places::default())
    }

    fn decode(key: &Key, bytes: &[u8]) -> Result<Self, Undecodable> {
        let row = decode_row(key, bytes, &mut Places::default());
        row.ok_or_else(|| Undecodable(format!("the row of {key:?} is none")))
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.heap_len()
    }
}

/// The values of a record mostly stand together: its place is written once.
#[derive(Default)]
struct Places {
    last: Option<Arc<RecordPlace>>,
}

const SAME: u8 = 0;
const OTHER: u8 = 1;

impl HandleBytes<Place> for Places {
    fn put(&mut self, to: &mut Vec<u8>, place: &Place) {
        if self.last.as_ref() == Some(&place.record) {
            to.push(SAME);
        } else {
            to.push(OTHER);
            let RecordPlace { frame, number } = &*place.record;
            for part in [
                frame.lsn.get(),
                u64::from(frame.records),
                frame.segment.base().get(),
                frame.offset,
                u64::from(frame.payload_len),
                u64::from(*number),
            ] {
                put_number(to, part);
            }
            self.last = Some(Arc::clone(&place.record));
        }
        put_number(to, u64::from(place.value));
    }

    fn take(&mut self, from: &mut &[u8]) -> Option<Place> {
        let record = match take_byte(from)? {
            SAME => Arc::clone(self.last.as_ref()?),
            OTHER => {
                let frame = FrameAddress {
                    lsn: Lsn::new(take_number(from)?),
                    records: short(from)?,
                    segment: SegmentId::new(Lsn::new(take_number(from)?)),
                    offset: take_number(from)?,
                    payload_len: short(from)?,
                };
                let number = short(from)?;
                Arc::new(RecordPlace { frame, number })
            }
            _ => return None,
        };
        self.last = Some(Arc::clone(&record));
        let value = short(from)?;
        Some(Place { record, value })
    }
}

fn short(from: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_number(from)?).ok()
}
