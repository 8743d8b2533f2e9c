//! The log as its users see it: commits, recovery, damage, failing file systems.
#![cfg(test)]

mod commit;
mod compaction;
mod damage;
mod failure;
mod faults;
mod position;
mod recovery;
mod stopping;
mod support;
