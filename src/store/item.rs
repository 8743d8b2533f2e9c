//! [`Item`]: one remembered item.

use std::time::SystemTime;

use serde_json::Value;

/// One remembered item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where it is kept, label by label.
    pub namespace: Vec<String>,
    /// Its name within the namespace.
    pub key: String,
    /// What is remembered.
    pub value: Value,
    /// When the key was first put (and not deleted or expired since).
    pub created_at: SystemTime,
    /// When the value was last put.
    pub updated_at: SystemTime,
    /// From when on it is gone, unless it is put or refreshed before; `None`: it stays.
    pub expires_at: Option<SystemTime>,
    /// How it was ranked, if it was found with a query that has ranked it.
    pub score: Option<Score>,
}

/// How well an item suits a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// The greater, the better.
    pub value: f64,
    /// If it was ranked by meaning: the score of each of its texts, by path.
    pub fields: Vec<(String, f64)>,
}

/// What an item is, or was from one change to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemVersion {
    /// Versions of a store that were put later have greater numbers. In a database it is the LSN.
    pub number: u64,
    /// The item as it was in the end.
    pub item: Item,
    /// What became of it; `None`: it is what there is now.
    pub ended: Option<Ended>,
}

/// What became of what an item was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: SystemTime,
    /// How.
    pub how: Ending,
}

/// How what an item was came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// Another value was put.
    Replaced,
    /// It was deleted.
    Deleted,
    /// It expired.
    Expired,
}

/// What an item is and was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versions {
    /// Newest first. Where one ended otherwise than by being replaced, there was nothing until the one before it in the list.
    pub versions: Vec<ItemVersion>,
    /// From when on they are kept; there may have been others before. `None`: none but what there is now is kept.
    pub kept_since: Option<SystemTime>,
}
