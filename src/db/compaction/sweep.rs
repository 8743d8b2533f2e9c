//! Following values through what they are made of, newest first.

use std::ops::ControlFlow;

use crate::codec;
use crate::db::DbError;
use crate::db::compaction::engine::Engine;
use crate::db::compaction::marks::Marks;
use crate::db::compaction::pace::Pace;
use crate::log::{FrameAddress, Lsn, SegmentId};

/// A record and the records whose values it names.
type Named = (u64, Box<[u64]>);

impl Engine {
    /// Marks the records whose values are part of needed ones, in `segments`, which are all from `marks`' first record up to
    /// `end`. As records name only older ones, going backwards once finds all. What was put from `as_of` on is needed. Whether
    /// it came to its end.
    pub(super) fn sweep(
        &self,
        marks: &mut Marks,
        segments: &[SegmentId],
        (as_of, end): (u64, Lsn),
        pace: &mut Pace<'_>,
    ) -> Result<ControlFlow<()>, DbError> {
        for segment in segments.iter().rev() {
            let ControlFlow::Continue(named) = self.named(*segment, end, marks.from(), pace)?
            else {
                return Ok(ControlFlow::Break(()));
            };
            for (lsn, names) in named.iter().rev() {
                if *lsn >= as_of || marks.is_live(*lsn) || marks.has_values(*lsn) {
                    names.iter().for_each(|of| marks.set_values(*of));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The records of a segment that name values of the records from `from` on.
    fn named(
        &self,
        segment: SegmentId,
        end: Lsn,
        from: u64,
        pace: &mut Pace<'_>,
    ) -> Result<ControlFlow<(), Vec<Named>>, DbError> {
        let mut named = Vec::new();
        let read = self.frames(
            segment,
            end,
            |frame, payload| {
                let first = frame.lsn.get();
                let mut lsn = first;
                codec::decode(payload, |record| {
                    let values = record.into_values();
                    let places = values.iter().flat_map(codec::Value::places);
                    let names: Box<[u64]> = (places.map(|place| place.lsn(first)))
                        .filter(|of| *of >= from && *of < lsn)
                        .collect();
                    if !names.is_empty() {
                        named.push((lsn, names));
                    }
                    lsn += 1;
                })
                .map_err(|error| DbError::unreadable_record(frame, 0, error))
                .map(drop)
            },
            pace,
        )?;
        Ok(match read {
            ControlFlow::Continue(()) => ControlFlow::Continue(named),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        })
    }

    /// Gives the frames of a segment to `with`. Whether it came to the end of them.
    pub(super) fn frames(
        &self,
        segment: SegmentId,
        end: Lsn,
        mut with: impl FnMut(FrameAddress, &[u8]) -> Result<(), DbError>,
        pace: &mut Pace<'_>,
    ) -> Result<ControlFlow<()>, DbError> {
        let mut read = Ok(ControlFlow::Continue(()));
        self.with_log(|log| {
            let with = &mut |frame: FrameAddress, payload: &[u8]| {
                read = with(frame, payload).map(|()| pace.hold(u64::from(frame.payload_len)));
                match read {
                    Ok(goes_on) => goes_on,
                    Err(_) => ControlFlow::Break(()),
                }
            };
            Ok(log.frames(segment, end, with)?)
        })?;
        read
    }
}
