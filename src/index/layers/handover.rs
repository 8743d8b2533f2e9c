//! [`Handover`]: from an index file that failed to the same file, opened again, for whoever finds meanwhile that he cannot read.

use parking_lot::{Condvar, Mutex};

/// Whether an index file is being written, or opened again after that has failed. Nothing may be readable meanwhile.
#[derive(Debug, Default)]
pub(super) struct Handover {
    is_writing: Mutex<bool>,
    changed: Condvar,
}

/// The file is being written until this is dropped.
#[derive(Debug)]
pub(super) struct Writing<'h>(&'h Handover);

impl Handover {
    pub(super) fn begin(&self) -> Writing<'_> {
        *self.is_writing.lock() = true;
        Writing(self)
    }

    /// Waits for the end of a write that is going on. Whoever writes never waits for the caller meanwhile.
    pub(super) fn wait(&self) {
        let mut is_writing = self.is_writing.lock();
        self.changed
            .wait_while(&mut is_writing, |is_writing| *is_writing);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        *self.0.is_writing.lock() = false;
        self.0.changed.notify_all();
    }
}
