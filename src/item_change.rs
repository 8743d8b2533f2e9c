//! [`ItemChange`]: a change of long-term memory that is to be committed with something else.
//!
//! This module must never know what it is committed with.

use crate::Encoded;
use crate::codec::{ItemDeleted, ItemPut, Record};

/// A change of one item of a store, to be committed together with a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemChange {
    /// Where the item is kept, label by label.
    pub namespace: Vec<String>,
    /// Its name within the namespace.
    pub key: String,
    /// What is remembered from now on; `None` to forget the item.
    pub value: Option<Encoded>,
}

impl ItemChange {
    /// The record of a change that is made at this time, in microseconds since the Unix epoch.
    pub(crate) fn into_record(self, at: u64) -> Record<Encoded> {
        match self.value {
            Some(value) => Record::ItemPut(ItemPut {
                namespace: self.namespace,
                key: self.key,
                value,
                at,
            }),
            None => Record::ItemDeleted(ItemDeleted {
                namespace: self.namespace,
                key: self.key,
            }),
        }
    }
}
