//! [`CommitSink`]: who is told of commits.

use super::FrameAddress;

/// Who is told of each commit, before the one who made it is.
pub trait CommitSink<T>: Send + Sync + 'static {
    /// Takes frames that are now written, and synced if one of them asked for it, each with the
    /// note that was submitted with it. Calls follow each other in LSN order, never two at once,
    /// and before the frames' commits are acknowledged.
    ///
    /// It runs in the thread of whoever led the commit, so it must be quick, and must not submit
    /// to the log, sync it or wait for it. It may read from it. A panic in it poisons the log.
    fn committed(&self, frames: &mut dyn Iterator<Item = (FrameAddress, T)>);
}

/// Nobody is told.
impl<T> CommitSink<T> for () {
    fn committed(&self, _frames: &mut dyn Iterator<Item = (FrameAddress, T)>) {}
}
