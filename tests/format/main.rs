//! The format on disk: another reader lists what the engine lists, and no damage to a file goes unnoticed.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and the long ones say how far they are"
)]

mod bits;
#[expect(dead_code, reason = "others use more of it")]
#[path = "../common/database.rs"]
mod database;
#[path = "../common/history.rs"]
mod history;
mod image;
#[path = "../common/memory_fs.rs"]
mod memory_fs;
mod reader;
#[expect(dead_code, reason = "others use more of it")]
#[path = "../common/samples.rs"]
mod samples;
mod whole;
