//! What the fuzz targets do, as functions: so that their inputs are also run as tests, without a fuzzer.

#[path = "../../tests/crash/contents.rs"]
mod contents;
pub mod directory;
pub mod memory;
#[path = "../../tests/common/memory_fs.rs"]
mod memory_fs;
#[path = "../../tests/db_model/model.rs"]
mod model;
#[path = "../../tests/crash/operation.rs"]
mod operation;
mod operations;
#[allow(dead_code, reason = "the crash tests use more of it")]
#[path = "../../tests/crash/recovery.rs"]
mod recovery;
#[allow(dead_code, reason = "the crash tests use more of it")]
#[path = "../../tests/crash/run.rs"]
mod run;
pub mod targets;

#[global_allocator]
static COUNTING: memory::Counting = memory::Counting;
