//! What a database does for its items beside keeping them: telling the time, and removing what has expired.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use crate::Encoded;
use crate::codec::{ItemExpired, Moved, Record, Stored, fields_of, words_of};
use crate::db::{Db, DbError, Periodic};
use crate::item_change::ItemChange;
use crate::item_vectors::ItemVectors;
use crate::store_options::StoreOptions;

/// So many items are removed with one commit.
const SWEPT_AT_ONCE: usize = 256;
/// How long after it has expired an item is removed: whoever read it just before may still be refreshing it.
const GRACE: Duration = Duration::from_secs(10);

/// What a database knows of its items beside its index.
#[derive(Debug, Default)]
pub(super) struct Items {
    options: OnceLock<StoreOptions>,
    clock: ItemClock,
    /// Whether there may be items that expire.
    expire: AtomicBool,
    /// Held by whoever makes the vectors of items known.
    pub(super) reading_vectors: Mutex<()>,
    /// Whether the log says of which items it is kept what they were, as the options do.
    pub(super) history: AtomicBool,
    /// Ends before the log does.
    sweeper: Mutex<Option<Periodic>>,
}

/// The times of items: no two changes have the same, as long as the store is open.
///
/// It begins with the system's clock each time: if that was set back meanwhile, what is put then is taken for older than it is, in the order and by moments by
/// time, as in LangGraph's stores on SQL, which have the server's clock. Which put wins, and what there was at a checkpoint, goes by LSNs.
#[derive(Debug, Default)]
pub(crate) struct ItemClock(AtomicU64);

impl ItemClock {
    /// `now`, in microseconds since the Unix epoch, or a little later.
    pub(crate) fn next(&self, now: u64) -> u64 {
        let next = |last: u64| now.max(last.saturating_add(1));
        let last = (self.0).fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
            Some(next(last))
        });
        last.map_or(now, next)
    }
}

/// Vectors that are put.
pub(crate) fn at_hand(vectors: Option<&Encoded>) -> Option<Arc<ItemVectors>> {
    ItemVectors::decode(vectors?.bytes()).map(Arc::new)
}

impl Items {
    /// Ends what is done in the background.
    pub(super) fn stop(&self) {
        let sweeper = self.sweeper.lock().take();
        drop(sweeper);
    }
}

impl Db {
    /// What holds for items that say nothing themselves.
    pub(crate) fn store_options(&self) -> &StoreOptions {
        self.items().options.get_or_init(StoreOptions::default)
    }

    /// Begins with `options`, which nobody has asked for yet.
    pub(super) fn begin_items(&self, options: StoreOptions) {
        // It is set once, when the database is opened.
        let _ = self.items().options.set(options);
        // Whoever needs what cannot be read now will be told.
        let snapshot = self.snapshot();
        if snapshot.has_expiring_items().unwrap_or(true) {
            self.items().expire.store(true, Ordering::Release);
            self.expect_sweeps();
        }
        if snapshot.has_past_items().unwrap_or(true) {
            self.expect_sweeps();
        }
    }

    /// The records of changes that are made now, in this order.
    pub(crate) fn item_records(
        &self,
        changes: Vec<ItemChange>,
    ) -> Result<Vec<Record<Encoded>>, DbError> {
        if !changes.is_empty() {
            self.begin_history()?;
        }
        let now = changes.into_iter().map(|change| {
            let at = self.items().clock.next(self.now());
            (change, at, None)
        });
        self.item_records_at(now)
    }

    /// The records of items that were put elsewhere, at the times that they have there: when they were put last, when first, and when they expire.
    pub(crate) fn moved_records(
        &self,
        items: Vec<(ItemChange, u64, Moved)>,
    ) -> Result<Vec<Record<Encoded>>, DbError> {
        if !items.is_empty() {
            self.begin_history()?;
        }
        let items = items.into_iter();
        self.item_records_at(items.map(|(change, at, moved)| (change, at, Some(moved))))
    }

    fn item_records_at(
        &self,
        changes: impl Iterator<Item = (ItemChange, u64, Option<Moved>)>,
    ) -> Result<Vec<Record<Encoded>>, DbError> {
        let items = self.items();
        let snapshot = (items.expire.load(Ordering::Acquire)).then(|| self.snapshot());
        let records = changes.map(|(change, at, moved)| {
            let is_new = match &snapshot {
                Some(rows) if change.value.is_some() => (rows
                    .item(&change.namespace, &change.key)?)
                .is_some_and(|item| item.is_expired(at)),
                _ => false,
            };
            let mut record = change.into_record(self.store_options(), at, is_new);
            if let Record::ItemPut(put) = &mut record {
                put.moved = moved;
                put.fields = Some(fields_of(&put.value, &put.index));
                put.ranked.words = Some(words_of(&put.value, &put.ranked.texts));
                put.ranked.at_hand = at_hand(put.ranked.vectors.as_ref());
                if put.lifetime.is_some() {
                    items.expire.store(true, Ordering::Release);
                    self.expect_sweeps();
                }
            }
            Ok(record)
        });
        records.collect()
    }

    /// Has a thread look for what has expired, or is not kept any more, from now on.
    pub(super) fn expect_sweeps(&self) {
        let items = self.items();
        let mut sweeper = items.sweeper.lock();
        if sweeper.is_some() || self.is_read_only() {
            return;
        }
        let (weak, interval) = (self.downgrade(), self.store_options().sweep_interval);
        let started = Periodic::start("stepwell-items", move |pace| {
            let mut trimmed = 0;
            while pace.rest(interval) {
                let Some(db) = weak.upgrade() else { return };
                let goes_on = || pace.rest(Duration::from_millis(1)) && weak.is_held();
                let mut swept = db.sweep_items(goes_on);
                if weak.is_held() && db.now().saturating_sub(trimmed) >= db.trim_interval() {
                    trimmed = db.now();
                    swept = swept.and(db.trim_item_history());
                }
                if let Err(error) = swept {
                    tracing::warn!(%error, "items that have expired are removed another time");
                }
            }
        });
        match started {
            Ok(periodic) => *sweeper = Some(periodic),
            Err(error) => tracing::warn!(%error, "items that have expired will not be removed"),
        }
    }

    /// Removes the items of the store that have expired, but for those that did so just now, as it is done in the background. Nobody finds
    /// them in any case; this is for their space.
    ///
    /// # Errors
    /// [`DbError::Log`] if writing failed, now or before; [`DbError::Index`]; [`DbError::ReadOnly`]; [`DbError::Closed`].
    pub fn remove_expired_items(&self) -> Result<(), DbError> {
        self.sweep_items(|| true)
    }

    /// The same, as long as `goes_on` says so between two portions.
    fn sweep_items(&self, goes_on: impl Fn() -> bool) -> Result<(), DbError> {
        let grace = GRACE.min(self.store_options().sweep_interval);
        let grace = u64::try_from(grace.as_micros()).unwrap_or(u64::MAX);
        loop {
            let until = self.now().saturating_sub(grace);
            let expired = self.snapshot().expired_items(until, SWEPT_AT_ONCE)?;
            let count = expired.len();
            if count > 0 {
                let records = expired.iter().map(|item| {
                    Record::<Stored>::ItemExpired(ItemExpired {
                        namespace: item.namespace.to_vec(),
                        key: item.key.to_string(),
                        put: item.origin.lsn,
                    })
                });
                // What was put again meanwhile refuses those behind it, which are found again.
                let _ = self
                    .submit(records.collect(), None, || "expired items".to_owned())?
                    .wait()?;
            }
            if count < SWEPT_AT_ONCE || !goes_on() {
                return Ok(());
            }
        }
    }
}
