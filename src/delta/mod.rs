//! Deltas: a value as what it copies from an earlier one, and when that is worth it.
//!
//! [`diff()`] finds what two values have in common, [`Rope`] puts a value together again, and [`Tip`]
//! decides for each version of a value whether it is stored whole or as a delta, so that every version stays
//! cheap to read. This module knows only bytes; it must never know what a value means or where it is
//! stored.
//!
//! It is public for benchmarks and fuzz targets and no part of the crate's interface.

mod diff;
mod grown;
mod matching;
mod ops;
mod policy;
mod probe;
mod rope;
mod run;
#[cfg(test)]
mod tests;

pub use diff::diff;
pub use grown::{grown, grown_behind};
pub use ops::{
    DELTA_OVERHEAD, Op, SOURCE_OVERHEAD, encoded_len, sources_of, total_len, used_sources,
};
pub use policy::{
    COST_FACTOR, COST_SLACK, Choice, LINK_BYTES, LINK_COST, MAX_LINKS, RUN_LINKS, Tip, Weight,
};
pub use rope::{ApplyError, MAX_LENGTH, Rope, apply};
pub use run::{RUN_HEAD, RUN_TAIL, Run};

/// A length as a number that is stored.
fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
