//! [`Batch`]: frames that are written together.

use std::time::Instant;

use super::FrameAddress;

/// Buffers longer than this are not kept for the next batch.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Frames that have their LSNs and places and are to be written together.
#[derive(Debug)]
pub(super) struct Batch<T> {
    /// The frames' bytes, one after the other.
    pub(super) bytes: Vec<u8>,
    pub(super) frames: Vec<(FrameAddress, T)>,
    /// One of them is to be synced before it is acknowledged.
    pub(super) sync: bool,
    /// When the first of them is to be synced at the latest.
    pub(super) sync_due: Option<Instant>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            frames: Vec::new(),
            sync: false,
            sync_due: None,
        }
    }
}

impl<T> Batch<T> {
    /// The batch emptied, with what memory is worth keeping.
    pub(super) fn recycled(mut self) -> Self {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.frames.clear();
        self.sync = false;
        self.sync_due = None;
        self
    }
}

/// The earlier of two times that may not be set.
pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
