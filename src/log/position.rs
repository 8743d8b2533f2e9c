//! [`LogPosition`] and [`ReplayFrom`]: where in the log a replay begins.

use super::frame::frame_bytes;
use super::{FrameAddress, Lsn, SegmentId};

/// A boundary between two frames, or an end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogPosition {
    /// The LSN of the first record after it.
    pub lsn: Lsn,
    /// The segment that it is in, or at whose end it is.
    pub segment: SegmentId,
    /// The byte of the segment's file.
    pub offset: u64,
}

impl FrameAddress {
    /// The position of the frame, before it.
    pub const fn position(self) -> LogPosition {
        LogPosition {
            lsn: self.lsn,
            segment: self.segment,
            offset: self.offset,
        }
    }

    /// The position after the frame.
    pub const fn position_after(self) -> LogPosition {
        LogPosition {
            lsn: self.end(),
            segment: self.segment,
            offset: self
                .offset
                .saturating_add(frame_bytes(self.payload_len as u64)),
        }
    }
}

/// From where on a log's frames are replayed when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplayFrom {
    /// All of them.
    #[default]
    Beginning,
    /// Those after a position that the log had before: [`FrameAddress::position_after`] the last frame
    /// that need not be replayed. Its segment and offset may be those from before a compaction.
    Position(LogPosition),
}
