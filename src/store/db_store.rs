//! [`DbStore`]: items in the database.
//!
//! It maps the [`Store`] trait to records and must never know how they are encoded or where they
//! are.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::codec::Record;
use crate::db::{Db, DbError, Durability, Place, Reader};
use crate::index::{ItemEntry, VectorTable};
use crate::probe;
use crate::store::changes::changes;
use crate::store::embedding::Embedded;
use crate::store::reading::Reading;
use crate::store::{Answer, Embedder, Explain, Op, Store, StoreError, StoreOptions};
use crate::{Encoded, ItemChange};

/// A [`Store`] that keeps everything in a database. Clones share the database.
///
/// A search with a filter reads the items that the index finds for the condition that leaves the fewest, or, if that is less work, all items
/// below its prefix until it has found enough.
#[derive(Clone, Debug)]
pub struct DbStore {
    pub(super) db: Db,
    durability: Option<Durability>,
    /// The database's, with another embedder.
    options: Option<Arc<StoreOptions>>,
}

impl Db {
    /// A store that keeps its items in this database.
    pub fn store(&self) -> DbStore {
        DbStore {
            db: self.clone(),
            durability: None,
            options: None,
        }
    }
}

impl DbStore {
    /// The same items, written with `durability` instead of the database's.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// The same items; what is put and searched for through this store is embedded by `embedder` instead of the database's. Of the
    /// vectors that there are, those of its name and dimension are compared.
    #[must_use]
    pub fn with_embedder(mut self, embedder: impl Embedder) -> Self {
        let options = self.options().clone().embedder(embedder);
        self.options = Some(Arc::new(options));
        self
    }

    pub(super) fn options(&self) -> &StoreOptions {
        let database = || self.db.store_options();
        self.options.as_deref().unwrap_or_else(database)
    }

    /// Answers `ops`, and says what is to be written for it, and how durably.
    #[expect(clippy::type_complexity, reason = "it has one caller")]
    fn answers(
        &self,
        ops: &[Op],
        embedded: &Embedded,
    ) -> Result<(Vec<Answer>, Vec<Record<Encoded>>, Option<Durability>), StoreError> {
        let changes = changes(ops, embedded)?;
        let mut reader = self.db.reader();
        let (rows, vectors) = match embedded.queries.is_empty() {
            true => (self.db.snapshot(), VectorTable::default()),
            false => self.db.snapshot_with_vectors()?,
        };
        let mut reading = Reading {
            rows: &rows,
            moments_by_time: false,
            value: |entry: &_| value(&mut reader, entry),
            vectors: &vectors,
            queries: &embedded.queries,
            options: self.options(),
            now: self.db.now(),
            touched: Vec::new(),
            explain: Explain::default(),
        };
        let answers = ops.iter().map(|op| reading.answer(op));
        let answers = answers.collect::<Result<_, _>>()?;
        let mut touched = reading.touched;
        touched.retain(|item| {
            let is_written =
                |of: &ItemChange| (&of.namespace, &of.key) == (&item.namespace, &item.key);
            !changes.iter().any(is_written)
        });
        // A refresh need not outlive a power cut.
        let durability = match changes.is_empty() {
            true => Some(Durability::Os),
            false => self.durability,
        };
        let mut records = self.db.item_records(changes)?;
        records.extend(touched.into_iter().map(Record::ItemTouched));
        Ok((answers, records, durability))
    }
}

impl Store for DbStore {
    fn batch(&self, ops: Vec<Op>) -> BoxFuture<'_, Result<Vec<Answer>, StoreError>> {
        let answered = async move {
            let embedded = Embedded::of(&ops, self.options()).await?;
            let (answers, records, durability) = self.answers(&ops, &embedded)?;
            let only_refreshes = (records.iter()).all(|of| matches!(of, Record::ItemTouched(_)));
            if records.is_empty() || only_refreshes && self.db.is_read_only() {
                return Ok(answers);
            }
            // Nothing refuses these.
            let submitted = (self.db).submit_shared(records, durability, || name_all(&ops))?;
            let _ = submitted.await?;
            Ok(answers)
        };
        probe::alive(answered).boxed()
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.db)
    }

    fn options(&self) -> Option<&StoreOptions> {
        Some(self.options())
    }
}

pub(super) fn value(reader: &mut Reader, entry: &ItemEntry<Place>) -> Result<Value, StoreError> {
    let value = reader.values([&entry.value])?.pop();
    let value = value.map_or(Ok(Value::Null), |value| value.to_json());
    Ok(value.map_err(|e| DbError::UnreadableValue {
        what: name(&entry.namespace, &entry.key),
        reason: e.to_string(),
    })?)
}

/// What errors call an item.
fn name(namespace: &[String], key: &str) -> String {
    format!("item `{key}` in namespace {namespace:?}")
}

fn name_all(ops: &[Op]) -> String {
    match ops {
        [Op::Put(put)] => name(&put.namespace, &put.key),
        [Op::Delete { namespace, key }] => name(namespace, key),
        ops => format!("a batch of {}", ops.len()),
    }
}
