//! Closing a database: its threads end before its log does, and its index file last.

use std::mem;

use crate::db::handle::Inner;
use crate::db::indexed::LogState;
use crate::db::{Db, DbError};
use crate::index::Stop;

/// An end with more of the log than this not in the index file fills the file first.
const REPLAYED_MAX: u64 = 4 << 20;

impl Drop for Inner {
    fn drop(&mut self) {
        // The threads have shares in the log.
        drop(self.worker.get_mut().take());
        drop(self.background.get_mut().take());
        self.items.stop();
        drop(self.applier.get_mut().take());
        drop(self.indexer.get_mut().take());
    }
}

impl Db {
    /// Writes and syncs everything and closes the database, so that the next open need not
    /// recover it. Clones, checkpointers and stores of it that are left answer
    /// [`DbError::Closed`]. Whoever closes it at the same time, or once more, gets the same answer when it is closed.
    ///
    /// It does not wait for backups and verifications, and may be called by their callbacks. A backup reads on to its end, unless the
    /// database is opened again and compacted meanwhile; a verification answers [`DbError::Closed`].
    ///
    /// # Errors
    /// [`DbError::Log`] if writing failed, now or before: the next open recovers what was acknowledged.
    pub fn close(self) -> Result<(), DbError> {
        let inner = &*self.inner;
        inner.engine.stop();
        let _one = inner.closing.lock();
        drop(inner.worker.lock().take());
        self.set_background(None);
        inner.items.stop();
        let indexed = &inner.indexed;
        let state = mem::replace(&mut *indexed.log.write(), LogState::Closing);
        inner.hot.forget_all();
        indexed.view.forget_vectors();
        let closed = match state {
            LogState::Open(log) => log.shut(),
            LogState::ReadOnly(_) => Ok(()),
            state => {
                let closed = match &state {
                    LogState::Closed(closed) => closed.clone(),
                    _ => Ok(()),
                };
                *indexed.log.write() = state;
                return Ok(closed?);
            }
        };
        *indexed.log.write() = LogState::Closed(closed.clone());
        drop(inner.applier.lock().take());
        let indexer = inner.indexer.lock().take();
        if let Some(indexer) = indexer {
            let tail = indexed.view.with_rows(|rows| rows.tail_bytes());
            indexer.stop(if closed.is_ok() && tail > REPLAYED_MAX {
                Stop::Flushed
            } else {
                Stop::Now
            });
        }
        Ok(closed?)
    }
}
