//! The log as its users see it: commits, recovery, damage, failing file systems.

mod commit;
#[cfg(test)]
mod support;
