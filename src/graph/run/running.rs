//! [`Running`]: the tasks of a super-step that are at work.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::graph::node_error::NodeError;
use crate::graph::panics::said;
use crate::graph::run::task::Write;

pub(in crate::graph) type Outcome = Result<Vec<Write>, NodeError>;

/// The tasks that are at work; dropping it cancels them.
#[derive(Default)]
pub(in crate::graph) struct Running {
    tasks: JoinSet<Outcome>,
    /// Which place in the super-step is whose.
    places: HashMap<Id, usize>,
}

/// What happened next.
pub(in crate::graph) enum Progress {
    /// The task at this place has come to its end.
    Finished(usize, Outcome),
    /// The time that they were given is over.
    TimeUp,
}

impl Running {
    /// Starts the task at `place`.
    pub(in crate::graph) fn start(
        &mut self,
        place: usize,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.places.insert(self.tasks.spawn(work).id(), place);
    }

    /// Waits for the next task to end, at most until `deadline`; `None` if none is left.
    pub(in crate::graph) async fn next(&mut self, deadline: Option<Instant>) -> Option<Progress> {
        let joined = self.tasks.join_next_with_id();
        let joined = match deadline {
            None => joined.await,
            Some(at) => match tokio::time::timeout_at(at, joined).await {
                Ok(joined) => joined,
                Err(_) => return Some(Progress::TimeUp),
            },
        };
        let (place, outcome) = self.placed(joined?)?;
        Some(Progress::Finished(place, outcome))
    }

    /// A task that has ended already.
    pub(in crate::graph) fn try_next(&mut self) -> Option<(usize, Outcome)> {
        let joined = self.tasks.try_join_next_with_id()?;
        self.placed(joined)
    }

    /// Cancels those that are left, at their next wait.
    pub(in crate::graph) async fn cancel(&mut self) {
        self.tasks.shutdown().await;
    }

    fn placed(&self, joined: Result<(Id, Outcome), JoinError>) -> Option<(usize, Outcome)> {
        let (id, outcome) = match joined {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), Err(panicked(error))),
        };
        Some((*self.places.get(&id)?, outcome))
    }
}

fn panicked(error: JoinError) -> NodeError {
    let message = match error.try_into_panic() {
        Ok(payload) => format!("the node panicked: {}", said(&*payload)),
        Err(error) => format!("the node was cancelled: {error}"),
    };
    NodeError::msg(message)
}
