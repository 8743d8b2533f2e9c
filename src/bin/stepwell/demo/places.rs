//! [`Places`]: where a run of the demo finds and leaves things. Parent and worker agree on it.

use std::io;
use std::path::{Path, PathBuf};

use super::files;

/// Where one run of the demo finds and leaves things.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The directory whose Markdown is read.
    pub(super) input: PathBuf,
    /// The database.
    pub(super) db: PathBuf,
    /// The thread within it.
    pub(super) thread: String,
}

impl Places {
    pub(super) fn journal(&self) -> PathBuf {
        self.beside("journal.tsv")
    }

    pub(super) fn report(&self) -> PathBuf {
        self.beside("report.md")
    }

    pub(super) fn report_of_fork(&self) -> PathBuf {
        self.beside("fork-report.md")
    }

    pub(super) fn sample(&self) -> PathBuf {
        self.beside("sample")
    }

    /// The Markdown files of the input.
    pub(super) fn files(&self) -> io::Result<Vec<String>> {
        files::below(&self.input, &self.db)
    }

    /// The database's path with something appended.
    fn beside(&self, what: &str) -> PathBuf {
        self.db.with_added_extension(what)
    }
}

/// `path` without what means nothing at its end, so that something can be appended to its last part.
pub(super) fn trimmed(path: &Path) -> PathBuf {
    path.components().collect()
}
