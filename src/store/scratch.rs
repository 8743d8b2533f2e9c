//! [`Scratch`]: items of somebody else's tables, in memory for as long as it takes to answer a batch.
//!
//! So filters, orders, pages and rankings are the same as everywhere, whoever keeps the items.

use std::sync::Arc;

use serde_json::Value;

use crate::codec::{ItemPut, ItemTouched, Ranked, Record, fields_of, words_of};
use crate::item_vectors::ItemVectors;
use crate::store::changes::changes;
use crate::store::embedding::Embedded;
use crate::store::memory::Held;
use crate::store::{Answer, MemoryStore, Op, StoreError, StoreOptions};
use crate::store_options::IndexedFields;
use crate::text_fields::TextFields;
use crate::{Encoded, ItemChange};

/// An item as a table has it. Times are microseconds since the Unix epoch.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) namespace: Vec<String>,
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) expires_at: Option<u64>,
    /// For how long a read lets it live on, if it expires.
    pub(crate) lifetime: Option<u64>,
    /// Which of its texts are ranked; `None`: what the options say.
    pub(crate) texts: Option<TextFields>,
    pub(crate) vectors: Option<Encoded>,
}

/// What a batch comes to.
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Answer>,
    /// What was read and lives on: namespace, key, until when.
    pub(crate) refreshed: Vec<(Vec<String>, String, u64)>,
}

/// What a batch writes, and the vectors that it needs.
pub(crate) struct Prepared {
    embedded: Embedded,
    pub(crate) changes: Vec<ItemChange>,
}

impl Prepared {
    /// Asks the embedder, and sees what `ops` write.
    ///
    /// # Errors
    /// Those of a batch that is refused.
    pub(crate) async fn of(ops: &[Op], options: &StoreOptions) -> Result<Self, StoreError> {
        let embedded = Embedded::of(ops, options).await?;
        let changes = changes(ops, &embedded)?;
        Ok(Self { embedded, changes })
    }
}

/// Items in memory.
pub(crate) struct Scratch {
    store: MemoryStore,
    lifetimes: std::collections::HashMap<(Vec<String>, String), u64>,
}

impl Scratch {
    /// Without items. What items were is not kept.
    pub(crate) fn new(options: &StoreOptions) -> Result<Self, StoreError> {
        let store = MemoryStore::with_options(options.clone().history(&[], None));
        let options = Arc::clone(&store.options);
        store.kept.write().trim(&options)?;
        let lifetimes = std::collections::HashMap::new();
        Ok(Self { store, lifetimes })
    }

    pub(crate) fn load(&mut self, item: Loaded) -> Result<(), StoreError> {
        let mut kept = self.store.kept.write();
        let put = |value: Value, at, lifetime, ranked| {
            let index = IndexedFields::All;
            let encoded = Encoded::json(&value);
            let mut put = ItemPut {
                fields: Some(fields_of(&encoded, &index)),
                namespace: item.namespace.clone(),
                key: item.key.clone(),
                value: Held::Json(Arc::new(value)),
                at,
                lifetime,
                index,
                is_new: false,
                moved: None,
                ranked,
            };
            let texts = &put.ranked.texts;
            put.ranked.words = Some(words_of(&encoded, texts));
            Record::ItemPut(put)
        };
        if item.created_at != item.updated_at {
            kept.apply(put(Value::Null, item.created_at, None, Ranked::default()))?;
        }
        let lifetime = item.expires_at.map(|at| {
            item.lifetime
                .unwrap_or_else(|| at.saturating_sub(item.updated_at))
        });
        let at_hand = item
            .vectors
            .as_ref()
            .and_then(|of| ItemVectors::decode(of.bytes()));
        let ranked = Ranked {
            texts: (item.texts).unwrap_or_else(|| self.store.options.texts_of(&item.namespace)),
            vectors: at_hand.is_some().then_some(Held::Vectors),
            words: None,
            at_hand: at_hand.map(Arc::new),
        };
        kept.apply(put(item.value, item.updated_at, lifetime, ranked))?;
        if let (Some(lifetime), Some(expires_at)) = (lifetime, item.expires_at) {
            let touched = ItemTouched {
                namespace: item.namespace.clone(),
                key: item.key.clone(),
                put: kept.lsn,
                at: expires_at.saturating_sub(lifetime),
            };
            if touched.at != item.updated_at {
                kept.apply(Record::ItemTouched(touched))?;
            }
            self.lifetimes.insert((item.namespace, item.key), lifetime);
        }
        Ok(())
    }

    /// Answers `ops` from what was loaded.
    pub(crate) fn answer(&self, ops: &[Op], prepared: &Prepared) -> Result<Outcome, StoreError> {
        let (rows, vectors) = self.store.kept.read().now();
        let (answers, touched) = self
            .store
            .answers(&rows, &vectors, &prepared.embedded, ops)?;
        let refreshed = touched.into_iter().filter_map(|record| {
            let Record::ItemTouched(touched) = record else {
                return None;
            };
            let is_written =
                |of: &ItemChange| of.namespace == touched.namespace && of.key == touched.key;
            if prepared.changes.iter().any(is_written) {
                return None;
            }
            let name = (touched.namespace, touched.key);
            let until = touched.at.saturating_add(*self.lifetimes.get(&name)?);
            Some((name.0, name.1, until))
        });
        Ok(Outcome {
            answers,
            refreshed: refreshed.collect(),
        })
    }
}
