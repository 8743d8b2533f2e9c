//! The executor where it goes beyond the recorded scenarios: failures, order of saving, mistakes in graphs.

mod building;
mod failing;
mod saving;
mod store_writes;
mod streaming;
