//! [`Parker`]: one thread's way of being woken alone.

use std::sync::Arc;

use super::primitives::{Condvar, Mutex, thread_local};

/// Wakes one thread, without touching the park token that the thread's executor may rely on.
#[derive(Debug, Default)]
pub(super) struct Parker {
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Parker {
    /// This thread's own.
    pub(super) fn current() -> Arc<Self> {
        thread_local! {
            static CURRENT: Arc<Parker> = Arc::default();
        }
        CURRENT.with(Arc::clone)
    }

    /// Waits for [`wake`](Self::wake), also one that came before.
    pub(super) fn park(&self) {
        let mut woken = self.woken.lock();
        while !*woken {
            self.wake.wait(&mut woken);
        }
        *woken = false;
    }

    pub(super) fn wake(&self) {
        *self.woken.lock() = true;
        self.wake.notify_one();
    }
}
