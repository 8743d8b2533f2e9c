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
}
