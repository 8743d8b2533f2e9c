//! Databases on a file system that loses power, fails and lies, against a model.
//!
//! Everything follows from seeds. A failure names its seed; `STEPWELL_SEED=N` runs that one alone. The long runs:
//!
//! ```text
//! cargo test --release --features testing --test crash soak -- --ignored --nocapture
//! cargo test --release --features testing --test crash exhaustive -- --ignored --nocapture
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod again;
mod canaries;
mod compacting;
mod contents;
mod exhaustive;
mod failing;
mod faults;
mod graph;
mod logs;
#[path = "../db_model/model.rs"]
mod model;
mod operation;
mod random;
mod recovery;
mod run;
mod seeded;
mod threads;
