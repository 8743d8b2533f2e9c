//! Items by the words that they have of the query: BM25.

use std::collections::HashSet;

use serde_json::Value;

use super::Only;
use super::list::{List, Numbered, Scored};
use crate::db::DbError;
use crate::index::{ItemEntry, Key, Row, Rows};
use crate::item_words::query_words;
use crate::store::planner::wide;
use crate::store::reading::Reading;
use crate::store::{Search, StoreError};

/// How soon more of the same word counts for less, and how much a long text counts for less.
const K1: f64 = 1.2;
const B: f64 = 0.75;

impl<H, T, V> Reading<'_, H, T, V>
where
    H: Clone,
    T: Rows<Key, Row<H>>,
    V: FnMut(&ItemEntry<H>) -> Result<Value, StoreError>,
{
    /// The items that have a word of the query. How rare a word is, and how long texts are, is that of the items below the prefix, whatever the filter
    /// says.
    pub(super) fn by_words(
        &mut self,
        search: &Search,
        query: &str,
        only: &Only<H>,
    ) -> Result<List, StoreError> {
        let count = self.rows.word_count(&search.prefix);
        let mut count = count.map_err(DbError::from)?;
        // What has expired may be there yet, which must not show.
        let expired = self.rows.expired_items(self.now, usize::MAX);
        let mut gone: HashSet<u64> = HashSet::new();
        for entry in expired.map_err(DbError::from)? {
            if entry.words > 0 && entry.namespace.starts_with(&search.prefix) {
                count.items = count.items.saturating_sub(1);
                count.words = count.words.saturating_sub(u64::from(entry.words));
                gone.insert(entry.place);
            }
        }
        let only: Option<HashSet<u64>> = only
            .as_ref()
            .map(|only| only.values().map(|entry| entry.place).collect());
        let items = real(count.items);
        let mean = (real(count.words) / items.max(1.0)).max(1.0);
        let mut scores: Vec<(u64, f64)> = Vec::new();
        for word in query_words(query) {
            let mut having = Vec::new();
            let read = (self.rows).items_with_word(&word, &search.prefix, |item, posting| {
                having.push((item, posting));
            });
            self.explain.rows_read += read.map_err(DbError::from)?;
            if !gone.is_empty() {
                having.retain(|(item, _)| !gone.contains(item));
            }
            let with = real(wide(having.len()));
            let rarity = (1.0 + (items - with + 0.5) / (with + 0.5)).ln();
            if let Some(only) = &only {
                having.retain(|(item, _)| only.contains(item));
            }
            scores.extend(having.into_iter().map(|(item, posting)| {
                let (count, length) = (f64::from(posting.count), f64::from(posting.length));
                let often = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / mean));
                (item, rarity * often)
            }));
        }
        // Equal ones stay in the order of the words, so that the same words always make the same sum.
        scores.sort_by_key(|(item, _)| *item);
        let list = scores.chunk_by(|a, b| a.0 == b.0).filter_map(|words| {
            let (item, _) = words.first()?;
            let score = words.iter().map(|(_, score)| score).sum();
            Some(Scored { score, item: *item })
        });
        let wanted = wide(search.limit.saturating_add(search.offset));
        let sizes = (count.items, wanted);
        let list = Numbered::new(&search.prefix, sizes, list.collect());
        Ok(List::Numbered(Box::new(list)))
    }
}

/// Exact up to 2^53.
fn real(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}
