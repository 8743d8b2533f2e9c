//! Compaction: which records of sealed segments are still needed, and giving back the space of the others.
//!
//! Its one job is to drop from the log what nobody can look up any more, such that replaying what is left makes the same
//! index. What is needed, and why, is told in `docs/architecture.md`. It must never know what values are.

mod accounting;
mod candidates;
mod engine;
mod eras;
mod marks;
mod options;
mod pace;
mod pass;
mod remnants;
mod rewrite;
mod standalone;
mod sweep;
#[cfg(test)]
mod tests;
mod worker;

pub(super) use candidates::with_use;
pub(crate) use engine::Engine;
pub(crate) use eras::Entered;
pub use options::{CompactionOptions, CompactionProgress, CompactionReport, CompactionStats};
pub(crate) use worker::Worker;
