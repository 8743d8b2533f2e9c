//! [`Eras`]: who may still need what nobody can look up any more.
//!
//! Whoever looks something up and then reads or writes what it found holds a share in an era from before the one
//! to after the other. So once an era has ended and all its shares are gone, everybody has seen
//! what was there at its end, or less.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

const PAUSE: Duration = Duration::from_millis(1);

/// A share in an era.
#[derive(Clone, Debug)]
pub(crate) struct Entered {
    _era: Arc<Era>,
}

#[derive(Debug)]
struct Era;

/// The era that is, and those that have shares left.
#[derive(Debug)]
pub(crate) struct Eras {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: Arc<Era>,
    past: Vec<Weak<Era>>,
}

impl Eras {
    pub(crate) fn new() -> Self {
        let current = Arc::new(Era);
        let past = Vec::new();
        Self {
            state: Mutex::new(State { current, past }),
        }
    }

    /// A share in the era that is.
    pub(crate) fn enter(&self) -> Entered {
        Entered {
            _era: Arc::clone(&self.state.lock().current),
        }
    }

    /// Ends the era, and waits for the shares in it and in all before it to go, unless `enough` says otherwise. Whether they are gone.
    #[expect(
        clippy::disallowed_methods,
        reason = "for other threads, which simulated runs do not have"
    )]
    pub(super) fn end(&self, patience: Duration, enough: impl Fn() -> bool) -> bool {
        let ended = std::mem::replace(&mut self.state.lock().current, Arc::new(Era));
        self.state.lock().past.push(Arc::downgrade(&ended));
        drop(ended);
        let begun = Instant::now();
        loop {
            let mut state = self.state.lock();
            state.past.retain(|era| era.strong_count() > 0);
            if state.past.is_empty() {
                return true;
            }
            drop(state);
            if begun.elapsed() >= patience || enough() {
                return false;
            }
            thread::sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_era_is_over_when_its_last_share_goes() {
        let eras = Eras::new();
        assert!(eras.end(Duration::ZERO, || false));
        let old = eras.enter();
        assert!(!eras.end(Duration::ZERO, || false));
        let new = eras.enter();
        drop(old);
        assert!(!eras.end(Duration::ZERO, || false));
        drop(new);
        assert!(eras.end(Duration::ZERO, || false));
    }
}
