//! The executor where it goes beyond the recorded scenarios: failures, order of saving, mistakes in graphs.

mod building;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod drawing;
mod failing;
#[cfg(test)]
mod handlers;
#[cfg(test)]
mod layers;
mod saving;
#[cfg(test)]
mod stopping;
mod store_writes;
mod streaming;
