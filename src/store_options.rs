//! [`StoreOptions`]: what holds for items that say nothing themselves.
//!
//! This module must never know where items are kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::embedder::{Embedder, Metric};
use crate::text_fields::TextFields;

/// How long an item is remembered, counted from its last put, or its last read if reads refresh it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ttl {
    /// As long as the store's [options](StoreOptions::ttl) say for the namespace.
    #[default]
    Default,
    /// Until it is deleted.
    Never,
    /// For so long, to the microsecond.
    After(Duration),
}

/// Which fields of an item's value are in the store's index. Searches find the same items either way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IndexedFields {
    /// All that hold a number, a string or a truth value, within bounds.
    #[default]
    All,
    /// Those with these paths, and no others. A path is written as in a [`Filter`](crate::store::Filter).
    Only(Vec<String>),
}

impl IndexedFields {
    /// No fields.
    pub const NONE: Self = Self::Only(Vec::new());
}

/// What holds for items that say nothing themselves, by namespace, and how what has expired is removed.
///
/// It is not stored: each open of a database may say something else, which then holds for what is put, and read, from then on. Of several
/// rules for one thing the one with the longest prefix counts, of equal ones the last.
///
/// ```
/// use std::time::Duration;
/// use stepwell::store::{IndexedFields, MemoryStore, StoreOptions};
///
/// let options = StoreOptions::default()
///     .ttl(&["sessions"], Some(Duration::from_secs(3600)))
///     .refresh_on_read(&["sessions", "audit"], false)
///     .index(&["documents"], IndexedFields::Only(vec!["author".into(), "year".into()]));
/// let store = MemoryStore::with_options(options);
/// # drop(store);
/// ```
#[derive(Clone)]
pub struct StoreOptions {
    ttl: Rules<Option<Duration>>,
    refresh: Rules<bool>,
    index: Rules<IndexedFields>,
    texts: Rules<TextFields>,
    embedder: Option<Arc<dyn Embedder>>,
    pub(crate) metric: Metric,
    #[cfg(feature = "ann")]
    pub(crate) approximate_above: Option<usize>,
    history: Rules<Option<Duration>>,
    /// What holds for it where nothing is said.
    pub(crate) usual_history: Duration,
    pub(crate) sweep_interval: Duration,
}

/// By prefix of the namespace.
type Rules<T> = Vec<(Box<[String]>, T)>;

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            ttl: Vec::new(),
            refresh: Vec::new(),
            index: Vec::new(),
            texts: Vec::new(),
            embedder: None,
            metric: Metric::default(),
            #[cfg(feature = "ann")]
            approximate_above: Some(50_000),
            history: Vec::new(),
            usual_history: Duration::from_secs(7 * 24 * 3600),
            sweep_interval: Duration::from_secs(60),
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("ttl", &self.ttl)
            .field("refresh_on_read", &self.refresh)
            .field("index", &self.index)
            .field("texts", &self.texts)
            .field("embedder", &self.embedder.as_ref().map(|of| of.name()))
            .field("metric", &self.metric)
            .field("history", &self.history)
            .field("usual_history", &self.usual_history)
            .field("sweep_interval", &self.sweep_interval)
            .finish()
    }
}

impl StoreOptions {
    /// How long items in `prefix` or below are remembered; `None`, as without a rule: until they are deleted.
    #[must_use]
    pub fn ttl(mut self, prefix: &[&str], ttl: Option<Duration>) -> Self {
        self.ttl.push((labels(prefix), ttl));
        self
    }

    /// Whether reading an item that expires lets it live as long again, as if it were put now. It does without a rule.
    #[must_use]
    pub fn refresh_on_read(mut self, prefix: &[&str], refreshes: bool) -> Self {
        self.refresh.push((labels(prefix), refreshes));
        self
    }

    /// Which fields of items in `prefix` or below are in the index; all without a rule.
    #[must_use]
    pub fn index(mut self, prefix: &[&str], fields: IndexedFields) -> Self {
        self.index.push((labels(prefix), fields));
        self
    }

    /// Which texts of items in `prefix` or below [a query](method@crate::store::Search::query) looks at. Without a rule none, but with an
    /// [embedder](Self::embedder) the whole value.
    #[must_use]
    pub fn texts(mut self, prefix: &[&str], texts: TextFields) -> Self {
        self.texts.push((labels(prefix), texts));
        self
    }

    /// What makes vectors of the texts of items that are put from now on, and of queries.
    #[must_use]
    pub fn embedder(mut self, embedder: impl Embedder) -> Self {
        self.embedder = Some(Arc::new(embedder));
        self
    }

    /// How vectors are compared; by their cosine unless told otherwise.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Among more items than this, after prefix and filter, those nearest to a query are looked for in a graph of their vectors, which may miss some;
    /// among 50,000 unless told otherwise. `None`: all are compared, always. So they are with [`Metric::Dot`], with
    /// [`Ranking::Both`](crate::store::Ranking::Both), where more than 128 are wanted (offset included), and until the graph is made, which begins with the
    /// first search and is done in a thread beside, for minutes where they are many. [`Explain::approximate`](crate::store::Explain) tells.
    #[cfg(feature = "ann")]
    #[must_use]
    pub fn approximate_above(mut self, items: Option<usize>) -> Self {
        self.approximate_above = items;
        self
    }

    /// For how long it is kept what items in `prefix` or below were, after they were replaced or removed: for
    /// [`history`](crate::store::Store::history) and [`Moment`](crate::store::Moment)s. `None`: not at all. A week without a rule; an hour in a
    /// [`MemoryStore`](crate::store::MemoryStore).
    ///
    /// Whether it is kept is noted in the database, and holds from the next put or deletion on until something else is said. What is not kept any more is
    /// forgotten, at once or an hour later at most, and cannot be had back.
    #[must_use]
    pub fn history(mut self, prefix: &[&str], kept: Option<Duration>) -> Self {
        self.history.push((labels(prefix), kept));
        self
    }

    /// How long a database waits before it looks again for items that have expired, to give back their space; a minute by
    /// default. They are not found any more in any case.
    #[must_use]
    pub fn sweep_interval(mut self, interval: Duration) -> Self {
        self.sweep_interval = interval;
        self
    }

    /// Microseconds that an item lives; `None`: for ever.
    pub(crate) fn lifetime(&self, namespace: &[String], ttl: Ttl) -> Option<u64> {
        let ttl = match ttl {
            Ttl::Never => None,
            Ttl::After(ttl) => Some(ttl),
            Ttl::Default => *of(&self.ttl, namespace)?,
        };
        ttl.map(|ttl| u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX))
    }

    /// For how long it is kept what items were, in microseconds.
    pub(crate) fn kept_past(&self, namespace: &[String]) -> Option<u64> {
        let said = of(&self.history, namespace).copied();
        let kept = said.unwrap_or(Some(self.usual_history));
        kept.map(|kept| u64::try_from(kept.as_micros()).unwrap_or(u64::MAX))
    }

    /// Whether it is kept of any items what they were.
    pub(crate) fn keeps_any_past(&self) -> bool {
        let mut prefixes = self.with_history().chain([[].as_slice()]);
        prefixes.any(|prefix| self.kept_past(prefix).is_some())
    }

    /// The namespaces for which it is said how long it is kept what items were.
    pub(crate) fn with_history(&self) -> impl Iterator<Item = &[String]> {
        self.history.iter().map(|(prefix, _)| &**prefix)
    }

    /// Whether a read that says nothing itself refreshes items.
    pub(crate) fn refreshes(&self, namespace: &[String]) -> bool {
        of(&self.refresh, namespace).copied().unwrap_or(true)
    }

    /// What makes vectors of texts.
    pub(crate) fn embeds_with(&self) -> Option<&dyn Embedder> {
        self.embedder.as_deref()
    }

    /// The texts of an item that says nothing itself.
    pub(crate) fn texts_of(&self, namespace: &[String]) -> TextFields {
        match of(&self.texts, namespace) {
            Some(texts) => texts.clone(),
            None if self.embedder.is_some() => TextFields::whole(),
            None => TextFields::NONE,
        }
    }

    /// Whether any item may have texts that says nothing itself.
    pub(crate) fn has_texts(&self) -> bool {
        self.embedder.is_some() || self.texts.iter().any(|(_, texts)| !texts.is_empty())
    }

    /// The fields of an item that says nothing itself which are in the index.
    pub(crate) fn fields(&self, namespace: &[String]) -> IndexedFields {
        of(&self.index, namespace).cloned().unwrap_or_default()
    }
}

fn labels(prefix: &[&str]) -> Box<[String]> {
    prefix.iter().map(ToString::to_string).collect()
}

fn of<'r, T>(rules: &'r Rules<T>, namespace: &[String]) -> Option<&'r T> {
    let fitting = rules
        .iter()
        .filter(|(prefix, _)| namespace.starts_with(prefix));
    fitting
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, rule)| rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86400));
        let options = StoreOptions::default()
            .ttl(&["a", "b"], Some(hour))
            .ttl(&[], Some(day))
            .ttl(&["a", "c"], None)
            .refresh_on_read(&["a"], false)
            .index(&["a"], IndexedFields::NONE);
        let of = |labels: &[&str]| {
            let namespace = labels.iter().map(ToString::to_string).collect::<Vec<_>>();
            let fields = options.fields(&namespace);
            let lifetime = options.lifetime(&namespace, Ttl::Default);
            (lifetime, options.refreshes(&namespace), fields)
        };
        let (hour, day) = (Some(3_600_000_000), Some(86_400_000_000));
        assert_eq!(of(&["a", "b", "x"]), (hour, false, IndexedFields::NONE));
        assert_eq!(of(&["a", "c"]), (None, false, IndexedFields::NONE));
        assert_eq!(of(&["ab"]), (day, true, IndexedFields::All));
        assert_eq!(options.lifetime(&["a".to_owned()], Ttl::Never), None);
    }
}
