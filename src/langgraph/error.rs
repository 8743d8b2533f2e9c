//! Why a column cannot be read or written.

use crate::msgpack::Malformed;

/// Why a column cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ColumnError {
    #[error("`{0}` cannot be read: {1}")]
    Malformed(String, Malformed),
    #[error("`{0}` is not valid JSON: {1}")]
    Json(String, String),
    #[error("it was written under the tag `{0}`, which this saver does not know")]
    Tag(String),
    #[error("the checkpoint has no `{0}`")]
    Missing(&'static str),
    #[error("`{0}` is of another kind than it should be")]
    Kind(String),
}

impl ColumnError {
    /// What happened to `what`.
    pub(super) fn at(what: &str) -> impl FnOnce(Malformed) -> Self {
        let what = what.to_owned();
        |error| Self::Malformed(what, error)
    }
}
