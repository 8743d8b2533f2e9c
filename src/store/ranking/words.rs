//! Items by the words that they have of the query: BM25.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::{List, Only, Scored};
use crate::db::DbError;
use crate::index::{ItemEntry, ItemName, Key, Row, Rows};
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
        let mut gone: HashSet<ItemName> = HashSet::new();
        for entry in expired.map_err(DbError::from)? {
            if entry.words > 0 && entry.namespace.starts_with(&search.prefix) {
                count.items = count.items.saturating_sub(1);
                count.words = count.words.saturating_sub(u64::from(entry.words));
                gone.insert((Arc::clone(&entry.namespace), Arc::clone(&entry.key)));
            }
        }
        let items = real(count.items);
        let mean = (real(count.words) / items.max(1.0)).max(1.0);
        let mut scores: HashMap<ItemName, f64> = HashMap::new();
        for word in query_words(query) {
            let mut having = Vec::new();
            let visited =
                self.rows
                    .items_with_word(&word, &search.prefix, |namespace, key, posting| {
                        let item = (Arc::clone(namespace), Arc::clone(key));
                        if gone.is_empty() || !gone.contains(&item) {
                            having.push((item, posting));
                        }
                    });
            visited.map_err(DbError::from)?;
            self.explain.rows_read += wide(having.len());
            let with = real(wide(having.len()));
            let rarity = (1.0 + (items - with + 0.5) / (with + 0.5)).ln();
            for (item, posting) in having {
                if only.as_ref().is_some_and(|only| !only.contains_key(&item)) {
                    continue;
                }
                let (count, length) = (f64::from(posting.count), f64::from(posting.length));
                let often = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / mean));
                *scores.entry(item).or_default() += rarity * often;
            }
        }
        let scores = scores.into_iter();
        let list: Vec<_> = scores.map(|(item, score)| Scored { score, item }).collect();
        Ok(list.into())
    }
}

/// Exact up to 2^53.
fn real(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}
