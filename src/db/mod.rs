//! The database: one directory, one log, checkpoints and long-term memory together.

mod error;

pub use error::DbError;
