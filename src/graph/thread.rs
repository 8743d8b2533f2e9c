//! A thread seen and changed from outside of its runs: its state, its history, updates, what a crash left unfinished.

mod branches;
pub(in crate::graph) mod history;
pub(in crate::graph) mod recovery;
pub(in crate::graph) mod snapshot;
pub(in crate::graph) mod unfinished;
pub(in crate::graph) mod update_state;
