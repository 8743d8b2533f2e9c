//! The executor where it goes beyond the recorded scenarios: failures, order of saving, mistakes in graphs.

mod building;
mod failing;
#[cfg(test)]
mod layers;
mod saving;
