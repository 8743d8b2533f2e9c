//! [`Verdict`], [`CompactOptions`], [`Compaction`]: what a compaction is told, and what it answers.

use std::fmt;
use std::ops::ControlFlow;

use super::{FrameAddress, Lsn};

/// What becomes of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is.
    Keep,
    /// It goes.
    Drop,
    /// It stays, with another payload of as many records and at least one byte.
    Replace(Vec<u8>),
}

/// How a compaction is run.
pub struct CompactOptions<'a> {
    /// Up to which LSN the log was known when it was decided what is kept. The greatest one that was ever given
    /// for segments that are still there, or were made from those, is told when the log is opened
    /// ([`LockedLog::compacted_as_of`](super::LockedLog::compacted_as_of)).
    pub as_of: Lsn,
    /// Called again and again with the number of bytes that were read and written since the last call, at
    /// most about 512 KiB unless frames are longer. It may sleep, to leave the medium to others, and
    /// may stop the compaction.
    pub pace: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
    /// Asked for each frame that is kept, with the payload that it has then. Frames with the same number are read together, and are
    /// put next to each other as far as possible.
    pub near: &'a mut dyn FnMut(FrameAddress, &[u8]) -> u64,
}

impl fmt::Debug for CompactOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactOptions").finish_non_exhaustive()
    }
}

/// How a compaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// One segment has taken the place of the run.
    Done {
        /// The length of the run's files before, in bytes.
        bytes_before: u64,
        /// The length of the new file in bytes.
        bytes_after: u64,
        /// How many frames were kept, replaced ones included.
        kept: u64,
        /// How many frames were dropped.
        dropped: u64,
    },
    /// It was asked to stop. Nothing has changed.
    Stopped,
}
