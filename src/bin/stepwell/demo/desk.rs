//! [`Desk`]: what the workflow's nodes have at hand besides the graph's state.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use stepwell::graph::{Runtime, State};
use tokio::sync::Semaphore;

use super::journal::Journal;
use super::places::Places;
use crate::failure::{Doing, Failure};

/// What the workflow's nodes have at hand besides the graph's state.
pub(super) struct Desk {
    pub(super) places: Places,
    pub(super) journal: Journal,
    /// How many files are read at a time.
    pub(super) seats: Semaphore,
    /// How long each file is pretended to take.
    pub(super) pause: Duration,
}

impl Desk {
    /// A desk for work on `files` files.
    pub(super) fn new(places: &Places, files: usize) -> Result<Arc<Self>, Failure> {
        let journal = places.journal();
        let pace = Pace::of(files);
        Ok(Arc::new(Self {
            places: places.clone(),
            journal: Journal::open(&journal).doing("open", &journal)?,
            seats: Semaphore::new(pace.seats),
            pause: pace.pause,
        }))
    }

    /// Turns a function that needs the desk into one that a graph takes as a node.
    pub(super) fn at<Fut: Future>(
        self: &Arc<Self>,
        work: fn(State, Runtime, Arc<Desk>) -> Fut,
    ) -> impl Fn(State, Runtime) -> Fut + use<Fut> {
        let desk = Arc::clone(self);
        move |state, runtime| work(state, runtime, Arc::clone(&desk))
    }
}

/// How fast the work goes: slowly enough to be killed in the middle, whatever its amount.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) seats: usize,
    pub(super) pause: Duration,
}

impl Pace {
    /// About five seconds for all `files`, in rounds of at least 100 ms.
    pub(super) fn of(files: usize) -> Self {
        let seats = files.div_ceil(4).clamp(1, 6).max(files.div_ceil(36));
        let rounds = files.div_ceil(seats).max(1);
        let each = 5000 / u64::try_from(rounds).unwrap_or(u64::MAX);
        Self {
            seats,
            pause: Duration::from_millis(each.clamp(100, 650)),
        }
    }
}
