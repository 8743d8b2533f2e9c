//! Why a store refused or failed.

use std::sync::Arc;
use std::time::SystemTime;

use crate::store::FilterProblem;
use crate::time;

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
    #[error("filter{}: {problem}", on(field))]
    InvalidFilter {
        /// Where in the filter: the path of the field, or the operator; empty if all of it is meant.
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
    /// The query cannot rank items.
    #[error("query `{query}`: {reason}")]
    CannotRank {
        /// As it was given.
        query: String,
        /// What is missing.
        reason: &'static str,
    },
    /// The embedder has made no vectors of the texts. Nothing was read or written.
    #[error("embedder `{name}`: {problem}")]
    Embedder {
        /// Its name.
        name: String,
        /// What went wrong.
        problem: EmbedderProblem,
    },
    /// The value is nested so deep that it could not be read again. Nothing was written.
    #[error(
        "item `{key}` in namespace {namespace:?} is nested more than {most} deep and could not be read again; put what \
         is so deep as a text"
    )]
    TooDeep {
        /// Of the item.
        namespace: Vec<String>,
        /// Of the item.
        key: String,
        /// How deep lists and objects may be in one another here.
        most: usize,
    },
    /// What was there at that moment may not be kept.
    #[error("what namespace {namespace:?} was then is not kept{}; see `StoreOptions::history`", kept(*.since))]
    NotKept {
        /// Of the item, or the prefix of the search.
        namespace: Vec<String>,
        /// From when on it is kept; `None`: it is not.
        since: Option<SystemTime>,
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

/// What was wrong with an embedder's answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedderProblem {
    /// It has failed.
    #[error("{0}")]
    Failed(Arc<dyn std::error::Error + Send + Sync>),
    /// There are not as many vectors as texts.
    #[error("it has made {made} vectors of {wanted} texts")]
    Count {
        /// How many texts it was given.
        wanted: usize,
        /// How many vectors it has made.
        made: usize,
    },
    /// A vector has not as many elements as the embedder says.
    #[error("it has made a vector of {made} elements, and says that its vectors have {wanted}")]
    Dimension {
        /// [`Embedder::dimension`](crate::store::Embedder::dimension).
        wanted: usize,
        /// How many elements the vector has.
        made: usize,
    },
    /// A vector has an element that is no number, or infinite.
    #[error("it has made a vector with an element that is not finite")]
    NotFinite,
}

fn on(field: &str) -> String {
    match field {
        "" => String::new(),
        field => format!(" on `{field}`"),
    }
}

fn kept(since: Option<SystemTime>) -> String {
    let at = since.and_then(|since| time::text(time::to_micros(since)));
    at.map_or_else(String::new, |at| format!(", but from {at} on"))
}
