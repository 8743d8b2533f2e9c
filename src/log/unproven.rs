//! [`Unproven`]: from where on the frames of the newest segment are not known to be durable.

use std::collections::VecDeque;

use super::frame::FrameHeader;

/// Places are noted so far apart, so that a segment has few of them.
const APART: u64 = 64 * 1024;

/// From where on frames that follow each other are not known to be durable. The superblock tells up to where they are, and so does each
/// frame of those in front of it.
#[derive(Debug)]
pub(super) struct Unproven {
    /// Every record below is durable.
    durable: u64,
    /// LSNs and offsets at which frames begin. All in front of the first is durable.
    places: VecDeque<(u64, u64)>,
}

impl Unproven {
    /// No frame was seen yet; the first will be at this place. All below `durable` is.
    pub(super) fn new(durable: u64, lsn: u64, offset: u64) -> Self {
        Self {
            durable,
            places: [(lsn, offset)].into(),
        }
    }

    /// The next frame is at `offset`, and valid.
    pub(super) fn see(&mut self, frame: &FrameHeader, offset: u64) {
        self.durable = self.durable.max(frame.synced_lsn);
        let last = self.places.back().map_or(0, |(_, offset)| *offset);
        if offset.saturating_sub(last) >= APART {
            self.places.push_back((frame.lsn, offset));
        }
        while let Some((lsn, _)) = self.places.get(1)
            && *lsn <= self.durable
        {
            self.places.pop_front();
        }
    }

    /// Where a frame begins behind which all are that are not known to be durable, if the frames end with this LSN and offset.
    pub(super) fn offset(&self, end: u64, end_offset: u64) -> u64 {
        let first = self.places.front().filter(|_| self.durable < end);
        first.map_or(end_offset, |(_, offset)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{self, HEADER_BYTES};
    use super::*;

    /// Frames of `APART / 2` bytes each with one record, beginning with LSN 1 at offset 0, that say so much of what was durable.
    fn seen(durable: u64, frames: &[u64]) -> (Unproven, u64) {
        let mut unproven = Unproven::new(durable, 1, 0);
        let mut bytes = Vec::new();
        for (lsn, synced) in (1..).zip(frames) {
            bytes.clear();
            let payload = vec![7; usize::try_from(APART / 2).unwrap() - HEADER_BYTES];
            frame::encode(&mut bytes, 1, lsn, *synced, 1, &payload);
            let header = FrameHeader::decode(&bytes, 1).unwrap();
            unproven.see(&header, (lsn - 1) * APART / 2);
        }
        let end = frames.len() as u64;
        let offset = unproven.offset(end + 1, end * APART / 2);
        (unproven, offset)
    }

    #[test]
    fn what_neither_a_frame_nor_the_superblock_knows_to_be_durable_is_not() {
        assert_eq!(seen(1, &[1; 10]).1, 0);
        assert_eq!(seen(0, &[]).1, 0);
    }

    #[test]
    fn a_frame_tells_of_those_in_front_of_it() {
        // Of the frames 1 to 7, of which the seventh begins at three times `APART`.
        let (unproven, offset) = seen(1, &[1, 1, 1, 1, 1, 1, 1, 1, 8, 8]);
        assert_eq!(offset, 3 * APART);
        assert_eq!(unproven.places.len(), 2);
        // A record more or less makes no difference: places are apart.
        assert_eq!(seen(1, &[1, 1, 1, 1, 1, 1, 1, 1, 7, 7]).1, 3 * APART);
        assert_eq!(seen(1, &[1, 1, 1, 1, 1, 1, 1, 1, 6, 6]).1, 2 * APART);
    }

    #[test]
    fn the_superblock_tells_of_the_last_frames_too() {
        assert_eq!(seen(9, &[1; 10]).1, 4 * APART);
        assert_eq!(seen(11, &[1; 10]).1, 5 * APART);
        assert_eq!(seen(10, &[1; 10]).1, 4 * APART);
    }

    #[test]
    fn places_that_are_known_to_be_durable_are_not_kept() {
        let frames: Vec<u64> = (0..1_000_u64).map(|frame| frame.max(3) - 2).collect();
        assert!(seen(1, &frames).0.places.len() <= 3);
    }
}
