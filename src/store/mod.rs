//! Long-term memory: items under hierarchical namespaces, shared by all threads.
//!
//! A namespace is a list of labels, as `["alice", "preferences"]`; an item is a JSON value under a key
//! in a namespace.
//!
//! This module must never know what a graph or a checkpoint is.

mod db_store;
mod draft;
mod error;
mod filter;
mod memory;
mod namespace;
mod types;

pub use db_store::DbStore;
pub(crate) use draft::{Draft, DraftMark};
pub use error::StoreError;
pub use filter::{Filter, FilterProblem};
pub use memory::MemoryStore;
pub use types::{Item, ListNamespaces, Search, Store};
