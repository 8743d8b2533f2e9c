//! [`MemoryStore`]: items that last as long as the process.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::RwLock;
use serde_json::Value;

use crate::codec::{ItemExpired, ItemHistorySet, Record, fields_of, words_of};
use crate::db::{DbError, ItemClock, at_hand};
use crate::index::{
    Index, ItemEntry, Key, MemTables, Origin, Row, Snapshot, Unapplied, VectorTable,
};
use crate::item_vectors;
use crate::store::changes::changes;
use crate::store::embedding::Embedded;
use crate::store::reading::Reading;
use crate::store::{Answer, Explain, Op, Store, StoreError, StoreOptions};
use crate::vfs::{Host, OsHost};
use crate::{Encoded, ItemChange, time};

/// A [`Store`] that keeps everything in memory. Clones share what they keep.
///
/// For tests and for runs that need not survive their process; it answers exactly as the database
/// does.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    pub(super) kept: Arc<RwLock<Kept>>,
    pub(super) options: Arc<StoreOptions>,
}

/// A value that is kept.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Json(Arc<Value>),
    /// The vectors of texts. They are where they are compared.
    Vectors,
}

/// What there is to say, and what is to be noted of what was read.
pub(super) type Answered = (Vec<Answer>, Vec<Record<Held>>);

pub(super) type Tables = MemTables<Key, Row<Held>>;

/// With each write, what has expired is removed, at most so many items.
const SWEPT_AT_ONCE: usize = 16;

#[derive(Debug)]
pub(super) struct Kept {
    index: Index<Held, Tables>,
    clock: ItemClock,
    /// How many records there were.
    pub(super) lsn: u64,
    /// How many there were when it was last looked for what is not kept any more of what items were.
    trimmed: Option<u64>,
}

/// For how long it is kept what items were, if nothing is said.
const USUAL_HISTORY: Duration = Duration::from_secs(3600);
/// With so many records it is looked for what is not kept any more of what items were.
const TRIMMED_EACH: u64 = 4096;
/// So many rows of that are removed with each record.
const RECLAIMED: usize = 64;

impl Default for Kept {
    fn default() -> Self {
        let mut index = Index::default();
        // There are none yet.
        index.begin_vectors();
        index.finish_vectors(VectorTable::default());
        Self {
            index,
            clock: ItemClock::default(),
            lsn: 0,
            trimmed: None,
        }
    }
}

impl Kept {
    pub(super) fn now(&self) -> (Snapshot<Held, Tables>, VectorTable) {
        let vectors = self.index.vectors().cloned().unwrap_or_default();
        (self.index.snapshot(), vectors)
    }

    pub(super) fn apply(&mut self, record: Record<Held>) -> Result<(), StoreError> {
        self.lsn += 1;
        let origin = Origin {
            lsn: self.lsn,
            segment: 0,
            bytes: 0,
        };
        match self.index.apply(record, origin) {
            Err(Unapplied::Tables(error)) => Err(DbError::from(error).into()),
            Ok(()) | Err(Unapplied::Refused(_)) => Ok(()),
        }
    }

    fn record(
        &mut self,
        change: ItemChange,
        options: &StoreOptions,
    ) -> Result<Record<Held>, StoreError> {
        let at = self.clock.next(now());
        let before = self.index.snapshot().item(&change.namespace, &change.key);
        let before = before.map_err(DbError::from)?;
        let is_new = before.is_some_and(|item| item.is_expired(at));
        let mut record = change.into_record(options, at, is_new);
        if let Record::ItemPut(put) = &mut record {
            put.fields = Some(fields_of(&put.value, &put.index));
            put.ranked.words = Some(words_of(&put.value, &put.ranked.texts));
            put.ranked.at_hand = at_hand(put.ranked.vectors.as_ref());
        }
        let mut unreadable = None;
        let record = record.map(|value: Encoded| {
            if value.tag() == item_vectors::TAG {
                return Held::Vectors;
            }
            Held::Json(Arc::new(value.to_json().unwrap_or_else(|error| {
                unreadable = Some(error.to_string());
                Value::Null
            })))
        });
        match unreadable {
            None => Ok(record),
            Some(reason) => {
                let what = "a value that is to be kept".to_owned();
                Err(DbError::UnreadableValue { what, reason }.into())
            }
        }
    }

    /// Forgets what is not kept any more of what items were. The first time it says for how long that is.
    pub(super) fn trim(&mut self, options: &StoreOptions) -> Result<(), StoreError> {
        let now = now();
        let rules = self.index.snapshot().history_rules();
        let rules = rules.map_err(DbError::from)?;
        if self.trimmed.is_none() {
            for rule in options.new_rules(&rules, now) {
                self.apply(Record::ItemHistorySet(rule))?;
            }
        }
        for (prefix, _) in rules.all() {
            let Some(kept) = options.kept_past(prefix) else {
                continue;
            };
            let at = now.saturating_sub(kept);
            let until = self.index.snapshot().past_until(prefix, at);
            if let Some(lsn) = until.map_err(DbError::from)? {
                self.apply(Record::ItemHistorySet(ItemHistorySet {
                    namespace: prefix.to_vec(),
                    at,
                    since: Some(lsn),
                }))?;
            }
        }
        self.trimmed = Some(self.lsn);
        Ok(())
    }

    fn sweep(&mut self) -> Result<(), StoreError> {
        let expired = self.index.snapshot().expired_items(now(), SWEPT_AT_ONCE);
        for item in expired.map_err(DbError::from)? {
            self.apply(Record::ItemExpired(ItemExpired {
                namespace: item.namespace.to_vec(),
                key: item.key.to_string(),
                put: item.origin.lsn,
            }))?;
        }
        Ok(())
    }
}

impl MemoryStore {
    /// A store that keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that keeps nothing yet, with what holds for items that say nothing themselves.
    pub fn with_options(mut options: StoreOptions) -> Self {
        // Of what is replaced all the time there would be much in a week.
        options.usual_history = USUAL_HISTORY;
        Self {
            kept: Arc::default(),
            options: Arc::new(options),
        }
    }

    #[cfg(test)]
    pub(super) fn snapshot(&self) -> Snapshot<Held, Tables> {
        self.kept.read().index.snapshot()
    }

    /// How many rows the index has.
    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.kept.read().index.tables().len()
    }

    pub(super) fn answers(
        &self,
        rows: &Snapshot<Held, Tables>,
        vectors: &VectorTable,
        embedded: &Embedded,
        ops: &[Op],
    ) -> Result<Answered, StoreError> {
        let mut reading = Reading {
            rows,
            moments_by_time: true,
            value: |entry: &ItemEntry<Held>| {
                Ok(match &entry.value {
                    Held::Json(value) => (**value).clone(),
                    Held::Vectors => Value::Null,
                })
            },
            vectors,
            queries: &embedded.queries,
            options: &self.options,
            now: now(),
            touched: Vec::new(),
            explain: Explain::default(),
        };
        let answers = ops.iter().map(|op| reading.answer(op));
        let answers = answers.collect::<Result<_, _>>()?;
        let touched = reading.touched.into_iter().map(Record::ItemTouched);
        Ok((answers, touched.collect()))
    }

    fn do_all(&self, ops: &[Op], embedded: &Embedded) -> Result<Vec<Answer>, StoreError> {
        let changes = changes(ops, embedded)?;
        if changes.is_empty() {
            let (rows, vectors) = self.kept.read().now();
            let (answers, touched) = self.answers(&rows, &vectors, embedded, ops)?;
            if !touched.is_empty() {
                let mut kept = self.kept.write();
                (touched.into_iter()).try_for_each(|record| kept.apply(record))?;
            }
            return Ok(answers);
        }
        let mut kept = self.kept.write();
        let lsn = kept.lsn;
        if (kept.trimmed).is_none_or(|trimmed| lsn.saturating_sub(trimmed) >= TRIMMED_EACH) {
            kept.trim(&self.options)?;
        }
        let (rows, vectors) = kept.now();
        let (answers, touched) = self.answers(&rows, &vectors, embedded, ops)?;
        // All of them are made before the first is applied.
        let changed = changes.into_iter();
        let changed = changed.map(|change| kept.record(change, &self.options));
        let changed = changed.collect::<Result<Vec<_>, _>>()?;
        let mut records = touched.into_iter().chain(changed);
        records.try_for_each(|record| kept.apply(record))?;
        kept.sweep()?;
        kept.index.reclaim(RECLAIMED).map_err(DbError::from)?;
        Ok(answers)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_options(StoreOptions::default())
    }
}

impl Store for MemoryStore {
    fn batch(&self, ops: Vec<Op>) -> BoxFuture<'_, Result<Vec<Answer>, StoreError>> {
        async move {
            let embedded = Embedded::of(&ops, &self.options).await?;
            self.do_all(&ops, &embedded)
        }
        .boxed()
    }
}

fn now() -> u64 {
    time::to_micros(OsHost.system_time())
}
