//! [`Slot`]: a task's right to be at work, while others wait for theirs.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A task's right to be at work. A task that waits for a subgraph lends it out: the subgraph's tasks need
/// one each, and might otherwise wait for this one for ever.
#[derive(Debug, Default)]
pub(in crate::graph) struct Slot {
    /// `None`: there is no limit.
    all: Option<Arc<Semaphore>>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    permit: Option<OwnedSemaphorePermit>,
    /// Whether the task is between its start and its end.
    working: bool,
    /// How many subgraphs it waits for.
    lent: usize,
}

impl Slot {
    pub(in crate::graph) fn of(all: Option<Arc<Semaphore>>) -> Self {
        Self {
            all,
            held: Mutex::default(),
        }
    }

    /// Waits for the right to be at work, and keeps it until the guard is dropped.
    pub(in crate::graph) async fn work(&self) -> Working<'_> {
        if let Some(all) = &self.all {
            let permit = Arc::clone(all).acquire_owned().await.ok();
            let mut held = self.held.lock();
            held.permit = permit;
            held.working = true;
        }
        Working(self)
    }

    /// Waits for `subgraph` without the right to be at work.
    pub(in crate::graph) async fn lend<F: Future>(&self, subgraph: F) -> F::Output {
        let Some(all) = &self.all else {
            return subgraph.await;
        };
        {
            let mut held = self.held.lock();
            held.lent += 1;
            held.permit = None;
        }
        let lent = Lent(self);
        let output = subgraph.await;
        drop(lent);
        if self.held.lock().wants() {
            let permit = Arc::clone(all).acquire_owned().await.ok();
            let mut held = self.held.lock();
            if held.wants() {
                held.permit = permit;
            }
        }
        output
    }
}

impl Held {
    fn wants(&self) -> bool {
        self.working && self.lent == 0 && self.permit.is_none()
    }
}

/// The task is at work; dropping it ends that.
pub(in crate::graph) struct Working<'a>(&'a Slot);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut held = self.0.held.lock();
        held.working = false;
        held.permit = None;
    }
}

struct Lent<'a>(&'a Slot);

impl Drop for Lent<'_> {
    /// Takes the right back if it is to be had at once. Nobody could wait here: the task may have given the
    /// subgraph up.
    fn drop(&mut self) {
        let mut held = self.0.held.lock();
        held.lent -= 1;
        if held.wants()
            && let Some(all) = &self.0.all
        {
            held.permit = Arc::clone(all).try_acquire_owned().ok();
        }
    }
}
