//! The database as a whole: opening and closing, committing, concurrency, what it writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/answers.rs"]
mod answers;
mod commits;
mod compaction;
#[path = "../common/database.rs"]
mod database;
mod golden;
mod golden_store;
mod handles;
mod handover;
#[path = "../common/history.rs"]
mod history;
mod index;
mod moments;
mod output;
mod pressure;
mod retention;
#[path = "../common/samples.rs"]
mod samples;
mod size;
#[path = "../common/watched_fs.rs"]
mod watched_fs;
