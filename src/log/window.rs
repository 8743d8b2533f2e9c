//! [`Window`]: a part of a segment that was read in one, for frames that lie in front of each other.

use bytes::Bytes;

/// The first part that is read, and the longest.
const FIRST_BYTES: u64 = 16 << 10;
/// So far apart are the beginnings of frames, about.
const FRAME_BYTES: u64 = 1 << 10;
const MAX_BYTES: u64 = 256 << 10;
/// The first part that is read of a compacted segment.
const FIRST_BLOCKS_BYTES: u64 = 64 << 10;
/// A part in which no more frames were found than this was not worth it.
const WORTH_FRAMES: u32 = 4;

/// What [`Log::read_back`](super::Log::read_back) has read and not given out yet. As long as the frames that it is asked for
/// lie close together, it reads ever longer parts; otherwise single frames.
#[derive(Debug, Default)]
pub struct Window {
    /// The salt of the segment.
    segment: u64,
    /// Where the part begins in the segment's file.
    offset: u64,
    bytes: Bytes,
    /// How long the first part is to be, if that is known.
    first: u64,
    /// How long the part was meant to be; 0: single frames.
    length: u64,
    /// How many frames were found in it.
    found: u32,
    /// How many single frames are to be read before a part is tried again.
    singles: u32,
}

impl Window {
    /// For so many frames that are likely to lie close together.
    pub fn over(frames: u32) -> Self {
        let length = u64::from(frames).saturating_mul(FRAME_BYTES);
        Self {
            first: length.clamp(FIRST_BYTES, MAX_BYTES / 2),
            ..Self::default()
        }
    }

    /// The bytes of a segment's file from `start` to `end`, if the window has them.
    pub(super) fn get(&mut self, segment: u64, start: u64, end: u64) -> Option<Bytes> {
        if self.segment != segment {
            return None;
        }
        let from = usize::try_from(start.checked_sub(self.offset)?).ok()?;
        let to = usize::try_from(end.checked_sub(self.offset)?).ok()?;
        if to > self.bytes.len() || from > to {
            return None;
        }
        self.found += 1;
        Some(self.bytes.slice(from..to))
    }

    /// How long a part is to be read next that ends with a frame; nothing if it is to be the frame alone.
    pub(super) fn next_length(&mut self) -> Option<u64> {
        if self.singles > 0 {
            self.singles -= 1;
            return None;
        }
        if self.length == 0 {
            self.length = std::mem::replace(&mut self.first, 0).max(FIRST_BYTES);
        } else if self.found > WORTH_FRAMES {
            self.length = (self.length * 4).min(MAX_BYTES);
        } else {
            self.length = 0;
            self.singles = 4 * WORTH_FRAMES;
            return None;
        }
        Some(self.length)
    }

    /// How long a part of a compacted segment is to be read next that ends with a block.
    pub(super) fn next_blocks_length(&mut self) -> u64 {
        self.length = (self.length * 4).clamp(FIRST_BLOCKS_BYTES, MAX_BYTES);
        self.length
    }

    /// Keeps a part.
    pub(super) fn fill(&mut self, segment: u64, offset: u64, bytes: Bytes) {
        self.segment = segment;
        self.offset = offset;
        self.bytes = bytes;
        self.found = 0;
    }
}
