//! Operating a database: backups, verification, looking on while another process writes, figures.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod closing;
#[path = "../common/database.rs"]
mod database;
mod letting_go;
mod read_only;
mod relative_path;
#[path = "../common/samples.rs"]
mod samples;
mod space;
mod stats;
mod verify;
#[path = "../common/watched_fs.rs"]
mod watched_fs;
