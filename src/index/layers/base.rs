//! [`Base`]: the rows of an index file as one transaction left them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use redb::{AccessGuard, ReadOnlyTable, StorageError};

use super::home::Home;
use super::redb_file::RedbFile;
use crate::index::tables::{TableKey, TableRow, TablesError};

/// The rows of an index file as one transaction left them. No later transaction changes them.
pub(super) struct Base {
    // In front of the file, which redb's readers must not outlive.
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
    home: Arc<Home>,
    file: Arc<RedbFile>,
}

type Guard = AccessGuard<'static, &'static [u8]>;

impl Base {
    pub(super) fn new(
        rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
        home: Arc<Home>,
        file: Arc<RedbFile>,
    ) -> Self {
        Self { rows, home, file }
    }

    fn contain<T>(&self, read: impl FnOnce() -> Result<T, StorageError>) -> Result<T, TablesError> {
        self.home.contain(&self.file, read)
    }

    pub(super) fn get<R: TableRow>(&self, key: &R::Key) -> Result<Option<R>, TablesError> {
        self.home.reads.look_ups.fetch_add(1, Ordering::Relaxed);
        let found = self.contain(|| self.rows.get(&*key.encode()))?;
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
        let range = self.contain(|| self.rows.range::<&[u8]>(bounds))?;
        Ok(BaseRange {
            range,
            base: Arc::clone(self),
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
    base: Arc<Base>,
    key: PhantomData<K>,
}

/// A row that was not decoded yet.
pub(super) struct Raw {
    value: Guard,
    base: Arc<Base>,
}

impl Raw {
    pub(super) fn row<R: TableRow>(&self, key: &R::Key) -> Result<R, TablesError> {
        self.base.home.row(key, self.value.value())
    }
}

impl<K: TableKey> BaseRange<K> {
    pub(super) fn next(&mut self) -> Option<Result<(K, Raw), TablesError>> {
        let found = self.base.contain(|| self.range.next().transpose());
        self.found(found)
    }

    pub(super) fn next_back(&mut self) -> Option<Result<(K, Raw), TablesError>> {
        let found = self.base.contain(|| self.range.next_back().transpose());
        self.found(found)
    }

    fn found(
        &self,
        found: Result<Option<(Guard, Guard)>, TablesError>,
    ) -> Option<Result<(K, Raw), TablesError>> {
        let decoded = |(key, value): (Guard, Guard)| {
            let key = K::decode(key.value()).map_err(|error| self.base.home.undecodable(&error))?;
            let base = Arc::clone(&self.base);
            Ok((key, Raw { value, base }))
        };
        found.transpose().map(|found| found.and_then(decoded))
    }
}
