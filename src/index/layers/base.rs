//! [`Base`]: the rows of an index file as one transaction left them, whichever time it was opened.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::RwLock;
use redb::{AccessGuard, ReadOnlyTable, StorageError};

use super::home::Home;
use super::range::Way;
use super::redb_file::RedbFile;
use crate::index::tables::{TableKey, TableRow, TablesError};

/// The rows of an index file as one transaction left them. No later transaction changes them, and when the file is opened again after
/// one that failed, they are read from there.
pub(super) struct Base {
    opened: RwLock<Arc<Opened>>,
}

/// What the file has from when it was opened until it is closed, or opened again.
pub(super) struct Opened {
    // In front of the file, which redb's readers must not outlive.
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
    home: Arc<Home>,
    file: Arc<RedbFile>,
    /// The transaction that failed may be in it all the same.
    is_ahead: bool,
}

type Guard = AccessGuard<'static, &'static [u8]>;

impl Opened {
    pub(super) fn new(
        rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
        home: Arc<Home>,
        file: Arc<RedbFile>,
    ) -> Self {
        Self {
            rows,
            home,
            file,
            is_ahead: false,
        }
    }

    /// The same after a transaction that failed and may be in it.
    pub(super) fn ahead(self, is_ahead: bool) -> Self {
        Self { is_ahead, ..self }
    }

    fn contain<T>(&self, read: impl FnOnce() -> Result<T, StorageError>) -> Result<T, TablesError> {
        self.home.contain(&self.file, read)
    }

    fn superseded(&self) -> TablesError {
        TablesError::Superseded {
            path: self.home.path.clone(),
        }
    }
}

/// Whoever reads says whether he has in memory, in front of this, what was cut off to be written: only then it does not matter to him
/// whether the file has it.
impl Base {
    pub(super) fn new(opened: Opened) -> Self {
        Self {
            opened: RwLock::new(Arc::new(opened)),
        }
    }

    /// The file was opened again, after the transaction behind this one had failed.
    pub(super) fn reopened(&self, opened: Opened) {
        *self.opened.write() = Arc::new(opened);
    }

    fn opened(&self, has_cut: bool) -> Result<Arc<Opened>, TablesError> {
        let opened = Arc::clone(&self.opened.read());
        match opened.is_ahead && !has_cut {
            true => Err(opened.superseded()),
            false => Ok(opened),
        }
    }

    /// For whoever could not read: that may be because the file has just failed to be written. Then this waits until it is open again,
    /// and says from where to read once more.
    fn renew(
        &self,
        before: &Arc<Opened>,
        has_cut: bool,
        error: TablesError,
    ) -> Result<Arc<Opened>, TablesError> {
        before.home.handover.wait();
        let now = self.opened(has_cut)?;
        match Arc::ptr_eq(&now, before) {
            true if before.file.was_replaced() => Err(before.superseded()),
            true => Err(error),
            false => Ok(now),
        }
    }

    pub(super) fn get<R: TableRow>(
        &self,
        key: &R::Key,
        has_cut: bool,
    ) -> Result<Option<R>, TablesError> {
        let mut opened = self.opened(has_cut)?;
        opened.home.reads.look_ups.fetch_add(1, Ordering::Relaxed);
        let bytes = key.encode();
        let found = loop {
            match opened.contain(|| opened.rows.get(&*bytes)) {
                Ok(found) => break found,
                Err(error) => opened = self.renew(&opened, has_cut, error)?,
            }
        };
        found
            .map(|value| opened.home.row(key, value.value()))
            .transpose()
    }

    pub(super) fn range<K: TableKey>(
        self: &Arc<Self>,
        start: Bound<&K>,
        end: Bound<&K>,
        way: Way,
        has_cut: bool,
    ) -> Result<BaseRange<K>, TablesError> {
        let opened = self.opened(has_cut)?;
        opened.home.reads.look_ups.fetch_add(1, Ordering::Relaxed);
        let bounds = (start.map(K::encode), end.map(K::encode));
        let (range, opened) = self.pages(&bounds, opened, has_cut)?;
        Ok(BaseRange {
            range,
            last: None,
            opened,
            base: Arc::clone(self),
            has_cut,
            bounds,
            way,
            key: PhantomData,
        })
    }

    /// The pages of a range, and where they are read from.
    fn pages(
        &self,
        (start, end): &Bounds,
        mut opened: Arc<Opened>,
        has_cut: bool,
    ) -> Result<(Pages, Arc<Opened>), TablesError> {
        let start = start.as_ref().map(Vec::as_slice);
        let end = end.as_ref().map(Vec::as_slice);
        loop {
            match opened.contain(|| opened.rows.range::<&[u8]>((start, end))) {
                Ok(pages) => return Ok((pages, opened)),
                Err(error) => opened = self.renew(&opened, has_cut, error)?,
            }
        }
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base")
            .field("home", &self.opened.read().home)
            .finish_non_exhaustive()
    }
}

/// A range of rows, from one of its ends.
pub(super) struct BaseRange<K> {
    // Both in front of the file, as above.
    range: Pages,
    /// The key that was taken last.
    last: Option<Guard>,
    opened: Arc<Opened>,
    base: Arc<Base>,
    has_cut: bool,
    bounds: Bounds,
    way: Way,
    key: PhantomData<K>,
}

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);
type Pages = redb::Range<'static, &'static [u8], &'static [u8]>;

/// A row that was not decoded yet.
pub(super) struct Raw {
    value: Guard,
    opened: Arc<Opened>,
}

impl Raw {
    pub(super) fn row<R: TableRow>(&self, key: &R::Key) -> Result<R, TablesError> {
        self.opened.home.row(key, self.value.value())
    }
}

impl<K: TableKey> BaseRange<K> {
    /// The next row.
    pub(super) fn take(&mut self) -> Result<Option<(K, Raw)>, TablesError> {
        let found = loop {
            let next = || match self.way {
                Way::Up => self.range.next().transpose(),
                Way::Down => self.range.next_back().transpose(),
            };
            match self.opened.contain(next) {
                Ok(found) => break found,
                Err(error) => self.renew(error)?,
            }
        };
        let Some((key, value)) = found else {
            return Ok(None);
        };
        let decoded = K::decode(key.value());
        let decoded = decoded.map_err(|error| self.opened.home.undecodable(&error))?;
        self.last = Some(key);
        let opened = Arc::clone(&self.opened);
        Ok(Some((decoded, Raw { value, opened })))
    }

    /// Goes on behind the row that was taken last where the file was opened again.
    fn renew(&mut self, error: TablesError) -> Result<(), TablesError> {
        let opened = self.base.renew(&self.opened, self.has_cut, error)?;
        if let Some(last) = self.last.take() {
            let behind = Bound::Excluded(last.value().to_vec());
            match self.way {
                Way::Up => self.bounds.0 = behind,
                Way::Down => self.bounds.1 = behind,
            }
        }
        let (range, opened) = self.base.pages(&self.bounds, opened, self.has_cut)?;
        self.range = range;
        self.opened = opened;
        Ok(())
    }
}
