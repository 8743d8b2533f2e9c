//! Following values through what they are made of, newest first.

use std::ops::ControlFlow;

use crate::codec;
use crate::db::DbError;
use crate::db::compaction::engine::Engine;
use crate::db::compaction::marks::Marks;
use crate::log::{FrameAddress, Lsn, SegmentId};

/// A record and the records whose values it names.
type Named = (u64, Box<[u64]>);

impl Engine {
    /// Marks the records whose values are part of needed ones, in `segments`, which are all from `marks`' first record up to
    /// `end`. As records name only older ones, going backwards once finds all. What was put from `as_of` on is needed.
    pub(super) fn sweep(
        &self,
        marks: &mut Marks,
        segments: &[SegmentId],
        as_of: u64,
        end: Lsn,
    ) -> Result<(), DbError> {
        for segment in segments.iter().rev() {
            let named = self.named(*segment, end, marks.from())?;
            for (lsn, names) in named.iter().rev() {
                if *lsn >= as_of || marks.is_live(*lsn) || marks.has_values(*lsn) {
                    names.iter().for_each(|of| marks.set_values(*of));
                }
            }
        }
        Ok(())
    }

    /// The records of a segment that name values of the records from `from` on.
    fn named(&self, segment: SegmentId, end: Lsn, from: u64) -> Result<Vec<Named>, DbError> {
        let mut named = Vec::new();
        let mut failed = None;
        self.frames(
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
            &mut failed,
        )?;
        failed.map_or(Ok(named), Err)
    }

    /// Gives the frames of a segment to `with`, up to the first that fails.
    pub(super) fn frames(
        &self,
        segment: SegmentId,
        end: Lsn,
        mut with: impl FnMut(FrameAddress, &[u8]) -> Result<(), DbError>,
        failed: &mut Option<DbError>,
    ) -> Result<(), DbError> {
        self.with_log(|log| {
            let with = &mut |frame, payload: &[u8]| match with(frame, payload) {
                Ok(()) if !self.is_stopped() => ControlFlow::Continue(()),
                Ok(()) => ControlFlow::Break(()),
                Err(error) => {
                    *failed = Some(error);
                    ControlFlow::Break(())
                }
            };
            Ok(log.frames(segment, end, with)?)
        })
    }
}
