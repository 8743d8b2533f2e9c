//! [`Search`] and [`ListNamespaces`]: which items or namespaces are wanted.

use crate::store::{Cursor, Filter, Moment};

/// The order in which items are found. Where it leaves two items equal, the lesser namespace and then the lesser key comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By the time of the last put, newest first.
    #[default]
    Updated,
    /// By the time of creation, oldest first. A later put does not move an item.
    Created,
    /// By namespace, label by label, and key.
    Key,
}

/// By what a query ranks items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ranking {
    /// By meaning if the store has an [embedder](crate::store::StoreOptions::embedder), by words otherwise.
    #[default]
    Auto,
    /// By how near the vectors of an item's texts are to the query's, the nearest text counting. All of them are compared. Items without
    /// vectors of the embedder's model follow without a score.
    Meaning,
    /// By the words of the query that an item's texts have (BM25, k1 = 1.2, b = 0.75). A word counts for the more the fewer items below the search's
    /// prefix have it, and for the less the longer the item's texts are compared with theirs; an item's texts count as one.
    /// Items without any of the words are not found.
    Words,
    /// By both: an item's score is the sum of 1 / (60 + its rank) in each of the two orders (reciprocal rank fusion), of which the first
    /// 1,000 items that satisfy the filter count. All others follow without a score.
    Both,
}

/// Which items [`Store::search`](crate::store::Store::search) and its like want.
#[derive(Clone, Debug)]
pub struct Search {
    /// Only items in this namespace or below it, compared by whole labels. Empty: all.
    pub prefix: Vec<String>,
    /// Only items whose value satisfies this.
    pub filter: Filter,
    /// What they are ranked by; `None` or empty: they are in their order.
    pub query: Option<String>,
    /// How the query ranks them.
    pub ranking: Ranking,
    /// Which come first. With a query, which of those without a score.
    pub order: Order,
    /// Only what comes after this place in the order. A search with a query has no such places.
    pub after: Option<Cursor>,
    /// At most so many; 10 by default.
    pub limit: usize,
    /// Skip so many first.
    pub offset: usize,
    /// Whether items that are found, and expire, live as long again from now on; `None`: as the store's
    /// [options](crate::store::StoreOptions::refresh_on_read) say.
    pub refresh_ttl: Option<bool>,
    /// Items as they were then, instead of now. All of them below the prefix are looked through, and nothing is refreshed. Not with a query.
    pub as_of: Option<Moment>,
}

impl Search {
    /// The first 10 items at or below `prefix`.
    pub fn new(prefix: &[&str]) -> Self {
        Self {
            prefix: prefix.iter().map(ToString::to_string).collect(),
            filter: Filter::default(),
            query: None,
            ranking: Ranking::default(),
            order: Order::default(),
            after: None,
            limit: 10,
            offset: 0,
            refresh_ttl: None,
            as_of: None,
        }
    }

    /// Items as they were at a moment.
    #[must_use]
    pub fn as_of(mut self, moment: Moment) -> Self {
        self.as_of = Some(moment);
        self
    }

    /// Only items whose value satisfies `filter`.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// The items that `query` ranks best, with their [scores](crate::store::Item::score). Of equal ones the lesser namespace and then the
    /// lesser key comes first.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self
    }

    /// How the query ranks the items.
    #[must_use]
    pub fn ranking(mut self, ranking: Ranking) -> Self {
        self.ranking = ranking;
        self
    }

    /// The items in this order.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// What comes after the page that ended with `cursor`, which was found in the same order.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// At most `limit` items.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Skips the first `offset` items.
    #[must_use]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// Whether items that are found live as long again from now on.
    #[must_use]
    pub fn refresh_ttl(mut self, refresh: bool) -> Self {
        self.refresh_ttl = Some(refresh);
        self
    }
}

/// Which namespaces [`Store::list_namespaces`](crate::store::Store::list_namespaces) returns.
#[derive(Clone, Debug)]
pub struct ListNamespaces {
    /// Only namespaces at or below this one, label by label without wildcards. `prefix`, `suffix` and `max_depth` are about the labels
    /// behind it.
    pub within: Vec<String>,
    /// Only namespaces that begin with these labels; `*` is any label.
    pub prefix: Vec<String>,
    /// Only namespaces that end with these labels; `*` is any label.
    pub suffix: Vec<String>,
    /// Cut longer namespaces to so many labels.
    pub max_depth: Option<usize>,
    /// At most so many; 100 by default.
    pub limit: usize,
    /// Skip so many first.
    pub offset: usize,
}

impl Default for ListNamespaces {
    fn default() -> Self {
        Self {
            within: Vec::new(),
            prefix: Vec::new(),
            suffix: Vec::new(),
            max_depth: None,
            limit: 100,
            offset: 0,
        }
    }
}

impl ListNamespaces {
    /// A namespace that all that are wanted are at or below.
    pub(super) fn below(&self) -> Vec<String> {
        let known = self.prefix.iter().take_while(|label| *label != "*");
        self.within.iter().chain(known).cloned().collect()
    }
}
