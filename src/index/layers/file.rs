//! [`IndexFile`]: the index file: opened if it can be trusted, made when it is first needed, written.

use std::io;
use std::mem;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, TableDefinition};

use super::base::{Base, Opened};
use super::handover::Handover;
use super::home::{FileReads, Home, NAME};
use super::in_order::put_in_order;
use super::redb_file::RedbFile;
use super::snapshot::Changes;
use super::unusable::{Unusable, contain};
use super::watermark::{self, Identity, Watermark};
use crate::index::tables::{TableKey, TableRow, TablesError};
use crate::vfs::{OpenMode, Vfs, VfsFile};

/// Its name until its first transaction is durable.
const NEW_NAME: &str = "index.new";

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
/// One entry: what the file is, and how far it got.
const ABOUT: TableDefinition<'_, (), &[u8]> = TableDefinition::new("about");

/// The index file. There is none as long as nothing was written.
pub(crate) struct IndexFile {
    home: Arc<Home>,
    identity: Identity,
    cache_bytes: usize,
    state: State,
    /// What it holds as far as that is known to be so.
    base: Option<Arc<Base>>,
    /// How far it would follow the log if what was written last had not failed.
    tried: Option<Watermark>,
}

enum State {
    /// Nothing was written yet.
    Absent,
    /// It has no name yet, as no transaction of it is durable.
    New(Arc<RedbFile>),
    Open(Arc<RedbFile>),
    /// There was a file, and it cannot be used any more. Writing a new one would lose its rows.
    Lost,
}

/// What an index file holds.
#[derive(Debug)]
pub(crate) struct Found {
    pub(super) base: Arc<Base>,
    /// Up to where it follows the log.
    pub(crate) watermark: Watermark,
}

impl IndexFile {
    /// Opens the index file in `dir`, if there is one. One that cannot be used is removed, and it is said
    /// why.
    ///
    /// # Errors
    /// [`TablesError::Unreadable`] if the file system does not say what is in it, or does not remove it.
    pub(crate) fn open(
        vfs: Arc<dyn Vfs>,
        dir: &Path,
        identity: Identity,
        cache_bytes: usize,
    ) -> Result<(Self, Result<Option<Found>, Unusable>), TablesError> {
        let home = Home {
            vfs,
            dir: dir.to_path_buf(),
            path: dir.join(NAME),
            reads: Arc::default(),
            handover: Arc::default(),
        };
        let mut index = Self {
            home: Arc::new(home),
            identity,
            cache_bytes,
            state: State::Absent,
            base: None,
            tried: None,
        };
        let found = index.load();
        if let Err(Unusable::Failed(reason)) = &found {
            return Err(index.home.unreadable(reason));
        }
        if found.is_err() {
            index.home.remove(NAME)?;
        }
        index.home.remove(NEW_NAME)?;
        let found = found.map(|found| {
            let (opened, watermark) = found?;
            let base = Arc::new(Base::new(opened));
            index.base = Some(Arc::clone(&base));
            Some(Found { base, watermark })
        });
        Ok((index, found))
    }

    /// What is read from it.
    pub(crate) fn reads(&self) -> Arc<FileReads> {
        Arc::clone(&self.home.reads)
    }

    /// For whoever is about to write it.
    pub(super) fn handover(&self) -> Arc<Handover> {
        Arc::clone(&self.home.handover)
    }

    /// Removes the index file in `dir`, if there is one.
    ///
    /// # Errors
    /// [`TablesError::Unreadable`] if it cannot be removed.
    pub(crate) fn discard(mut self) -> Result<(), TablesError> {
        self.let_go();
        self.home.remove(NAME)
    }

    /// Writes `changes` and how far they follow the log, in one transaction, and opens what is in the file
    /// then. The rows of earlier transactions can still be read, as long as this succeeds.
    pub(super) fn write<R: TableRow>(
        &mut self,
        changes: &Changes<R>,
        watermark: Watermark,
    ) -> Result<Arc<Base>, TablesError> {
        self.tried = Some(watermark);
        let written = contain(|| self.try_write(changes, watermark));
        let base = written.map(|opened| Arc::new(Base::new(opened)));
        if let Ok(base) = &base {
            self.tried = None;
            self.base = Some(Arc::clone(base));
        }
        base.map_err(|unusable| {
            if matches!(unusable, Unusable::Damaged(_)) {
                let _ = self.home.remove(NAME);
            }
            TablesError::Unwritable {
                path: self.home.path.clone(),
                reason: unusable.to_string(),
            }
        })
    }

    /// Opens the file again after a failure: redb does nothing more after one. Whoever reads what it held before goes on with that.
    pub(super) fn reopen(&mut self) -> Result<Option<Arc<Base>>, TablesError> {
        let before = self.let_go();
        self.home.remove(NEW_NAME)?;
        let reason = match self.load() {
            Ok(_) if matches!(self.state, State::Lost) => "it is gone".to_owned(),
            Ok(None) => return Ok(None),
            Ok(Some((opened, watermark))) => {
                let base = match &self.base {
                    Some(base) => {
                        base.reopened(opened.ahead(self.tried == Some(watermark)));
                        Arc::clone(base)
                    }
                    None => Arc::new(Base::new(opened)),
                };
                self.base = Some(Arc::clone(&base));
                if let Some(before) = before {
                    before.replaced();
                }
                return Ok(Some(base));
            }
            Err(unusable) => unusable.to_string(),
        };
        Err(self.home.unreadable(&reason))
    }

    fn load(&mut self) -> Result<Option<(Opened, Watermark)>, Unusable> {
        let file = match self.home.vfs.open(&self.home.path, OpenMode::ReadWrite) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        if file.is_empty()? {
            return Err(Unusable::Damaged("it is empty".to_owned()));
        }
        contain(|| {
            let file = self.start(file)?;
            let found = file.with(|database| self.found(database, &file))?;
            self.state = State::Open(file);
            Ok(Some(found))
        })
    }

    fn start(&self, file: Arc<dyn VfsFile>) -> Result<Arc<RedbFile>, redb::Error> {
        RedbFile::open(file, Arc::clone(&self.home.reads), self.cache_bytes)
    }

    fn found(
        &self,
        database: &Database,
        file: &Arc<RedbFile>,
    ) -> Result<(Opened, Watermark), Unusable> {
        let damaged = |error: redb::TableError| Unusable::from(redb::Error::from(error));
        let read = database.begin_read().map_err(redb::Error::from)?;
        let about = read.open_table(ABOUT).map_err(damaged)?;
        let about = about.get(()).map_err(redb::Error::from)?;
        let (identity, watermark) = about
            .and_then(|about| watermark::decode(about.value()))
            .ok_or_else(|| Unusable::Damaged("it does not say what it is".to_owned()))?;
        if identity.schema != self.identity.schema {
            return Err(Unusable::OtherVersion(identity.schema));
        }
        if identity.database != self.identity.database {
            return Err(Unusable::OtherDatabase);
        }
        let rows = read.open_table(ROWS).map_err(damaged)?;
        let opened = Opened::new(rows, Arc::clone(&self.home), Arc::clone(file));
        Ok((opened, watermark))
    }

    fn try_write<R: TableRow>(
        &mut self,
        changes: &Changes<R>,
        watermark: Watermark,
    ) -> Result<Opened, Unusable> {
        let home = Arc::clone(&self.home);
        let new_path = home.dir.join(NEW_NAME);
        if matches!(self.state, State::Absent) {
            let file = home.vfs.open(&new_path, OpenMode::CreateNew)?;
            self.state = State::New(self.start(file)?);
        }
        let (State::New(file) | State::Open(file)) = &self.state else {
            return Err(Unusable::Damaged("it is gone".to_owned()));
        };
        let file = Arc::clone(file);
        let about = watermark::encode(self.identity, watermark);
        file.with(|database| Ok(commit(database, changes, &about)?))?;
        if matches!(self.state, State::New(_)) {
            home.vfs.rename(&new_path, &home.path)?;
            home.vfs.sync_dir(&home.dir)?;
        }
        let rows = file.with(|database| {
            let read = database.begin_read().map_err(redb::Error::from)?;
            Ok(read.open_table(ROWS).map_err(redb::Error::from)?)
        })?;
        self.state = match mem::replace(&mut self.state, State::Lost) {
            State::New(file) => State::Open(file),
            state => state,
        };
        Ok(Opened::new(rows, home, file))
    }

    /// Closes it after all is written.
    pub(super) fn close(mut self) {
        let Some(file) = self.take() else { return };
        if let Err(error) = file.close() {
            tracing::warn!(%error, path = %self.home.path.display(), "the index was not closed cleanly");
        }
    }

    /// Lets go of what was open: nothing of it is read or written any more.
    fn let_go(&mut self) -> Option<Arc<RedbFile>> {
        self.take().inspect(|file| file.let_go())
    }

    /// What was open.
    fn take(&mut self) -> Option<Arc<RedbFile>> {
        let (file, left) = match mem::replace(&mut self.state, State::Lost) {
            State::New(file) => (file, State::Absent),
            State::Open(file) => (file, State::Lost),
            state => {
                self.state = state;
                return None;
            }
        };
        self.state = left;
        Some(file)
    }
}

impl Drop for IndexFile {
    fn drop(&mut self) {
        self.let_go();
    }
}

fn commit<R: TableRow>(
    database: &Database,
    changes: &Changes<R>,
    about: &[u8],
) -> Result<(), redb::Error> {
    let mut write = database.begin_write()?;
    // Else an unclean end would have the next open walk all pages.
    write.set_quick_repair(true);
    {
        let mut rows = write.open_table(ROWS)?;
        let changes = changes.iter();
        let changes = changes.map(|(key, row)| (key.key.encode(), row.as_ref().map(R::encode)));
        put_in_order(&mut rows, changes)?;
        write.open_table(ABOUT)?.insert((), about)?;
    }
    Ok(write.commit()?)
}
