//! [`Rows`] and [`Tables`]: the ordered map that the index is kept in.
//!
//! Whoever reads or changes rows knows only these, so that one state machine serves rows in memory and rows
//! in a file.

use std::fmt::Debug;
use std::ops::Bound;
use std::path::PathBuf;

/// An ordered map, for reading.
pub(crate) trait Rows<K, R> {
    /// The row at `key`.
    fn get(&self, key: &K) -> Result<Option<R>, TablesError>;

    /// The first row of the range from `after` to `end`.
    fn next(&self, after: Bound<&K>, end: Bound<&K>) -> Result<Option<(K, R)>, TablesError>;

    /// Hands the rows of a range to `visit`, in their order, until it says false. Cheaper than one after the other.
    fn scan(
        &self,
        start: Bound<&K>,
        end: Bound<&K>,
        visit: impl FnMut(&K, &R) -> bool,
    ) -> Result<(), TablesError>;

    /// The last row of the range from `start` to `before`.
    fn previous(&self, start: Bound<&K>, before: Bound<&K>) -> Result<Option<(K, R)>, TablesError>;
}

/// An ordered map.
pub(crate) trait Tables<K, R>: Rows<K, R> {
    /// Sets the row at `key`.
    fn put(&mut self, key: K, row: R);

    /// Removes the row at `key`, if there is one.
    fn delete(&mut self, key: K);
}

impl<K, R, T: Rows<K, R>> Rows<K, R> for &T {
    fn get(&self, key: &K) -> Result<Option<R>, TablesError> {
        (**self).get(key)
    }

    fn next(&self, after: Bound<&K>, end: Bound<&K>) -> Result<Option<(K, R)>, TablesError> {
        (**self).next(after, end)
    }

    fn scan(
        &self,
        start: Bound<&K>,
        end: Bound<&K>,
        visit: impl FnMut(&K, &R) -> bool,
    ) -> Result<(), TablesError> {
        (**self).scan(start, end, visit)
    }

    fn previous(&self, start: Bound<&K>, before: Bound<&K>) -> Result<Option<(K, R)>, TablesError> {
        (**self).previous(start, before)
    }
}

/// The beginning of a key's bytes, as numbers.
pub(crate) type Rank = [u64; 4];

/// The key of a row. Cloning it is cheap.
pub(crate) trait TableKey: Ord + Clone + Debug + Send + Sync + 'static {
    /// A number that no smaller key exceeds, to compare keys by.
    fn rank(&self) -> Rank {
        Rank::default()
    }

    /// Bytes that sort as the keys do. Not empty.
    fn encode(&self) -> Vec<u8>;

    /// The key that was encoded as `bytes`.
    fn decode(bytes: &[u8]) -> Result<Self, Undecodable>;

    /// About how many bytes of memory it takes.
    fn weight(&self) -> usize;
}

/// A row. Cloning it is cheap.
pub(crate) trait TableRow: Clone + Debug + Send + Sync + 'static {
    type Key: TableKey;

    /// The row as bytes.
    fn encode(&self) -> Vec<u8>;

    /// The row at `key` that was encoded as `bytes`.
    fn decode(key: &Self::Key, bytes: &[u8]) -> Result<Self, Undecodable>;

    /// About how many bytes of memory it takes.
    fn weight(&self) -> usize;
}

/// Why bytes are no key or row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Undecodable(pub(crate) String);

/// Why rows cannot be read or kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TablesError {
    /// The file is damaged, or the file system failed. The file was removed.
    #[error("the index `{}` cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    /// The rows contradict each other.
    #[error("the index cannot be read: {0}")]
    Contradictory(&'static str),
    /// The file was closed with the database.
    #[error("the index `{}` is closed", path.display())]
    Closed { path: PathBuf },
    /// The file failed to be written, and what was read is not in it any more as it was then.
    #[error("the index `{}` failed to be written and was opened again", path.display())]
    Superseded { path: PathBuf },
    /// Changes can no longer be moved to the file, and memory is bounded.
    #[error("the index `{}` cannot be written: {reason}; free some space", path.display())]
    Unwritable { path: PathBuf, reason: String },
}
