//! The executor where it goes beyond the recorded scenarios: failures, order of saving, mistakes in graphs.

mod backlog;
mod building;
mod busy;
mod deleting;
mod failing;
mod gate;
mod joins;
mod saving;
mod store_writes;
mod streaming;
mod subgraphs_at_once;
