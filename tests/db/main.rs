//! The database as a whole: opening and closing, committing, concurrency, what it writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod commits;
mod compaction;
#[path = "../common/database.rs"]
mod database;
mod handles;
mod index;
mod output_fs;
mod retention;
#[path = "../common/samples.rs"]
mod samples;
mod size;
