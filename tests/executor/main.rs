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
#[cfg(test)]
mod concurrency;
mod deleting;
#[cfg(test)]
mod drawing;
mod failing;
mod gate;
#[cfg(test)]
mod handlers;
mod joins;
#[cfg(test)]
mod layers;
mod recovering;
mod saving;
#[cfg(test)]
mod stopping;
mod store_writes;
mod streaming;
mod subgraphs_at_once;
