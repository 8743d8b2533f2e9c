//! Ranking: the items that a query finds, best first.

mod list;
mod meaning;
mod words;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use self::list::{List, Scored};
use crate::db::DbError;
use crate::index::{ItemEntry, ItemName, Key, Row, Rows, TablesError};
use crate::store::planner::{Planner, may_satisfy, wide};
use crate::store::reading::Reading;
use crate::store::{Page, Ranking, Score, Search, StoreError, StoreOptions};

/// What each rank counts with [`Mode::Both`] is one part of this and the rank.
const FUSED: f64 = 60.0;
/// So many ranks of each list count.
const FUSED_RANKS: usize = 1000;

/// What a query is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Meaning,
    Words,
    Both,
}

impl Mode {
    /// The query of `search`, if it has one, and how it ranks.
    pub(super) fn of<'s>(
        search: &'s Search,
        options: &StoreOptions,
    ) -> Result<Option<(&'s str, Self)>, StoreError> {
        let Some(query) = search.query.as_deref().filter(|query| !query.is_empty()) else {
            return Ok(None);
        };
        let embeds = options.embeds_with().is_some();
        let has_words = cfg!(feature = "words");
        let no = |reason| {
            let query = query.to_owned();
            Err(StoreError::CannotRank { query, reason })
        };
        if search.as_of.is_some() {
            return no("items are ranked as they are now: leave out `Search::as_of`, or the query");
        }
        let mode = match search.ranking {
            Ranking::Auto if embeds => Self::Meaning,
            Ranking::Auto if !options.has_texts() => {
                return no(
                    "no texts are searched: name them with `StoreOptions::texts`, or give it an embedder",
                );
            }
            Ranking::Meaning => Self::Meaning,
            Ranking::Auto | Ranking::Words => Self::Words,
            Ranking::Both => Self::Both,
        };
        if mode != Self::Words && !embeds {
            return no("there is no embedder: give one to `StoreOptions::embedder`");
        }
        if mode != Self::Meaning && !has_words {
            return no("words are not indexed: build stepwell with its feature `words`");
        }
        Ok(Some((query, mode)))
    }
}

/// The items that may satisfy the filter, if the index has told.
type Only<H> = Option<HashMap<ItemName, Arc<ItemEntry<H>>>>;

impl<H, T, V> Reading<'_, H, T, V>
where
    H: Clone,
    T: Rows<Key, Row<H>>,
    V: FnMut(&ItemEntry<H>) -> Result<Value, StoreError>,
{
    /// The items that `search` selects, in the order of what `query` scores them.
    pub(super) fn ranked(
        &mut self,
        search: &Search,
        query: &str,
        mode: Mode,
    ) -> Result<Page, StoreError> {
        if let Some(cursor) = &search.after {
            return Err(StoreError::InvalidCursor {
                cursor: cursor.to_string(),
                reason: "a search with a query has no cursors: use `Search::offset`",
            });
        }
        let only = self.only(search).map_err(DbError::from)?;
        #[cfg(feature = "ann")]
        if mode == Mode::Meaning
            && let Some(page) = self.nearly_ranked(search, query, &only)?
        {
            return Ok(page);
        }
        let list = self.list(search, query, mode, &only)?;
        let mut listed: HashSet<ItemName> = HashSet::new();
        let mut to_skip = search.offset;
        let mut page = self.page_of(search, query, mode, list, (&mut listed, &mut to_skip))?;
        if mode == Mode::Words || page.items.len() >= search.limit {
            return Ok(page);
        }
        // What has no score follows.
        let mut rest = self.found(search)?;
        rest.retain(|entry| {
            let item = (Arc::clone(&entry.namespace), Arc::clone(&entry.key));
            match mode {
                Mode::Both => !listed.contains(&item),
                Mode::Meaning | Mode::Words => !self.is_compared(query, &item),
            }
        });
        self.sort(search.order, &mut rest);
        let needs = search.filter.needs();
        for entry in rest.iter().filter(|entry| may_satisfy(entry, &needs)) {
            if page.items.len() >= search.limit {
                break;
            }
            self.take(search, entry, None, &mut to_skip, &mut page)?;
        }
        Ok(page)
    }

    /// The same by meaning with a graph, if it finds as many as are wanted.
    #[cfg(feature = "ann")]
    fn nearly_ranked(
        &mut self,
        search: &Search,
        query: &str,
        only: &Only<H>,
    ) -> Result<Option<Page>, StoreError> {
        let Some(list) = self.near(search, query, only) else {
            return Ok(None);
        };
        let touched = self.touched.len();
        let (mut listed, mut to_skip) = (HashSet::new(), search.offset);
        let so_far = (&mut listed, &mut to_skip);
        let page = self.page_of(search, query, Mode::Meaning, list, so_far)?;
        if page.items.len() < search.limit {
            self.touched.truncate(touched);
            return Ok(None);
        }
        self.explain.approximate = true;
        Ok(Some(page))
    }

    /// The first of `list` that are there and satisfy the filter, as many as are wanted. Notes all it has looked at.
    fn page_of(
        &mut self,
        search: &Search,
        query: &str,
        mode: Mode,
        mut list: List,
        (listed, to_skip): (&mut HashSet<ItemName>, &mut usize),
    ) -> Result<Page, StoreError> {
        let needs = search.filter.needs();
        let mut page = Page::default();
        while page.items.len() < search.limit {
            let next = list.next(self.rows).map_err(DbError::from)?;
            let Some(Scored { score, item }) = next else {
                break;
            };
            let Some(entry) = self.rows.item(&item.0, &item.1).map_err(DbError::from)? else {
                continue;
            };
            listed.insert(item.clone());
            if !may_satisfy(&entry, &needs) {
                continue;
            }
            let fields = match mode {
                Mode::Meaning => self.field_scores(query, &item),
                Mode::Words | Mode::Both => Vec::new(),
            };
            let score = Some(Score {
                value: score,
                fields,
            });
            self.take(search, &entry, score, to_skip, &mut page)?;
        }
        Ok(page)
    }

    /// How many items a search by words finds.
    pub(super) fn count_ranked(&mut self, search: &Search, query: &str) -> Result<u64, StoreError> {
        let only = self.only(search).map_err(DbError::from)?;
        let list = self.list(search, query, Mode::Words, &only)?;
        let found = self.best(search, list, usize::MAX)?;
        Ok(wide(found.len()))
    }

    /// All that `query` scores, with `Both` only what satisfies the filter.
    fn list(
        &mut self,
        search: &Search,
        query: &str,
        mode: Mode,
        only: &Only<H>,
    ) -> Result<List, StoreError> {
        Ok(match mode {
            Mode::Meaning => self.by_meaning(search, query, only),
            Mode::Words => self.by_words(search, query, only)?,
            Mode::Both => {
                let lists = [
                    self.by_meaning(search, query, only),
                    self.by_words(search, query, only)?,
                ];
                let mut fused: HashMap<ItemName, f64> = HashMap::new();
                for list in lists {
                    let best = self.best(search, list, FUSED_RANKS)?;
                    for (rank, item) in (1_u32..).zip(best) {
                        *fused.entry(item).or_default() += 1.0 / (FUSED + f64::from(rank));
                    }
                }
                let fused = fused.into_iter();
                List::of(fused.map(|(item, score)| Scored { score, item }).collect())
            }
        })
    }

    /// The items that may satisfy the filter, if the index is the way to find them.
    fn only(&mut self, search: &Search) -> Result<Only<H>, TablesError> {
        let needs = search.filter.needs();
        if needs.is_empty() {
            return Ok(None);
        }
        // The best of all are wanted.
        let all = Search {
            limit: usize::MAX,
            ..search.clone()
        };
        let mut planner = Planner::new(self.rows, &search.prefix, self.now, &mut self.explain)?;
        let found = planner.find(&all, &needs)?;
        Ok(found.map(|found| {
            let name = |entry: Arc<ItemEntry<H>>| {
                let item = (Arc::clone(&entry.namespace), Arc::clone(&entry.key));
                (item, entry)
            };
            found.into_iter().map(name).collect()
        }))
    }

    /// The first of a list that are there and satisfy the filter.
    fn best(
        &mut self,
        search: &Search,
        mut list: List,
        limit: usize,
    ) -> Result<Vec<ItemName>, StoreError> {
        let needs = search.filter.needs();
        let mut best = Vec::new();
        while best.len() < limit {
            let next = list.next(self.rows).map_err(DbError::from)?;
            let Some(Scored { item, .. }) = next else {
                break;
            };
            let entry = self.rows.item(&item.0, &item.1).map_err(DbError::from)?;
            let Some(entry) = entry.filter(|entry| !entry.is_expired(self.now)) else {
                continue;
            };
            if !may_satisfy(&entry, &needs) {
                continue;
            }
            if !search.filter.is_empty() {
                self.explain.values_read += 1;
                if !search.filter.matches(&(self.value)(&entry)?) {
                    continue;
                }
            }
            best.push(item);
        }
        Ok(best)
    }

    /// Takes the next item, if it is there and satisfies the filter.
    fn take(
        &mut self,
        search: &Search,
        entry: &ItemEntry<H>,
        score: Option<Score>,
        to_skip: &mut usize,
        page: &mut Page,
    ) -> Result<(), StoreError> {
        if entry.is_expired(self.now) {
            return Ok(());
        }
        if *to_skip > 0 && search.filter.is_empty() {
            *to_skip -= 1;
            return Ok(());
        }
        self.explain.values_read += 1;
        let value = (self.value)(entry)?;
        if !search.filter.matches(&value) {
            return Ok(());
        }
        if *to_skip > 0 {
            *to_skip -= 1;
            return Ok(());
        }
        let mut item = self.read(entry, value, search.refresh_ttl);
        item.score = score;
        page.items.push(item);
        Ok(())
    }
}
