//! Checkpoints and items in SQLite, in LangGraph's tables (feature `sqlite`).
//!
//! For threads that LangGraph in Python has written, or is to go on with. Where nobody else reads the file, a
//! [`Db`](crate::db::Db) is smaller and faster. Tags, policies and what is known of deleted threads stand in tables of
//! our own beside LangGraph's.

mod asking;
mod file;
mod finding;
mod item_history;
mod items;
mod keeping;
mod lease;
mod moved_items;
mod moving;
mod parent;
mod pruning;
mod putting;
mod reading;
mod saver;
mod setup;
mod store;
mod upkeep;
mod writer;

pub use saver::SqliteSaver;
pub use store::SqliteStore;
