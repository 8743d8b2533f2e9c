//! A database in a directory of its own, to be opened again and again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stepwell::db::{CompactionOptions, Db, DbOptions, Durability};
use tempfile::TempDir;

/// How a database is opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reopening {
    /// It is closed first.
    Clean,
    /// It is left as a killed process leaves it.
    Unclean,
}

/// A database in a directory of its own.
pub(crate) struct Database {
    // Fields are dropped in order: the database goes before its directory.
    db: Option<Db>,
    dir: TempDir,
    /// How it is opened the next time.
    pub(crate) options: DbOptions,
}

/// Small segments, so that there are several, and no syncs, since nobody cuts the power. Compacted only when that is asked for: files are
/// counted and copied.
pub(crate) fn options() -> DbOptions {
    let options = Db::options().segment_bytes(1024).durability(Durability::Os);
    options.compaction(CompactionOptions {
        background: false,
        ..CompactionOptions::default()
    })
}

impl Default for Database {
    fn default() -> Self {
        Self::with(options())
    }
}

impl Database {
    /// One that is always opened like this.
    pub(crate) fn with(options: DbOptions) -> Self {
        let dir = TempDir::new().unwrap();
        Self {
            db: Some(options.clone().open(dir.path()).unwrap()),
            dir,
            options,
        }
    }

    pub(crate) fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    /// A copy of its files as of one moment. What is committed in the background meanwhile, such as what the sweeper removes, would be in some
    /// of them and not in others, and then the next copy is another.
    fn copied(&self) -> TempDir {
        loop {
            let copies = [(); 2].map(|()| TempDir::new().unwrap());
            let copied = (copies.iter()).try_for_each(|to| copy(self.dir.path(), to.path()));
            let [one, other] = copies;
            match copied {
                // A file got its name, or went, meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                copied => {
                    copied.unwrap();
                    if bytes(one.path()) == bytes(other.path()) {
                        return one;
                    }
                }
            }
        }
    }

    /// Opens the database again. All that uses it must be gone.
    pub(crate) fn reopen(&mut self, reopening: Reopening) {
        match reopening {
            Reopening::Clean => self.db.take().unwrap().close().unwrap(),
            Reopening::Unclean => {
                let dir = self.copied();
                self.db = None;
                self.dir = dir;
            }
        }
        self.db = Some(self.options.clone().open(self.dir.path()).unwrap());
        let recovery = self.db().recovery();
        assert_eq!(recovery.clean, reopening == Reopening::Clean);
        assert_eq!(recovery.torn_tail, None);
    }
}

/// Copies the files of a database, as they are at this moment.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// All files in a directory and below it.
pub(crate) fn bytes(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            all.extend((bytes(&path).into_iter()).map(|(below, bytes)| (name.join(below), bytes)));
        } else {
            all.insert(name, fs::read(&path).unwrap());
        }
    }
    all
}
