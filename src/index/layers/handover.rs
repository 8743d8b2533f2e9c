//! [`Handover`]: from an index file that failed to the same file, opened again, for whoever finds meanwhile that he cannot read.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::base::Base;

/// How far whoever writes the index file is, as far as that matters to whoever cannot read it.
#[derive(Debug, Default)]
pub(super) struct Handover {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// It is written, or opened again after that has failed. Nothing may be readable meanwhile.
    Writing,
    /// It was opened again, with these rows.
    Reopened(Option<Arc<Base>>),
}

/// What somebody who cannot read has waited for.
#[derive(Debug)]
pub(super) enum Waited {
    /// Nothing: it will not become any better.
    Nothing,
    /// The end of a write.
    Write,
    /// The file was opened again, with these rows.
    Reopened(Option<Arc<Base>>),
}

/// The file is being written until this is dropped.
#[derive(Debug)]
pub(super) struct Writing<'h>(&'h Handover);

impl Handover {
    pub(super) fn begin(&self) -> Writing<'_> {
        *self.state.lock() = State::Writing;
        Writing(self)
    }

    /// Waits for the end of a write that is going on. Whoever writes never waits for the caller meanwhile.
    pub(super) fn wait(&self) -> Waited {
        let mut state = self.state.lock();
        let mut waited = Waited::Nothing;
        while matches!(*state, State::Writing) {
            self.changed.wait(&mut state);
            waited = Waited::Write;
        }
        match &*state {
            State::Reopened(base) => Waited::Reopened(base.clone()),
            _ => waited,
        }
    }

    /// Everybody reads what was opened again.
    pub(super) fn over(&self) {
        *self.state.lock() = State::Idle;
    }

    fn tell(&self, state: State) {
        *self.state.lock() = state;
        self.changed.notify_all();
    }
}

impl Writing<'_> {
    /// The file was opened again: from here on its rows are these, until that is [over](Handover::over).
    pub(super) fn reopened(self, base: Option<Arc<Base>>) {
        self.0.tell(State::Reopened(base));
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let is_writing = matches!(*self.0.state.lock(), State::Writing);
        if is_writing {
            self.0.tell(State::Idle);
        }
    }
}
