//! What is asked of an engine.

use bytes::Bytes;

use crate::workload::Step;

pub(crate) trait Engine: Sync {
    /// Commits `steps` together. Returns once they are acknowledged, and on the device if the engine was opened so.
    fn append(&self, steps: &[Step<'_>]);

    /// The value of a thread's last checkpoint.
    fn latest(&self, thread: u64) -> Option<Bytes>;

    /// The value of a step's checkpoint.
    fn by_id(&self, thread: u64, number: u64) -> Option<Bytes>;

    /// The same, with the writes that follow it read along; only of an engine that knows which those are.
    fn step_by_id(&self, _thread: u64, _number: u64) -> Option<Bytes> {
        None
    }

    /// Makes everything durable and closes.
    fn close(self: Box<Self>);
}
