//! The two engines of `benches/peers` that need no other crates.

#[expect(dead_code, reason = "nothing is read back here")]
#[path = "../peers/src/engine/contract.rs"]
mod contract;
#[path = "../peers/src/engine/raw_log.rs"]
mod raw_log;
#[path = "../peers/src/engine/stepwell.rs"]
mod stepwell;

use std::path::Path;

pub(crate) use contract::Engine;
pub(crate) use stepwell::{Stepwell, submit};

/// Opens the floor in `dir`; `synced`: commits are on the device when they are acknowledged.
pub(crate) fn raw_log(dir: &Path, synced: bool) -> Box<dyn Engine> {
    Box::new(raw_log::RawLog::open(dir, synced))
}

/// Opens a database in `dir`.
pub(crate) fn stepwell(dir: &Path, synced: bool) -> Box<dyn Engine> {
    Box::new(Stepwell::open(dir, synced))
}
