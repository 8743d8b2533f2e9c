//! [`FrameAddress`]: where a frame is.

use std::fmt;

use super::Lsn;

/// A segment's identity: the LSN of the first record it can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(Lsn);

impl SegmentId {
    /// The segment that begins at `base`.
    pub const fn new(base: Lsn) -> Self {
        Self(base)
    }

    /// The LSN of the first record that the segment can hold.
    pub const fn base(self) -> Lsn {
        self.0
    }
}

/// The name of the segment's file in the log's directory.
impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}.seg", self.0.get())
    }
}

/// Where a written frame is, and which records it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameAddress {
    /// The LSN of the frame's first record.
    pub lsn: Lsn,
    /// How many records it holds; they take the LSNs from `lsn` on.
    pub records: u32,
    /// The segment that it is in.
    pub segment: SegmentId,
    /// The byte of the segment's file at which its header begins.
    pub offset: u64,
    /// The length of its payload in bytes.
    pub payload_len: u32,
}

impl FrameAddress {
    /// The LSN after the frame's last record.
    pub const fn end(self) -> Lsn {
        self.lsn.plus(self.records as u64)
    }
}
