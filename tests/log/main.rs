//! The log as its users see it: commits, recovery, damage, failing file systems.
#![cfg(test)]

mod commit;
mod compaction;
mod damage;
mod failure;
mod faults;
mod forging;
mod operations;
mod outdated;
mod overlap;
mod packing;
mod position;
mod recovery;
mod salvage;
mod stopping;
mod support;
mod waking;
