//! [`WhenBusy`]: what a run does on a thread on which another one is going on.

/// What a run, or an update of the state, does when its thread is being run already.
///
/// It is about runs on one checkpointer, whichever graphs they are of. A database is open in
/// one process at a time, so there it is about all runs; on SQLite about those of all processes of the host, and on PostgreSQL of all hosts.
///
/// ```
/// use stepwell::graph::{Config, WhenBusy};
/// let config = Config::thread("user-alice").when_busy(WhenBusy::Wait);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenBusy {
    /// Fails with [`GraphError::ThreadBusy`](crate::graph::GraphError::ThreadBusy); nothing was done.
    #[default]
    Fail,
    /// Waits for its turn: runs go in the order in which they asked, each on top of what the one before
    /// it saved.
    ///
    /// A node that waits for another run on its own thread waits for ever.
    Wait,
    /// Runs on a branch of its own, beside the other run.
    ///
    /// The branch starts at the checkpoint that is the thread's latest at the moment of the call (or the one that
    /// the config addresses), as if that had been addressed with [`Config::at`](crate::graph::Config::at): tasks
    /// that are pending there run again on the branch, with ids of their own.
    ///
    /// Both branches stay in the thread's history. The *latest* checkpoint, which
    /// [`get_state`](crate::graph::CompiledGraph::get_state) and the next run see, is the one made last, of whichever
    /// branch: usually of the run that ends last. What the other one did is found in
    /// [`get_state_history`](crate::graph::CompiledGraph::get_state_history), by the parents of its checkpoints, and
    /// can be continued with `at`. Subgraphs with a memory of their own have one per thread, not one per
    /// branch; if both runs use one at the same time, one of them fails with
    /// [`GraphError::SubgraphBusy`](crate::graph::GraphError::SubgraphBusy).
    ///
    /// The answer to an interrupt belongs to the branch that asked: it is not forked and fails with
    /// `ThreadBusy`.
    Fork,
}
