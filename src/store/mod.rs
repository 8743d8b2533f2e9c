//! Long-term memory: items under hierarchical namespaces, shared by all threads.
//!
//! A namespace is a list of labels, as `["alice", "preferences"]`; an item is a JSON value under a key
//! in a namespace.
//!
//! This module must never know what a graph or a checkpoint is.

mod answer;
mod blocking;
mod changes;
mod contract;
mod cursor;
mod db_store;
mod draft;
mod embedding;
mod error;
mod explain;
mod filter;
mod in_order;
mod item;
mod memory;
pub(crate) mod moving;
mod namespace;
mod op;
mod past;
mod planner;
mod query;
mod ranking;
mod reading;
mod scoped;
#[cfg(feature = "langgraph")]
pub(crate) mod scratch;
#[cfg(feature = "langgraph")]
pub(crate) mod table;

pub use crate::embedder::{Embedder, Embedding, Metric};
pub use crate::moment::Moment;
pub use crate::store_options::{IndexedFields, StoreOptions, Ttl};
pub use crate::text_fields::TextFields;
pub use answer::{Answer, Page};
pub use blocking::BlockingStore;
pub use contract::Store;
pub use cursor::Cursor;
pub use db_store::DbStore;
pub(crate) use draft::{Draft, DraftMark};
pub use error::{EmbedderProblem, StoreError};
pub use explain::{Considered, Explain};
pub use filter::{Filter, FilterProblem};
pub use item::{Ended, Ending, Item, ItemVersion, Score, Versions};
pub use memory::MemoryStore;
pub use op::{Get, ItemHistory, Op, Put};
pub use query::{ListNamespaces, Order, Ranking, Search};
pub use scoped::Scoped;
