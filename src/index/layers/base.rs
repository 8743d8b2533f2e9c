//! [`Base`]: the rows of an index file as one transaction left them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use redb::{AccessGuard, ReadOnlyTable};

use super::home::Home;
use crate::index::tables::{TableKey, TableRow, TablesError};

/// The rows of an index file as one transaction left them. No later transaction changes them.
pub(super) struct Base {
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
    home: Arc<Home>,
}

type Guard = AccessGuard<'static, &'static [u8]>;

impl Base {
    pub(super) fn new(rows: ReadOnlyTable<&'static [u8], &'static [u8]>, home: Arc<Home>) -> Self {
        Self { rows, home }
    }

    pub(super) fn get<R: TableRow>(&self, key: &R::Key) -> Result<Option<R>, TablesError> {
        self.home.reads.look_ups.fetch_add(1, Ordering::Relaxed);
        let found = self.home.contain(|| self.rows.get(&*key.encode()))?;
        found
            .map(|value| self.home.row(key, value.value()))
            .transpose()
    }

    pub(super) fn range<K: TableKey>(
        self: &Arc<Self>,
        start: Bound<&K>,
        end: Bound<&K>,
    ) -> Result<BaseRange<K>, TablesError> {
        let (start, end) = (start.map(K::encode), end.map(K::encode));
        let bounds = (
            start.as_ref().map(Vec::as_slice),
            end.as_ref().map(Vec::as_slice),
        );
        self.home.reads.look_ups.fetch_add(1, Ordering::Relaxed);
        let range = self.home.contain(|| self.rows.range::<&[u8]>(bounds))?;
        Ok(BaseRange {
            range,
            home: Arc::clone(&self.home),
            key: PhantomData,
        })
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

/// A range of rows, from both ends.
pub(super) struct BaseRange<K> {
    range: redb::Range<'static, &'static [u8], &'static [u8]>,
    home: Arc<Home>,
    key: PhantomData<K>,
}

/// A row that was not decoded yet.
pub(super) struct Raw {
    value: Guard,
    home: Arc<Home>,
}

impl Raw {
    pub(super) fn row<R: TableRow>(&self, key: &R::Key) -> Result<R, TablesError> {
        self.home.row(key, self.value.value())
    }
}

impl<K: TableKey> BaseRange<K> {
    pub(super) fn next(&mut self) -> Option<Result<(K, Raw), TablesError>> {
        let found = self.home.contain(|| self.range.next().transpose());
        self.found(found)
    }

    pub(super) fn next_back(&mut self) -> Option<Result<(K, Raw), TablesError>> {
        let found = self.home.contain(|| self.range.next_back().transpose());
        self.found(found)
    }

    fn found(
        &self,
        found: Result<Option<(Guard, Guard)>, TablesError>,
    ) -> Option<Result<(K, Raw), TablesError>> {
        let decoded = |(key, value): (Guard, Guard)| {
            let key = K::decode(key.value()).map_err(|error| self.home.undecodable(&error))?;
            let home = Arc::clone(&self.home);
            Ok((key, Raw { value, home }))
        };
        found.transpose().map(|found| found.and_then(decoded))
    }
}
