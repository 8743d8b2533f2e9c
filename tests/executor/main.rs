//! The executor where it goes beyond the recorded scenarios: failures, order of saving, mistakes in graphs,
//! threads that are busy, deleted or cut off.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod backlog;
mod building;
mod busy;
mod deleting;
mod failing;
mod gate;
mod joins;
mod recovering;
mod saving;
mod store_writes;
mod streaming;
mod subgraphs_at_once;
