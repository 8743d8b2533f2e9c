//! What a compaction writes is held up, or finds no room.

use std::io;
use std::path::Path;

use parking_lot::{Condvar, Mutex};

use crate::watched_fs::{Operation, Watch};

/// What becomes of operations on segments that are to take the place of others.
#[derive(Debug, Default)]
pub(crate) struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    full: bool,
    /// So many operations are let through.
    hold_after: Option<u64>,
    held: bool,
}

impl Output {
    /// Whether there is no room.
    pub(crate) fn set_full(&self, full: bool) {
        self.state.lock().full = full;
    }

    /// Holds up what comes after so many operations.
    pub(crate) fn hold_after(&self, operations: u64) {
        self.state.lock().hold_after = Some(operations);
    }

    /// Waits until something is held up, unless `done` first. Whether it is.
    pub(crate) fn wait_until_held(&self, done: impl Fn() -> bool) -> bool {
        let mut state = self.state.lock();
        while !state.held && !done() {
            let pause = std::time::Duration::from_millis(1);
            self.changed.wait_for(&mut state, pause);
        }
        state.held
    }

    pub(crate) fn let_go(&self) {
        *self.state.lock() = State::default();
        self.changed.notify_all();
    }

    fn pass(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match &mut state.hold_after {
            None => return Ok(()),
            Some(0) => {}
            Some(left) => {
                *left -= 1;
                return Ok(());
            }
        }
        state.held = true;
        self.changed.notify_all();
        while state.hold_after.is_some() {
            self.changed.wait(&mut state);
        }
        Ok(())
    }
}

impl Watch for Output {
    /// Segments that are to take the place of others.
    fn watches(&self, path: &Path) -> bool {
        let name = path.to_str().unwrap().strip_suffix(".seg.tmp");
        name.is_some_and(|name| Path::new(&format!("{name}.seg")).exists())
    }

    fn before(&self, _: Operation, _: &Path) -> io::Result<()> {
        self.pass()
    }
}
