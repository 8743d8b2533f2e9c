//! [`RecoveryReport`]: what opening a log found.

use super::{Lsn, SegmentId};

/// What opening a log found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryReport {
    /// There was no log; an empty one was made.
    pub created: bool,
    /// The log had been closed cleanly.
    pub clean: bool,
    /// How many frames were replayed.
    pub frames: u64,
    /// The LSN that the next record gets.
    pub next_lsn: Lsn,
    /// What was cut from the end of a log that had not been closed cleanly.
    pub torn_tail: Option<TornTail>,
    /// The superblock slot (0 or 1) that was damaged. The other one was used and it was rewritten.
    pub damaged_superblock_slot: Option<u8>,
}

/// The end of a log that was being written when the writer stopped, and was never known to be
/// durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// The segment that was cut.
    pub segment: SegmentId,
    /// The byte of the segment's file at which it was cut.
    pub offset: u64,
    /// The LSN of the first record that was dropped.
    pub first_lsn: Lsn,
    /// How many bytes were dropped, up to the last one that was not zero.
    pub bytes: u64,
}
