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
