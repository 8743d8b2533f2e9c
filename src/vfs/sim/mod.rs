//! [`SimFs`]: a file system in memory that keeps what is in the page cache and what is on the medium apart.
//!
//! Its one job is to do to whoever uses it whatever a machine may do: lose power at any moment, fail, fill up, lie; and the
//! same again for the same seed. It must never know who uses it.

mod content;
mod crash;
mod faults;
mod folder;
mod fs;
mod host;
mod node;
mod operation;
mod random;
#[cfg(test)]
mod tests;
mod world;

pub use crash::Survival;
pub use faults::{Failing, Faults};
pub(crate) use fs::Watch;
pub use fs::{Moment, SimFs};
pub use operation::Operation;
pub use random::Random;
