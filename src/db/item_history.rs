//! What items were: saying in the log for how long that is kept, and when something of it is not any more.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::codec::{ItemHistorySet, Record, Stored};
use crate::db::{Db, DbError};
use crate::index::{HistoryRules, made_at};
use crate::moment::Moment;
use crate::store_options::StoreOptions;

/// What is kept for a time is kept for a part of that longer, but not for more than the interval.
const LONGER_BY_PART: u64 = 32;
const MAX_INTERVAL: Duration = Duration::from_secs(3600);

impl StoreOptions {
    /// What is to be said at `now`, where `rules` are those that were said before.
    pub(crate) fn new_rules(&self, rules: &HistoryRules, now: u64) -> Vec<ItemHistorySet> {
        let mut prefixes: Vec<_> = self.with_history().collect();
        if rules.all().next().is_none() {
            // What holds where nothing is said.
            prefixes.push(&[]);
        }
        prefixes.sort_unstable();
        prefixes.dedup();
        let differs = |prefix: &&[String]| {
            let before = rules.all().find(|(of, _)| ***of == **prefix);
            match before {
                Some((_, since)) => since.is_some() != self.kept_past(prefix).is_some(),
                None => true,
            }
        };
        let new = prefixes.into_iter().filter(differs);
        new.map(|prefix| ItemHistorySet {
            namespace: prefix.to_vec(),
            at: now,
            since: self.kept_past(prefix).map(|_| 0),
        })
        .collect()
    }
}

impl Db {
    /// Says what the options say of what items were, if the log says otherwise. Before the first change of an item.
    pub(super) fn begin_history(&self) -> Result<(), DbError> {
        if self.items().history.load(Ordering::Acquire) {
            return Ok(());
        }
        let rules = self.snapshot().history_rules()?;
        let new = self.store_options().new_rules(&rules, self.now());
        if !new.is_empty() {
            let records = new.into_iter().map(Record::<Stored>::ItemHistorySet);
            // What comes behind it is not acknowledged before it.
            drop(self.submit(records.collect(), None, || {
                "the history of items".to_owned()
            })?);
        }
        self.items().history.store(true, Ordering::Release);
        if self.store_options().keeps_any_past() {
            self.expect_sweeps();
        }
        Ok(())
    }

    /// Forgets what items were, as far as it is kept for [long enough](StoreOptions::history), as it is done in the background: that is, at most 1/32 of
    /// that time, and at most an hour, later than it says.
    ///
    /// # Errors
    /// [`DbError::Log`] if writing failed, now or before; [`DbError::Index`]; [`DbError::ReadOnly`]; [`DbError::Closed`].
    pub fn trim_item_history(&self) -> Result<(), DbError> {
        self.begin_history()?;
        let snapshot = self.snapshot();
        let rules = snapshot.history_rules()?;
        let mut records = Vec::new();
        for (prefix, _) in rules.all() {
            let Some(kept) = self.store_options().kept_past(prefix) else {
                continue;
            };
            let at = self.now().saturating_sub(kept);
            if let Some(lsn) = snapshot.past_until(prefix, at)? {
                records.push(Record::<Stored>::ItemHistorySet(ItemHistorySet {
                    namespace: prefix.to_vec(),
                    at,
                    since: Some(lsn),
                }));
            }
        }
        if !records.is_empty() {
            let _ = self
                .submit(records, None, || "the history of items".to_owned())?
                .wait()?;
        }
        Ok(())
    }

    /// How often that is worth it, in microseconds.
    pub(super) fn trim_interval(&self) -> u64 {
        let options = self.store_options();
        let prefixes = options.with_history().chain([[].as_slice()]);
        let kept = prefixes.filter_map(|prefix| options.kept_past(prefix));
        let shortest = kept.min().unwrap_or(u64::MAX) / LONGER_BY_PART;
        shortest.min(u64::try_from(MAX_INTERVAL.as_micros()).unwrap_or(u64::MAX))
    }

    /// The moment at which a checkpoint was put, or the latest of the thread: for what the [store](crate::store) was then
    /// ([`Store::get_as_of`](crate::store::Store::get_as_of)). What was put into the store together with the checkpoint was there. `None` if there is no such checkpoint.
    ///
    /// # Errors
    /// [`DbError::UnreadableValue`] if neither its time nor its id says when it was made: what had expired then could not be told. [`DbError::Index`];
    /// [`DbError::Closed`].
    pub fn moment(
        &self,
        thread: &str,
        namespace: &str,
        checkpoint: Option<&str>,
    ) -> Result<Option<Moment>, DbError> {
        let Some(found) = self.snapshot().get(thread, namespace, checkpoint, false)? else {
            return Ok(None);
        };
        let at = found.entry.ts.micros().or_else(|| made_at(&found.id));
        Ok(Some(Moment {
            lsn: Some(found.entry.moment),
            at: at.ok_or_else(|| DbError::timeless(thread, &found.id))?,
        }))
    }
}
