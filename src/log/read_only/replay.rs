//! Reading a log from one end to the other while another process may be writing to it and compacting it.
//!
//! What a compaction leaves counts only together with everything that was known when it was decided. So whoever has met such a segment
//! reads on until that is read, too, though it came to be only since.

use std::sync::Arc;

use super::super::chain::{read_chain, require_end};
use super::super::scan::{Expected, Found, SegmentScan};
use super::super::sealed::Sealed;
use super::super::segment::Segment;
use super::super::segment_header::{Kind, SEGMENT_HEADER_BYTES};
use super::super::{FrameAddress, LogError, LogPosition, Lsn};
use super::{ATTEMPTS, LookOn, PAUSE, ReadOnlyLog, again};

impl ReadOnlyLog {
    /// Gives every frame to `replay`.
    pub(crate) fn replay(mut self, replay: &mut LookOn<'_>) -> Result<Self, LogError> {
        let mut stuck = 0;
        loop {
            let before = self.end;
            self.read_on(replay)?;
            if !self.is_outdated() {
                self.is_read = true;
                return Ok(self);
            }
            // What has come since is not long. If there is nothing, its name may have come while names were read.
            if self.end > before {
                stuck = 0;
            } else if stuck < ATTEMPTS {
                stuck += 1;
                self.directory.vfs.host().sleep(PAUSE);
            } else {
                require_end(&self.directory, &self.table.infos(), self.end.get())?;
            }
            let chain = again(&self.directory, || {
                read_chain(&self.directory, &self.superblock)
            })?;
            self.table.refresh(chain.segments);
        }
    }

    /// Finds its end without reading more than that takes.
    pub(super) fn read_newest(mut self) -> Result<Self, LogError> {
        let infos = self.table.infos();
        self.end = infos.last().map_or(Lsn::FIRST, |info| info.id().base());
        self.replay(&mut |_, _, _| Ok(()))
    }

    /// Gives every frame from the end on to `replay`, up to that of the newest segment that is known.
    fn read_on(&mut self, replay: &mut LookOn<'_>) -> Result<(), LogError> {
        while let Some((info, next)) = self.table.covering(self.end) {
            let Some(segment) = self.open_segment(&info)? else {
                continue;
            };
            match (info.header.kind, next) {
                (Kind::Compacted { end, .. }, _) | (_, Some(end)) => {
                    self.replay_sealed(&segment, end, replay)?;
                    // Even the newest one may have been compacted since its name was read.
                    if next.is_none() {
                        break;
                    }
                }
                (Kind::Ordinary, None) => {
                    self.replay_newest(&segment, replay)?;
                    break;
                }
            }
        }
        Ok(())
    }

    fn scan(&self, segment: &Segment) -> Result<SegmentScan, LogError> {
        let scan = SegmentScan::new(Arc::clone(&segment.file), &segment.path)?;
        Ok(scan.reading_ahead(&self.directory.vfs))
    }

    fn replay_sealed(
        &mut self,
        segment: &Segment,
        end: u64,
        replay: &mut LookOn<'_>,
    ) -> Result<(), LogError> {
        let scan = self.scan(segment)?;
        let mut sealed = Sealed::new(scan, segment.header, end)?;
        if self.end > segment.id.base() {
            // It was the newest, or was put in the place of segments of which some were replayed.
            sealed.start_at(LogPosition {
                lsn: self.end,
                segment: segment.id,
                offset: self.end_offset,
            });
        }
        let as_of = self.compacted_as_of();
        while let Some(frame) = sealed.next()? {
            replayed(replay, frame.address, frame.payload, as_of, segment)?;
        }
        self.end = Lsn::new(end);
        Ok(())
    }

    fn replay_newest(
        &mut self,
        segment: &Segment,
        replay: &mut LookOn<'_>,
    ) -> Result<(), LogError> {
        let as_of = self.compacted_as_of();
        let mut scan = self.scan(segment)?;
        let (mut offset, mut lsn) = match self.end > segment.id.base() {
            true => (self.end_offset, self.end.get()),
            false => (SEGMENT_HEADER_BYTES, segment.id.base().get()),
        };
        let reason = loop {
            match scan.frame(offset, Expected::Exactly(lsn), segment.salt())? {
                Found::Frame(header, payload) => {
                    let at = header.address(segment.id, offset);
                    replayed(replay, at, scan.bytes(payload)?, as_of, segment)?;
                    lsn = header.end();
                    offset += header.frame_bytes();
                }
                Found::Bad(reason) => break reason,
                Found::End => break "the file ends here",
            }
        };
        // Of later frames nothing can be told: they may have been written since.
        let watermark = self.superblock.watermark;
        if lsn < watermark {
            let reason = format!("{reason}, but the record was durable");
            return Err(LogError::corrupt(
                &segment.path,
                offset,
                lsn..watermark,
                reason,
            ));
        }
        (self.end, self.end_offset) = (Lsn::new(lsn), offset);
        Ok(())
    }
}

fn replayed(
    replay: &mut LookOn<'_>,
    at: FrameAddress,
    payload: &[u8],
    as_of: Lsn,
    segment: &Segment,
) -> Result<(), LogError> {
    replay(at, payload, as_of).map_err(|error| LogError::Replay {
        segment: segment.path.clone(),
        offset: at.offset,
        lsn: at.lsn,
        source: error.into(),
    })
}
