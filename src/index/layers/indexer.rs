//! [`Indexer`]: the thread that moves changes from memory to the index file.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::file::IndexFile;
use super::gate::{Gate, Stop, Work};
use super::layered::Layered;
use crate::index::tables::{TableRow, TablesError};

/// Who has the rows under a lock, and knows the log that they come from.
pub(crate) trait Owner: Send + Sync + 'static {
    type Row: TableRow;

    /// Lends the rows.
    fn with_rows<T>(&self, with: impl FnOnce(&mut Layered<Self::Row>) -> T) -> T;

    /// Makes everything durable that is applied. Whether it is: nothing is written after that fails.
    fn sync_log(&self) -> bool;
}

/// The thread that moves changes from memory to the index file. Dropping it ends it at once.
#[derive(Debug)]
pub(crate) struct Indexer {
    gate: Arc<Gate>,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// Starts the thread.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub(crate) fn start<O: Owner>(
        file: IndexFile,
        owner: Arc<O>,
        gate: Arc<Gate>,
    ) -> io::Result<Self> {
        let of_thread = Arc::clone(&gate);
        let thread = Builder::new()
            .name("stepwell-index".to_owned())
            .spawn(move || run(file, &*owner, &of_thread))?;
        Ok(Self {
            gate,
            thread: Some(thread),
        })
    }

    /// Ends the thread, closes the file and waits for that.
    pub(crate) fn stop(mut self, how: Stop) {
        self.end(how);
    }

    fn end(&mut self, how: Stop) {
        self.gate.stop(how);
        if let Some(thread) = self.thread.take() {
            // It contains the panics of redb, and has no others.
            let _ = thread.join();
        }
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.end(Stop::Now);
    }
}

fn run<O: Owner>(mut file: IndexFile, owner: &O, gate: &Gate) {
    loop {
        let work = gate.wait_for_work();
        if work == Work::Stop(Stop::Now) {
            return;
        }
        let flushed = loop {
            match flush(&mut file, owner, gate) {
                Ok(true) if work != Work::Flush => {}
                flushed => break flushed,
            }
        };
        match flushed {
            Ok(_) => gate.succeeded(),
            Err(error) => {
                tracing::error!(%error, "what the index file lacks stays in memory");
                gate.failed(error);
            }
        }
        if work != Work::Flush {
            return;
        }
    }
}

/// Moves to the file what is in memory now; whether there was anything. The file is never ahead of the log:
/// what is not durable there is not written here.
fn flush<O: Owner>(file: &mut IndexFile, owner: &O, gate: &Gate) -> Result<bool, TablesError> {
    let Some(cut) = owner.with_rows(Layered::cut) else {
        return Ok(false);
    };
    if !owner.sync_log() {
        gate.open();
        return Ok(false);
    }
    match file.write(&cut.changes, cut.watermark) {
        Ok(base) => {
            let written = owner.with_rows(|rows| rows.settle(base));
            // Not under the owner's lock: this takes a while.
            drop((cut, written));
            Ok(true)
        }
        Err(error) => {
            match file.reopen() {
                Ok(base) => owner.with_rows(|rows| rows.rebase(base)),
                Err(error) => tracing::error!(%error, "the index ends here"),
            }
            Err(error)
        }
    }
}
