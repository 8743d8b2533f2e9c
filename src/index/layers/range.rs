//! [`Range`]: the rows of several layers, merged, from one end to the other.

use std::cmp::Ordering;
use std::ops::Bound;

use equivalent::Comparable;
use imbl::ordmap::RangedIter;
use imbl::shared_ptr::DefaultSharedPtr;

use super::base::{BaseRange, Raw};
use super::ranked::{Asked, Ranked};
use super::snapshot::Changes;
use crate::index::tables::{TableRow, TablesError};

/// The rows of a range in the order of their keys, or from the last to the first. After an error there is nothing more.
pub(super) struct Range<'s, R: TableRow> {
    /// What is newer first.
    layers: Vec<Layer<'s, R>>,
    way: Way,
}

/// In which order rows are wanted.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Up,
    Down,
}

/// Where a layer's rows come from.
pub(super) enum Source<'s, R: TableRow> {
    Changes(Changed<'s, R>),
    Base(Box<BaseRange<R::Key>>),
}

/// The changes of a range. Only the end at which it begins is looked for: mostly there are few rows, or none.
pub(super) struct Changed<'s, R: TableRow> {
    rest: RangedIter<'s, Ranked<R::Key>, Option<R>, DefaultSharedPtr>,
    /// Where it ends.
    until: Bound<Asked<'s, R::Key>>,
}

/// A layer, and what was taken from it already.
struct Layer<'s, R: TableRow> {
    source: Source<'s, R>,
    head: Option<Head<'s, R>>,
}

enum Head<'s, R: TableRow> {
    Change(&'s R::Key, Option<&'s R>),
    Row(R::Key, Raw),
}

impl Way {
    /// How the keys that come first are ordered against those that come later.
    fn first(self) -> Ordering {
        match self {
            Self::Up => Ordering::Less,
            Self::Down => Ordering::Greater,
        }
    }
}

impl<'s, R: TableRow> Range<'s, R> {
    /// Merges `sources`, of which an earlier one hides the same keys of later ones.
    pub(super) fn new(way: Way, sources: impl IntoIterator<Item = Source<'s, R>>) -> Self {
        let layers = sources
            .into_iter()
            .map(|source| Layer { source, head: None });
        Self {
            layers: layers.collect(),
            way,
        }
    }

    /// What is next, of the newest layer that says something of that key.
    fn take(&mut self) -> Result<Option<Head<'s, R>>, TablesError> {
        let mut first: Option<usize> = None;
        for number in 0..self.layers.len() {
            if let Some(layer) = self.layers.get_mut(number) {
                layer.look(self.way)?;
            }
            let head = |number: usize| self.layers.get(number)?.head.as_ref();
            if let Some(key) = head(number).map(Head::key)
                && first
                    .and_then(head)
                    .is_none_or(|first| key.cmp(first.key()) == self.way.first())
            {
                first = Some(number);
            }
        }
        let mut layers = self.layers.iter_mut().skip(first.unwrap_or(usize::MAX));
        let Some(head) = layers.next().and_then(|layer| layer.head.take()) else {
            return Ok(None);
        };
        // What is newer hides what is older.
        for layer in layers {
            drop(layer.head.take_if(|older| older.key() == head.key()));
        }
        Ok(Some(head))
    }

    /// The first row.
    pub(super) fn first(mut self) -> Result<Option<(R::Key, R)>, TablesError> {
        while let Some(head) = self.take()? {
            match head {
                Head::Change(_, None) => {}
                Head::Change(key, Some(row)) => return Ok(Some((key.clone(), row.clone()))),
                Head::Row(key, raw) => {
                    let row = raw.row(&key)?;
                    return Ok(Some((key, row)));
                }
            }
        }
        Ok(None)
    }

    /// Hands the rows to `visit`, until it says false. Nothing is cloned.
    pub(super) fn visit(
        mut self,
        mut visit: impl FnMut(&R::Key, &R) -> bool,
    ) -> Result<(), TablesError> {
        while let Some(head) = self.take()? {
            let goes_on = match &head {
                Head::Change(key, row) => row.is_none_or(|row| visit(key, row)),
                Head::Row(key, raw) => visit(key, &raw.row(key)?),
            };
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl<R: TableRow> Layer<'_, R> {
    /// Takes the next row, unless that was done.
    fn look(&mut self, way: Way) -> Result<(), TablesError> {
        if self.head.is_none() {
            self.head = self.source.take(way)?;
        }
        Ok(())
    }
}

impl<'s, R: TableRow> Source<'s, R> {
    /// The changes between two keys, if there are any.
    pub(super) fn of(
        changes: &'s Changes<R>,
        start: Bound<&'s R::Key>,
        end: Bound<&'s R::Key>,
        way: Way,
    ) -> Option<Self> {
        if changes.is_empty() {
            return None;
        }
        let (start, end) = (start.map(Asked::new), end.map(Asked::new));
        let (rest, until) = match way {
            Way::Up => (changes.range((start, Bound::Unbounded)), end),
            Way::Down => (changes.range((Bound::Unbounded, end)), start),
        };
        Some(Self::Changes(Changed { rest, until }))
    }

    fn take(&mut self, way: Way) -> Result<Option<Head<'s, R>>, TablesError> {
        match self {
            Self::Changes(changes) => Ok(changes.take(way)),
            Self::Base(rows) => Ok(rows.take()?.map(|(key, raw)| Head::Row(key, raw))),
        }
    }
}

impl<'s, R: TableRow> Changed<'s, R> {
    fn take(&mut self, way: Way) -> Option<Head<'s, R>> {
        let (key, row) = match way {
            Way::Up => self.rest.next()?,
            Way::Down => self.rest.next_back()?,
        };
        let is_in = match &self.until {
            Bound::Unbounded => true,
            Bound::Included(until) => until.compare(key) != way.first(),
            Bound::Excluded(until) => until.compare(key) == way.first().reverse(),
        };
        is_in.then_some(Head::Change(&key.key, row.as_ref()))
    }
}

impl<R: TableRow> Head<'_, R> {
    fn key(&self) -> &R::Key {
        match self {
            Self::Change(key, _) => key,
            Self::Row(key, _) => key,
        }
    }
}
