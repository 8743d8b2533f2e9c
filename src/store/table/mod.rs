//! Answering a batch from a table that somebody else's database keeps: rows are found and put in order there, and
//! looked at here, so that filters mean the same as everywhere.
//!
//! This module must never know which database that is.

mod gathering;
mod past;

use crate::index::HistoryRules;
use crate::store::planner::wide;
use crate::store::scratch::{Loaded, Outcome, Prepared, Scratch};
use crate::store::{
    Answer, Explain, Get, ListNamespaces, Op, Order, Search, StoreError, StoreOptions, namespace,
};

use self::gathering::Gathering;
pub(crate) use self::gathering::Place;
pub(crate) use self::past::Past;
pub(crate) use crate::store::filter::{Bound, Sieve};

/// The items of a database, as they are at one moment.
pub(crate) trait Table {
    type Error;

    /// The row of an item, though it may have expired.
    async fn one(&mut self, namespace: &[String], key: &str)
    -> Result<Option<Loaded>, Self::Error>;

    /// Hands the rows that are wanted to `visit`, until it says that it is enough.
    async fn rows(
        &mut self,
        wanted: &Wanted<'_>,
        visit: &mut (dyn FnMut(Loaded) -> bool + Send),
    ) -> Result<(), Self::Error>;

    /// Hands the namespaces at or below `prefix` that have items which have not expired to `visit`, sorted, until it says
    /// that it is enough.
    async fn namespaces(
        &mut self,
        prefix: &[String],
        visit: &mut (dyn FnMut(Vec<String>) -> bool + Send),
    ) -> Result<(), Self::Error>;

    /// What an item was, newest first: at most `limit` of what was put before `before`, in microseconds since the Unix
    /// epoch.
    async fn past(
        &mut self,
        namespace: &[String],
        key: &str,
        before: u64,
        limit: usize,
    ) -> Result<Vec<Past>, Self::Error>;

    /// Since when it is kept what items were.
    async fn rules(&mut self) -> Result<HistoryRules, Self::Error>;
}

/// Which rows are wanted, and in which order.
#[derive(Debug)]
pub(crate) struct Wanted<'s> {
    /// At or below this namespace.
    pub(crate) prefix: &'s [String],
    /// Those of which this holds, and maybe others.
    pub(crate) sieve: Option<&'s Sieve>,
    /// In any order, if there is none.
    pub(crate) order: Option<Order>,
    /// Only what comes after this in the order.
    pub(crate) after: Option<&'s Place>,
    /// At most so many.
    pub(crate) limit: Option<usize>,
    /// Those that have not expired then, in microseconds since the Unix epoch.
    pub(crate) alive_at: u64,
    /// As they were then; else as they are.
    pub(crate) is_past: bool,
    /// With what queries need.
    pub(crate) is_ranked: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered<E> {
    Table(E),
    Store(StoreError),
}

impl<E> From<StoreError> for Unanswered<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Answers `ops`, which come with what was prepared for them, at `now`.
pub(crate) async fn answer<T: Table>(
    table: &mut T,
    ops: &[Op],
    prepared: &Prepared,
    options: &StoreOptions,
    now: u64,
) -> Result<Outcome, Unanswered<T::Error>> {
    let mut asked = Asked {
        table,
        prepared,
        options,
        now,
        refreshed: Vec::new(),
    };
    let mut answers = Vec::with_capacity(ops.len());
    for op in ops {
        answers.push(asked.answer(op).await?);
    }
    let mut refreshed = asked.refreshed;
    refreshed.retain(|(namespace, key, _)| {
        let mut changes = prepared.changes.iter();
        !changes.any(|of| of.namespace == *namespace && of.key == *key)
    });
    Ok(Outcome { answers, refreshed })
}

struct Asked<'a, T> {
    table: &'a mut T,
    prepared: &'a Prepared,
    options: &'a StoreOptions,
    /// Microseconds since the Unix epoch.
    now: u64,
    /// What was read and lives on: namespace, key, until when.
    refreshed: Vec<(Vec<String>, String, u64)>,
}

impl<T: Table> Asked<'_, T> {
    async fn answer(&mut self, op: &Op) -> Result<Answer, Unanswered<T::Error>> {
        Ok(match op {
            Op::Put(_) | Op::Delete { .. } => Answer::Done,
            Op::Get(get) => Answer::Item(match get.as_of {
                Some(moment) => self.get_at(get, moment.at).await?,
                None => self.get(get).await?,
            }),
            Op::Search(search) | Op::Count(search) | Op::Explain(search) if is_ranked(search) => {
                self.ranked(op, search).await?
            }
            Op::Search(search) => Answer::Page(self.gather(search).await?.page),
            Op::Count(search) => Answer::Count(self.count(search).await?),
            Op::Explain(search) => {
                let search = Search {
                    refresh_ttl: Some(false),
                    ..search.clone()
                };
                let found = self.gather(&search).await?;
                Answer::Explained(Explain {
                    rows_read: found.rows,
                    values_read: found.rows,
                    found: wide(found.page.items.len()),
                    ..Explain::default()
                })
            }
            Op::History(of) => Answer::History(self.history(of).await?),
            Op::ListNamespaces(query) => Answer::Namespaces(self.namespaces(query).await?),
        })
    }

    async fn one(&mut self, namespace: &[String], key: &str) -> Result<Option<Loaded>, T::Error> {
        match namespace::may_hold(namespace) {
            true => self.table.one(namespace, key).await,
            false => Ok(None),
        }
    }

    async fn past(
        &mut self,
        namespace: &[String],
        key: &str,
        before: u64,
        limit: usize,
    ) -> Result<Vec<Past>, T::Error> {
        match namespace::may_hold(namespace) {
            true => self.table.past(namespace, key, before, limit).await,
            false => Ok(Vec::new()),
        }
    }

    async fn get(&mut self, get: &Get) -> Result<Option<crate::store::Item>, Unanswered<T::Error>> {
        let found = self.one(&get.namespace, &get.key).await;
        let found = found.map_err(Unanswered::Table)?;
        let Some(row) = found.filter(|row| row.is_alive(self.now)) else {
            return Ok(None);
        };
        let mut read = Gathering::new(self.options, self.now, get.refresh_ttl);
        let item = read.read(row);
        self.refreshed.append(&mut read.refreshed);
        Ok(Some(item))
    }

    /// What is ranked is ranked among all that is below the prefix, in memory.
    async fn ranked(&mut self, op: &Op, search: &Search) -> Result<Answer, Unanswered<T::Error>> {
        let mut scratch = Scratch::new(self.options)?;
        let wanted = Wanted {
            order: None,
            after: None,
            limit: None,
            is_ranked: true,
            ..self.wanted(search, None, None)?
        };
        let mut failed = None;
        // Where one has no answer, nothing need be read to say so.
        if search.as_of.is_none() {
            let mut visit = |row| {
                failed = scratch.load(row).err();
                failed.is_none()
            };
            let read = self.table.rows(&wanted, &mut visit).await;
            read.map_err(Unanswered::Table)?;
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        let mut outcome = scratch.answer(std::slice::from_ref(op), self.prepared)?;
        self.refreshed.append(&mut outcome.refreshed);
        Ok(outcome.answers.pop().unwrap_or(Answer::Done))
    }

    async fn namespaces(
        &mut self,
        query: &ListNamespaces,
    ) -> Result<Vec<Vec<String>>, Unanswered<T::Error>> {
        let mut selection = namespace::Selection::new(query);
        if query.limit > 0 {
            let below = query.below();
            let mut visit = |namespace: Vec<String>| selection.take(&namespace);
            let read = self.table.namespaces(&below, &mut visit).await;
            read.map_err(Unanswered::Table)?;
        }
        Ok(selection.selected)
    }
}

/// Whether a query says in which order items come.
fn is_ranked(search: &Search) -> bool {
    search.query.as_ref().is_some_and(|query| !query.is_empty())
}
