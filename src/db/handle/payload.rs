//! [`Payload`]: memory for what is submitted.

use std::cell::Cell;
use std::mem;

/// A thread that submits keeps so much memory for the next time.
const PAYLOAD_KEPT: usize = 64 << 10;

thread_local! {
    static PAYLOAD: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Memory for a payload, which goes back to its thread.
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
}

impl Payload {
    pub(super) fn new() -> Self {
        Self {
            bytes: PAYLOAD.try_with(Cell::take).unwrap_or_default(),
        }
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if self.bytes.capacity() <= PAYLOAD_KEPT {
            self.bytes.clear();
            let bytes = mem::take(&mut self.bytes);
            // At the end of its thread it just goes.
            let _ = PAYLOAD.try_with(|kept| kept.set(bytes));
        }
    }
}
