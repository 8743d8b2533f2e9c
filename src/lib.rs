//! Stepwell is an embedded, append-only checkpoint database for agent graphs, and the graph
//! executor that runs on it.
//!
//! - [`graph`]: build a state graph, run it, interrupt it, travel in its history.
//! - [`checkpoint`]: where super-steps are saved (short-term memory, by thread).
//! - [`store`]: facts and preferences across threads (long-term memory).
//! - `postgres` (feature `postgres`): threads on a PostgreSQL server, for several hosts.
//! - [`db`]: the database that keeps both, in one directory and one log.
//! - [`transfer`]: moving threads and items from one place to another; with the features `sqlite` and `postgres`, from and to
//!   LangGraph's tables.
//! - [`log`] and [`vfs`]: the log-structured storage underneath, for those who test it.
//!
//! Dependencies point one way: `graph` → `checkpoint`, `store` → `db` → `index`, `log` → `vfs`.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

// What tests of this crate share with those in `tests` names it.
#[cfg(test)]
extern crate self as stepwell;

mod canary;
pub mod checkpoint;
mod codec;
mod commit;
mod compact;
pub mod db;
#[doc(hidden)]
pub mod delta;
mod embedder;
mod encoded;
mod encoded_list;
mod field_path;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[expect(
    clippy::disallowed_methods,
    reason = "a run's deadlines are its runtime's, and what it names need not be the same again"
)]
pub mod graph;
mod index;
mod item_change;
mod item_fields;
mod item_vectors;
mod item_words;
mod json_order;
#[cfg(feature = "langgraph")]
#[cfg_attr(
    not(feature = "sqlite"),
    expect(unused_imports, reason = "only SQLite has columns with all")
)]
mod langgraph;
mod lease;
pub mod log;
mod moment;
mod msgpack;
mod nesting;
#[cfg(feature = "postgres")]
#[expect(
    clippy::disallowed_methods,
    reason = "it talks to a server, so nothing follows from a seed"
)]
pub mod postgres;
mod probe;
mod retention_policy;
mod similarity;
#[cfg(feature = "sqlite")]
#[expect(
    clippy::disallowed_methods,
    reason = "what SQLite does to its file is not what a file system here is asked for"
)]
pub mod sqlite;
pub mod store;
mod store_options;
#[cfg(feature = "testing")]
pub mod testing;
mod text_fields;
mod time;
pub mod transfer;
mod version;
pub mod vfs;
mod zstandard;

pub use commit::Commit;
pub use encoded::Encoded;
pub use item_change::ItemChange;
pub use lease::Leases;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
macro_rules! guide {
    ($($page:ident $path:literal)*) => {
        $(#[doc = include_str!($path)] struct $page;)*
    };
}

#[cfg(doctest)]
guide! {
    Memory "../docs/guide/memory.md"
    TypedState "../docs/guide/typed-state.md"
    HumanInTheLoop "../docs/guide/human-in-the-loop.md"
    TimeTravel "../docs/guide/time-travel.md"
    Fork "../docs/guide/fork.md"
    Branches "../docs/guide/branches.md"
    Retention "../docs/guide/retention.md"
    Subgraphs "../docs/guide/subgraphs.md"
    LongTermStore "../docs/guide/long-term-store.md"
    Durability "../docs/guide/durability.md"
    CrashTesting "../docs/guide/crash-testing.md"
    Streaming "../docs/guide/streaming.md"
    Errors "../docs/guide/errors.md"
    Moving "../docs/guide/moving.md"
    ComingFromLangGraph "../docs/guide/coming-from-langgraph.md"
}

#[cfg(all(doctest, feature = "postgres"))]
#[doc = include_str!("../docs/guide/scaling-out.md")]
struct ScalingOut;
