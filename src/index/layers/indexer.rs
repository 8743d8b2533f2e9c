//! [`Indexer`]: what moves changes from memory to the index file.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::file::IndexFile;
use super::gate::{Gate, Stop, Work};
use super::layered::Layered;
use crate::index::tables::{TableRow, TablesError};
use crate::vfs::{Host, Job, wait_for_end};

/// Who has the rows under a lock, and knows the log that they come from.
pub(crate) trait Owner: Send + Sync + 'static {
    type Row: TableRow;

    /// Lends the rows.
    fn with_rows<T>(&self, with: impl FnOnce(&mut Layered<Self::Row>) -> T) -> T;

    /// Makes everything durable that is applied. Whether it is: nothing is written after that fails.
    fn sync_log(&self) -> bool;
}

/// What moves changes from memory to the index file, in a thread of its own where there are threads. Dropping it ends it at
/// once.
pub(crate) struct Indexer {
    gate: Arc<Gate>,
    /// `None` once it has ended.
    job: Option<Arc<dyn Job>>,
    thread: Option<JoinHandle<()>>,
}

struct Moving<O> {
    /// `None` once it has ended.
    file: Mutex<Option<IndexFile>>,
    owner: Arc<O>,
    gate: Arc<Gate>,
}

impl Indexer {
    /// Starts it.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub(crate) fn start<O: Owner>(
        file: IndexFile,
        owner: Arc<O>,
        gate: Arc<Gate>,
        host: &dyn Host,
    ) -> io::Result<Self> {
        let job: Arc<dyn Job> = Arc::new(Moving {
            file: Mutex::new(Some(file)),
            owner,
            gate: Arc::clone(&gate),
        });
        let thread = host.start("stepwell-index", Arc::downgrade(&job))?;
        let job = Some(job);
        Ok(Self { gate, job, thread })
    }

    /// Ends it, closes the file and waits for that.
    pub(crate) fn stop(mut self, how: Stop) {
        self.end(how);
    }

    fn end(&mut self, how: Stop) {
        let Some(job) = self.job.take() else { return };
        self.gate.stop(how);
        match self.thread.take() {
            // It contains the panics of redb, and has no others.
            Some(thread) => drop(wait_for_end(thread)),
            None => job.step(),
        }
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.end(Stop::Now);
    }
}

impl fmt::Debug for Indexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexer").finish_non_exhaustive()
    }
}

impl<O: Owner> Job for Moving<O> {
    fn run(&self) {
        while self.work(self.gate.wait_for_work()) {}
    }

    fn step(&self) {
        if let Some(work) = self.gate.work_now() {
            self.work(work);
        }
    }
}

impl<O: Owner> Moving<O> {
    /// Whether there may be more to do later.
    fn work(&self, work: Work) -> bool {
        // Whoever is at it already does this, too.
        let Some(mut held) = self.file.try_lock() else {
            return true;
        };
        let Some(file) = &mut *held else {
            return false;
        };
        if work == Work::Stop(Stop::Now) {
            *held = None;
            return false;
        }
        let all = self.flush_all(file, work);
        if work == Work::Flush {
            return true;
        }
        // After a failure nothing is left to be written.
        if let Some(file) = held.take().filter(|_| all) {
            file.close();
        }
        false
    }

    /// Whether all is written.
    fn flush_all(&self, file: &mut IndexFile, work: Work) -> bool {
        let flushed = loop {
            match flush(file, &*self.owner, &self.gate) {
                Ok(true) if work != Work::Flush => {}
                flushed => break flushed,
            }
        };
        match flushed {
            Ok(_) => {
                self.gate.succeeded();
                true
            }
            Err(error) => {
                tracing::error!(%error, "what the index file lacks stays in memory");
                self.gate.failed(error);
                false
            }
        }
    }
}

/// Moves to the file what is in memory now; whether there was anything. The file is never ahead of the log:
/// what is not durable there is not written here.
fn flush<O: Owner>(file: &mut IndexFile, owner: &O, gate: &Gate) -> Result<bool, TablesError> {
    let (cut, is_abandoned) = owner.with_rows(|rows| (rows.cut(), rows.abandoned().is_some()));
    if is_abandoned {
        gate.open();
    }
    let Some(cut) = cut else {
        return Ok(false);
    };
    if !owner.sync_log() {
        gate.open();
        return Ok(false);
    }
    let handover = file.handover();
    let writing = handover.begin();
    match file.write(&cut.changes, cut.watermark) {
        Ok(base) => {
            drop(writing);
            let written = owner.with_rows(|rows| rows.settle(base));
            // Not under the owner's lock: this takes a while.
            drop((cut, written));
            Ok(true)
        }
        Err(error) => {
            let reopened = file.reopen();
            // Whoever lends the rows may have to read them first.
            drop(writing);
            match reopened {
                Ok(base) => owner.with_rows(|rows| rows.rebase(base)),
                Err(error) => tracing::error!(%error, "the index ends here"),
            }
            Err(error)
        }
    }
}
