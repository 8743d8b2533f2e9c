//! Random operations give the same answers in memory, in a database, after opening it again, and in
//! a naive model.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../common/cases.rs"]
mod cases;
mod checkpoints;
#[path = "../common/database.rs"]
mod database;
mod items;
mod model;
mod past;
