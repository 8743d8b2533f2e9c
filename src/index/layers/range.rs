//! [`Range`]: the rows of several layers, merged, from both ends.

use imbl::ordmap::RangedIter;
use imbl::shared_ptr::DefaultSharedPtr;

use super::base::{BaseRange, Raw};
use super::ranked::Ranked;
use crate::index::tables::{TableRow, TablesError};

/// The rows of a range in the order of their keys; also from the end. After an error there is
/// nothing more.
pub(crate) struct Range<'s, R: TableRow> {
    /// What is newer first.
    layers: Vec<Ends<'s, R>>,
}

/// Where a layer's rows come from.
pub(super) enum Source<'s, R: TableRow> {
    Changes(RangedIter<'s, Ranked<R::Key>, Option<R>, DefaultSharedPtr>),
    Base(Box<BaseRange<R::Key>>),
}

/// A layer, and what was taken from its ends already.
struct Ends<'s, R: TableRow> {
    source: Source<'s, R>,
    first: Option<Head<'s, R>>,
    last: Option<Head<'s, R>>,
}

enum Head<'s, R: TableRow> {
    Change(&'s R::Key, Option<&'s R>),
    Row(R::Key, Raw),
}

#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

impl<'s, R: TableRow> Range<'s, R> {
    /// Merges `sources`, of which an earlier one hides the same keys of later ones.
    pub(super) fn new(sources: impl IntoIterator<Item = Source<'s, R>>) -> Self {
        let layers = sources.into_iter().map(|source| Ends {
            source,
            first: None,
            last: None,
        });
        Self {
            layers: layers.collect(),
        }
    }

    fn take(&mut self, end: End) -> Result<Option<(R::Key, R)>, TablesError> {
        loop {
            for layer in &mut self.layers {
                layer.look(end)?;
            }
            let heads = self.layers.iter().filter_map(|layer| layer.head(end));
            let outermost = match end {
                End::First => heads.map(Head::key).min(),
                End::Last => heads.map(Head::key).max(),
            };
            let Some(key) = outermost.cloned() else {
                return Ok(None);
            };
            let mut newest = None;
            for layer in &mut self.layers {
                if layer.head(end).is_some_and(|head| *head.key() == key) {
                    let head = layer.head_mut(end).take();
                    newest = newest.or(head);
                }
            }
            if let Some(row) = newest.map_or(Ok(None), Head::row)? {
                return Ok(Some((key, row)));
            }
        }
    }

    /// Hands the rows to `visit`, until it says false. Nothing is cloned.
    pub(super) fn visit(
        mut self,
        mut visit: impl FnMut(&R::Key, &R) -> bool,
    ) -> Result<(), TablesError> {
        loop {
            for layer in &mut self.layers {
                layer.look(End::First)?;
            }
            let mut first: Option<usize> = None;
            for (number, layer) in self.layers.iter().enumerate() {
                let best = first.and_then(|first| self.layers.get(first)?.head(End::First));
                if let Some(head) = layer.head(End::First)
                    && best.is_none_or(|best| head.key() < best.key())
                {
                    first = Some(number);
                }
            }
            let mut layers = self.layers.iter_mut().skip(first.unwrap_or(usize::MAX));
            let Some(head) = layers.next().and_then(|layer| layer.first.take()) else {
                return Ok(());
            };
            // What is newer hides what is older.
            for layer in layers {
                drop(layer.first.take_if(|older| older.key() == head.key()));
            }
            let goes_on = match &head {
                Head::Change(key, row) => row.is_none_or(|row| visit(key, row)),
                Head::Row(key, raw) => visit(key, &raw.row(key)?),
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn take_or_end(&mut self, end: End) -> Option<Result<(R::Key, R), TablesError>> {
        let taken = self.take(end);
        if taken.is_err() {
            self.layers.clear();
        }
        taken.transpose()
    }
}

impl<R: TableRow> Iterator for Range<'_, R> {
    type Item = Result<(R::Key, R), TablesError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take_or_end(End::First)
    }
}

impl<R: TableRow> DoubleEndedIterator for Range<'_, R> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.take_or_end(End::Last)
    }
}

impl<'s, R: TableRow> Ends<'s, R> {
    fn head(&self, end: End) -> Option<&Head<'s, R>> {
        match end {
            End::First => self.first.as_ref(),
            End::Last => self.last.as_ref(),
        }
    }

    fn head_mut(&mut self, end: End) -> &mut Option<Head<'s, R>> {
        match end {
            End::First => &mut self.first,
            End::Last => &mut self.last,
        }
    }

    /// Takes the next row at `end`, unless that was done. If nothing is left between the ends, what was
    /// taken at the other one is next.
    fn look(&mut self, end: End) -> Result<(), TablesError> {
        if self.head(end).is_some() {
            return Ok(());
        }
        let taken = match self.source.take(end)? {
            Some(head) => Some(head),
            None => match end {
                End::First => self.last.take(),
                End::Last => self.first.take(),
            },
        };
        *self.head_mut(end) = taken;
        Ok(())
    }
}

impl<'s, R: TableRow> Source<'s, R> {
    fn take(&mut self, end: End) -> Result<Option<Head<'s, R>>, TablesError> {
        match self {
            Self::Changes(changes) => {
                let change = match end {
                    End::First => changes.next(),
                    End::Last => changes.next_back(),
                };
                Ok(change.map(|(key, row)| Head::Change(&key.key, row.as_ref())))
            }
            Self::Base(rows) => {
                let row = match end {
                    End::First => rows.next(),
                    End::Last => rows.next_back(),
                };
                Ok(row.transpose()?.map(|(key, raw)| Head::Row(key, raw)))
            }
        }
    }
}

impl<R: TableRow> Head<'_, R> {
    fn key(&self) -> &R::Key {
        match self {
            Self::Change(key, _) => key,
            Self::Row(key, _) => key,
        }
    }

    /// The row, or `None` if it was deleted.
    fn row(self) -> Result<Option<R>, TablesError> {
        match self {
            Self::Change(_, row) => Ok(row.cloned()),
            Self::Row(key, raw) => raw.row(&key).map(Some),
        }
    }
}
