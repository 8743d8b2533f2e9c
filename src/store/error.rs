//! Why a store refused or failed.

use crate::store::FilterProblem;

/// Why a [`Store`](crate::store::Store) refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The namespace cannot hold items.
    #[error("namespace {namespace:?} {reason}")]
    InvalidNamespace {
        /// The namespace as it was given.
        namespace: Vec<String>,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// The filter cannot be evaluated.
    #[error("filter on `{field}`: {problem}")]
    InvalidFilter {
        /// Where in the filter: the path of the field, or the operator.
        field: String,
        /// What is wrong with it.
        problem: FilterProblem,
    },
    /// The cursor cannot be gone on from.
    #[error("cursor `{cursor}`: {reason}")]
    InvalidCursor {
        /// As it was given.
        cursor: String,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// The store has not answered what it was asked.
    #[error("the store has answered something else than it was asked; see `Store::batch`")]
    WrongAnswer,
    /// The database failed or refused.
    #[error(transparent)]
    Db(#[from] crate::db::DbError),
    /// Another backend failed.
    #[error("{what}: {source}")]
    Backend {
        /// What was being done, to which item.
        what: String,
        /// Why it failed.
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
}
