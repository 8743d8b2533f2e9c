//! [`PlaceBytes`]: how places are written into the index's rows.

use std::sync::Arc;

use crate::db::place::{Place, RecordPlace};
use crate::index::{HandleBytes, byte, number, put_number};
use crate::log::{FrameAddress, Lsn, SegmentId};

/// Before a place: it is in the record of the one before it, or in another.
const SAME: u8 = 0;
const OTHER: u8 = 1;

/// Writes or reads the places of one row. Those in one record share what says where it is.
#[derive(Debug, Default)]
pub(crate) struct PlaceBytes {
    last: Option<Arc<RecordPlace>>,
}

impl HandleBytes<Place> for PlaceBytes {
    fn put(&mut self, to: &mut Vec<u8>, place: &Place) {
        let record = &place.record;
        if self.last.as_ref() == Some(record) {
            to.push(SAME);
        } else {
            to.push(OTHER);
            let frame = record.frame;
            let base = frame.segment.base().get();
            put_number(to, base);
            put_number(to, frame.lsn.get().saturating_sub(base));
            put_number(to, frame.offset);
            put_number(to, u64::from(frame.payload_len));
            put_number(to, u64::from(frame.records));
            put_number(to, u64::from(record.number));
            self.last = Some(Arc::clone(record));
        }
        put_number(to, u64::from(place.value));
    }

    fn take(&mut self, from: &mut &[u8]) -> Option<Place> {
        let record = match byte(from)? {
            SAME => Arc::clone(self.last.as_ref()?),
            OTHER => Arc::new(record(from)?),
            _ => return None,
        };
        self.last = Some(Arc::clone(&record));
        let value = short(from)?;
        Some(Place { record, value })
    }
}

fn record(from: &mut &[u8]) -> Option<RecordPlace> {
    let base = number(from)?;
    Some(RecordPlace {
        frame: FrameAddress {
            segment: SegmentId::new(Lsn::new(base)),
            lsn: Lsn::new(base.checked_add(number(from)?)?),
            offset: number(from)?,
            payload_len: short(from)?,
            records: short(from)?,
        },
        number: short(from)?,
    })
}

fn short(from: &mut &[u8]) -> Option<u32> {
    u32::try_from(number(from)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn record_places() -> impl Strategy<Value = Arc<RecordPlace>> {
        let frame = (0_u64..1 << 40, 0_u64..1 << 20, any::<u64>(), any::<u32>());
        (frame, any::<u32>(), any::<u32>()).prop_map(|(frame, records, number)| {
            let (base, ahead, offset, payload_len) = frame;
            let frame = FrameAddress {
                segment: SegmentId::new(Lsn::new(base)),
                lsn: Lsn::new(base + ahead),
                offset,
                payload_len,
                records,
            };
            Arc::new(RecordPlace { frame, number })
        })
    }

    proptest! {
        #[test]
        fn places_come_back_and_share_their_records(
            of_records in vec((record_places(), vec(any::<u32>(), 1..4)), 0..4),
        ) {
            let places = of_records.into_iter().flat_map(|(record, values)| {
                let place = move |value| Place { record: Arc::clone(&record), value };
                values.into_iter().map(place)
            });
            let places: Vec<Place> = places.collect();
            let (mut bytes, mut writer) = (Vec::new(), PlaceBytes::default());
            for place in &places {
                writer.put(&mut bytes, place);
            }
            let (mut from, mut reader) = (bytes.as_slice(), PlaceBytes::default());
            let mut before: Option<(Place, Place)> = None;
            for place in places {
                let read = reader.take(&mut from).unwrap();
                prop_assert_eq!((&read.record, read.value), (&place.record, place.value));
                if let Some((was, was_read)) = &before && was.record == place.record {
                    prop_assert!(Arc::ptr_eq(&was_read.record, &read.record));
                }
                before = Some((place, read));
            }
            prop_assert!(from.is_empty());
        }

        #[test]
        fn any_bytes_are_a_place_or_none(bytes in vec(any::<u8>(), 0..60)) {
            let (mut from, mut reader) = (bytes.as_slice(), PlaceBytes::default());
            while reader.take(&mut from).is_some() {}
        }
    }
}
