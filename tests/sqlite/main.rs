//! Several processes on one SQLite file: this binary, started again; and what Python leaves in its tables.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod processes;
mod tables;
