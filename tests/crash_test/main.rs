//! [`CrashTest`](stepwell::testing::CrashTest) passes sound graphs, and finds what is wrong with others.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod findings;
mod sound;
