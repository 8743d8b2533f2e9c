//! [`LayeredSnapshot`]: all rows as they were at one moment.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use super::base::Base;
use super::range::{Range, Source, Way};
use super::ranked::{Asked, Ranked};
use crate::index::tables::{Rows, TableRow, Tables, TablesError};

/// What changed, by key; `None` where a row was removed.
pub(super) type Changes<R> = OrdMap<Ranked<<R as TableRow>::Key>, Option<R>>;

/// All rows as they were at one moment. Nothing that is done later changes what it answers, but reading
/// rows of the index file ends when the database is closed.
#[derive(Debug, Clone)]
pub(crate) struct LayeredSnapshot<R: TableRow> {
    /// The latest changes.
    pub(super) young: Changes<R>,
    /// Changes that are on their way to the file.
    pub(super) old: Changes<R>,
    /// What is in the file.
    pub(super) base: Option<Arc<Base>>,
    /// Why nothing is answered any more.
    pub(super) abandoned: Option<TablesError>,
}

impl<R: TableRow> LayeredSnapshot<R> {
    fn check(&self) -> Result<(), TablesError> {
        self.abandoned.clone().map_or(Ok(()), Err)
    }

    /// Whether it has in memory what is being moved to the file.
    fn has_cut(&self) -> bool {
        !self.old.is_empty()
    }

    /// The rows between two keys.
    fn range<'s>(
        &'s self,
        start: Bound<&'s R::Key>,
        end: Bound<&'s R::Key>,
        way: Way,
    ) -> Result<Range<'s, R>, TablesError> {
        self.check()?;
        if nothing_between(start, end) {
            return Ok(Range::new(way, []));
        }
        let changes = [&self.young, &self.old].into_iter();
        let changes = changes.filter_map(|changes| Source::of(changes, start, end, way));
        let base = self
            .base
            .as_ref()
            .map(|base| base.range(start, end, way, self.has_cut()));
        let base = base.transpose()?.map(|range| Source::Base(Box::new(range)));
        Ok(Range::new(way, changes.chain(base)))
    }
}

impl<R: TableRow> Rows<R::Key, R> for LayeredSnapshot<R> {
    fn get(&self, key: &R::Key) -> Result<Option<R>, TablesError> {
        self.check()?;
        let asked = Asked::new(key);
        if let Some(change) = (self.young.get(&asked)).or_else(|| self.old.get(&asked)) {
            return Ok(change.clone());
        }
        match &self.base {
            Some(base) => base.get(key, self.has_cut()),
            None => Ok(None),
        }
    }

    fn next(
        &self,
        after: Bound<&R::Key>,
        end: Bound<&R::Key>,
    ) -> Result<Option<(R::Key, R)>, TablesError> {
        self.range(after, end, Way::Up)?.first()
    }

    fn scan(
        &self,
        start: Bound<&R::Key>,
        end: Bound<&R::Key>,
        visit: impl FnMut(&R::Key, &R) -> bool,
    ) -> Result<(), TablesError> {
        self.range(start, end, Way::Up)?.visit(visit)
    }

    fn previous(
        &self,
        start: Bound<&R::Key>,
        before: Bound<&R::Key>,
    ) -> Result<Option<(R::Key, R)>, TablesError> {
        self.range(start, before, Way::Down)?.first()
    }
}

/// What would be if rows were changed. Nobody else sees it.
impl<R: TableRow> Tables<R::Key, R> for LayeredSnapshot<R> {
    fn put(&mut self, key: R::Key, row: R) {
        self.young.insert(Ranked::new(key), Some(row));
    }

    fn delete(&mut self, key: R::Key) {
        self.young.insert(Ranked::new(key), None);
    }
}

/// Whether a range is empty whatever the rows are. Maps differ in what they make of those.
fn nothing_between<K: Ord>(start: Bound<&K>, end: Bound<&K>) -> bool {
    match (start, end) {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start >= end,
        _ => false,
    }
}
