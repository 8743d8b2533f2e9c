//! The database: one directory, one log, checkpoints and long-term memory together.
//!
//! Its one job is to keep the index and the log in step: what is committed to the log is applied to
//! the index before anyone is told, and what the index points at is read from the log. It speaks
//! in records and must never know the traits that checkpointers and stores implement.

mod compaction;
mod error;
mod handle;
mod hot;
mod indexed;
mod options;
mod periodic;
mod place;
mod place_bytes;
mod put;
mod reader;
mod rows;
mod storing;
mod submitted;
mod view;

pub use crate::log::{Durability, LogStats, RecoveryReport, TornTail};
pub use compaction::{CompactionOptions, CompactionReport};
pub use error::DbError;
pub use handle::Db;
pub use options::DbOptions;
pub(crate) use periodic::{Pace, Periodic};
pub(crate) use place::Place;
pub(crate) use put::NotPut;
pub(crate) use reader::Reader;
pub(crate) use storing::Handed;
pub(crate) use submitted::Submitted;
