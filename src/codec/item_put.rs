//! [`ItemPut`]: an item of the store as the log keeps it and the index learns it.

use std::sync::Arc;

use crate::codec::value::AsBlob;
use crate::item_fields::ItemFields;
use crate::item_vectors::ItemVectors;
use crate::item_words::ItemWords;
use crate::store_options::IndexedFields;
use crate::text_fields::TextFields;

/// An item was put.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemPut<V> {
    pub(crate) namespace: Vec<String>,
    pub(crate) key: String,
    pub(crate) value: V,
    /// Microseconds since the Unix epoch.
    pub(crate) at: u64,
    /// Microseconds from then on until it expires.
    pub(crate) lifetime: Option<u64>,
    pub(crate) index: IndexedFields,
    /// Whether what is under the key has expired.
    pub(crate) is_new: bool,
    /// If it was moved here with its times.
    pub(crate) moved: Option<Moved>,
    /// What an index has of the value, if that was found out already. It is not written.
    pub(crate) fields: Option<ItemFields>,
    pub(crate) ranked: Ranked<V>,
}

/// Times of an item that was moved from elsewhere, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moved {
    pub(crate) created: u64,
    /// If it expires.
    pub(crate) expires: Option<u64>,
}

/// By what searches with a query rank an item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranked<V> {
    /// Which of its texts count.
    pub(crate) texts: TextFields,
    /// Their vectors.
    pub(crate) vectors: Option<V>,
    /// Their words, if those were found out already. They are not written.
    pub(crate) words: Option<ItemWords>,
    /// The vectors themselves, if they are at hand. They are not written.
    pub(crate) at_hand: Option<Arc<ItemVectors>>,
}

impl<V> Default for Ranked<V> {
    fn default() -> Self {
        Self {
            texts: TextFields::NONE,
            vectors: None,
            words: None,
            at_hand: None,
        }
    }
}

impl<V> Ranked<V> {
    /// Whether no query ranks it.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.vectors.is_none()
    }
}

/// The words by which an item's value is ranked.
pub(crate) fn words_of(value: &impl AsBlob, texts: &TextFields) -> ItemWords {
    let value = value.as_blob();
    match value.tag {
        "json" => ItemWords::of_json(texts, value.bytes),
        _ => ItemWords::default(),
    }
}

impl<V> ItemPut<V> {
    /// The same with its values replaced.
    pub(crate) fn map<W>(self, mut with: impl FnMut(V) -> W) -> ItemPut<W> {
        ItemPut {
            namespace: self.namespace,
            key: self.key,
            value: with(self.value),
            at: self.at,
            lifetime: self.lifetime,
            index: self.index,
            is_new: self.is_new,
            moved: self.moved,
            fields: self.fields,
            ranked: Ranked {
                texts: self.ranked.texts,
                vectors: self.ranked.vectors.map(with),
                words: self.ranked.words,
                at_hand: self.ranked.at_hand,
            },
        }
    }
}

/// What an index has of an item's value.
pub(crate) fn fields_of(value: &impl AsBlob, wanted: &IndexedFields) -> ItemFields {
    let value = value.as_blob();
    match value.tag {
        "json" => ItemFields::of_json(value.bytes, wanted),
        _ => ItemFields::unknown(),
    }
}
