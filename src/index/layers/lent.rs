//! [`Lent`]: a file that can be taken away from redb.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::vfs::VfsFile;

/// A file that can be taken away from redb.
#[derive(Clone, Debug)]
pub(super) struct Lent(Arc<Lending>);

#[derive(Debug)]
struct Lending {
    file: Mutex<Option<Arc<dyn VfsFile>>>,
    /// A call has failed.
    failed: AtomicBool,
}

impl Lent {
    pub(super) fn new(file: Arc<dyn VfsFile>) -> Self {
        Self(Arc::new(Lending {
            file: Mutex::new(Some(file)),
            failed: AtomicBool::new(false),
        }))
    }

    /// Has all further calls fail.
    pub(super) fn take_back(&self) {
        *self.0.file.lock() = None;
    }

    pub(super) fn is_taken_back(&self) -> bool {
        self.0.file.lock().is_none()
    }

    /// Whether a call has failed: redb makes no more of them then.
    pub(super) fn has_failed(&self) -> bool {
        self.0.failed.load(Ordering::Acquire)
    }

    pub(super) fn get(&self) -> io::Result<Arc<dyn VfsFile>> {
        let file = self.0.file.lock().clone();
        file.ok_or_else(|| io::Error::other("the index file is not used any more"))
    }

    /// What a call came to, noted if it has failed.
    pub(super) fn noted<T>(&self, called: io::Result<T>) -> io::Result<T> {
        if called.is_err() {
            self.0.failed.store(true, Ordering::Release);
        }
        called
    }
}
