//! [`ItemChange`]: a change of long-term memory that is to be committed with something else.
//!
//! This module must never know what it is committed with.

use crate::Encoded;
use crate::codec::{ItemDeleted, ItemPut, Ranked, Record};
use crate::store_options::{IndexedFields, StoreOptions, Ttl};
use crate::text_fields::TextFields;

/// A change of one item of a store, to be committed together with a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemChange {
    /// Where the item is kept, label by label.
    pub namespace: Vec<String>,
    /// Its name within the namespace.
    pub key: String,
    /// What is remembered from now on; `None` to forget the item.
    pub value: Option<Encoded>,
    /// For how long.
    pub ttl: Ttl,
    /// Which of its fields are in the index; `None`: those that the store's options say.
    pub index: Option<IndexedFields>,
    /// Which of its texts searches with a query look at; `None`: those that the store's options say.
    pub texts: Option<TextFields>,
    /// The vectors of those texts, as the store that they were put to has made them; `None`: there are none.
    pub vectors: Option<Encoded>,
}

impl ItemChange {
    /// The record of a change that is made at `at`, in microseconds since the Unix epoch. `is_new` if what is under the key has
    /// expired.
    pub(crate) fn into_record(
        self,
        options: &StoreOptions,
        at: u64,
        is_new: bool,
    ) -> Record<Encoded> {
        match self.value {
            Some(value) => Record::ItemPut(ItemPut {
                ranked: Ranked {
                    texts: (self.texts).unwrap_or_else(|| options.texts_of(&self.namespace)),
                    vectors: self.vectors,
                    words: None,
                    at_hand: None,
                },
                lifetime: options.lifetime(&self.namespace, self.ttl),
                index: (self.index).unwrap_or_else(|| options.fields(&self.namespace)),
                namespace: self.namespace,
                key: self.key,
                value,
                at,
                is_new,
                moved: None,
                fields: None,
            }),
            None => Record::ItemDeleted(ItemDeleted {
                namespace: self.namespace,
                key: self.key,
                at: Some(at),
            }),
        }
    }
}
