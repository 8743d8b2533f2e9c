//! Compaction of a database: it answers the same, whatever happens beside it, in the middle of it and afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../common/answers.rs"]
mod answers;
mod beside;
mod damage;
#[path = "../common/database.rs"]
mod database;
mod deletions;
#[path = "../common/history.rs"]
mod history;
mod refused;
#[path = "../common/samples.rs"]
mod samples;
mod stopping;
#[path = "../log/stopping.rs"]
mod stopping_fs;
mod whole;
