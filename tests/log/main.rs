//! The log as its users see it: commits, recovery, damage, failing file systems.
#![cfg(test)]

mod commit;
mod damage;
mod failure;
mod faults;
mod recovery;
mod support;
