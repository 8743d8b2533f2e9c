//! A database that is looked at while another process may have it open.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use parking_lot::RwLock;

use crate::db::decoded::Decoded;
use crate::db::indexed::{Indexed, LogState};
use crate::db::options::ValueOptions;
use crate::db::view::View;
use crate::db::{Db, DbError, RecoveryReport};
use crate::index::{Gate, IndexOptions};
use crate::log::{FrameAddress, LogOptions, ReadOnlyLog, Window};
use crate::vfs::Vfs;

impl Db {
    /// See [`DbOptions::read_only`](crate::db::DbOptions::read_only).
    pub(super) fn open_read_only(
        vfs: Arc<dyn Vfs>,
        place: (&Path, &Path),
        values: ValueOptions,
    ) -> Result<Self, DbError> {
        // Nothing is moved to a file, so nobody waits for that.
        let options = IndexOptions {
            cache_bytes: 0,
            flush_bytes: usize::MAX,
            flush_records: u64::MAX,
            memory_bytes: usize::MAX,
        };
        let gate = Arc::new(Gate::new(options, Arc::clone(&vfs)));
        let view = Arc::new(View::new(None, &gate));
        let mut frames = 0;
        let log = ReadOnlyLog::open(Arc::clone(&vfs), place.1, &mut |frame, payload, as_of| {
            frames += 1;
            view.be_sure_below(as_of.get());
            Ok(view.replay(&mut [(frame, Ok(Decoded::of(frame, payload)?))])?)
        })?;
        let recovery = RecoveryReport {
            created: false,
            clean: false,
            frames,
            next_lsn: log.end(),
            torn_tail: None,
            damaged_superblock_slot: None,
        };
        let indexed = Arc::new(Indexed {
            view,
            log: RwLock::new(LogState::ReadOnly(Arc::new(log))),
        });
        Ok(Self::of(
            &vfs,
            place,
            indexed,
            None,
            (None, recovery),
            values,
            LogOptions::default().segment_bytes,
        ))
    }

    /// Whether it was opened to be looked at.
    pub fn is_read_only(&self) -> bool {
        matches!(&*self.indexed().log.read(), LogState::ReadOnly(_))
    }

    /// Whether it is open read-only, and somebody who knew more of its log has compacted that since.
    pub(super) fn is_outdated(&self) -> bool {
        match &*self.indexed().log.read() {
            LogState::ReadOnly(log) => log.is_outdated(),
            _ => false,
        }
    }

    /// The payload of a frame, by way of a window if those in front of it are wanted next.
    pub(super) fn frame(
        &self,
        at: FrameAddress,
        near: Option<&mut Window>,
    ) -> Result<Bytes, DbError> {
        self.frames_read().fetch_add(1, Ordering::Relaxed);
        match &*self.indexed().log.read() {
            LogState::Open(log) => Ok(match near {
                Some(window) => log.read_back(at, window)?,
                None => log.read(at)?,
            }),
            LogState::ReadOnly(log) => Ok(log.read(at)?),
            _ => Err(self.closed()),
        }
    }

    /// Whether the log has stopped after a failure.
    pub(super) fn has_failed(&self) -> Result<bool, DbError> {
        match &*self.indexed().log.read() {
            LogState::Open(log) => Ok(log.has_failed()),
            LogState::ReadOnly(_) => Ok(false),
            _ => Err(self.closed()),
        }
    }
}
