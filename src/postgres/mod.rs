//! Threads and items on a PostgreSQL server, in the tables of LangGraph: for those who outgrow one host.
//!
//! [`PostgresSaver`] and [`PostgresStore`] keep checkpoints and items in the tables of langgraph-checkpoint-postgres 3.2, so programs in Python see the same. What those have no place for (leases, tags, policies,
//! which threads were deleted) is in tables whose names begin with `stepwell_`.
//!
//! This module must never know what a graph is.

mod error;
mod jobs;
mod lease;
mod moved_items;
mod moving;
mod options;
mod row;
mod saver;
mod schema;
mod server;
mod store;
mod text;
mod version;

pub use error::PostgresError;
pub use options::PostgresOptions;
pub use saver::PostgresSaver;
pub use server::Postgres;
pub use store::PostgresStore;
