//! The executor where it goes beyond the recorded scenarios: failures, order of saving, mistakes in graphs.

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
mod saving;
#[cfg(test)]
mod stopping;
mod store_writes;
mod streaming;
mod subgraphs_at_once;
