//! Salvage: a new database of what is whole in a damaged one.

mod hiding;
mod moot;
mod progress;
mod readable;
mod regaining;
mod rescue;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use self::progress::Telling;
pub use self::progress::{SalvageProgress, SalvageStage};
use self::rescue::Rescue;
use crate::db::DbError;
use crate::log::{self, Extent, Lost};
use crate::vfs::{OsFs, Vfs};

/// What a salvage kept, and what is lost.
///
/// Losses are named under the thread that they were put to. What went later with its whole thread is not named, unless the thread was copied, nor are items that
/// were put again or removed later, unless it is kept what they were. Checkpoints that were pruned or put again later are: others may have their values of them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SalvageReport {
    /// How many frames of the log are in the new database.
    pub frames: u64,
    /// How many threads it has.
    pub threads: u64,
    /// How many checkpoints they have.
    pub checkpoints: u64,
    /// How many items it has.
    pub items: u64,
    /// The records that could not be read. What they said, nobody knows: checkpoints and writes that were only in them are
    /// not listed below.
    pub lost_records: Vec<Lost>,
    /// The channels of checkpoints that are kept whose values depend on lost records. Later checkpoints that have
    /// the channel at the same version lack it too, and are not listed. Nor are channels of which no record is left that
    /// names them.
    pub lost_values: Vec<LostValue>,
    /// The channels of checkpoints whose parent is lost, for which the only value was taken that the namespace still has
    /// at their version. It is the right one unless what was lost was on another branch.
    pub assumed_values: Vec<LostValue>,
    /// Pending writes that are gone because one of a task's values depends on lost records.
    pub lost_writes: Vec<LostWrites>,
    /// Items whose value depends on lost records, or what they were, where that is kept; by namespace and key.
    pub lost_items: Vec<LostItem>,
}

/// A value of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct LostValue {
    /// The thread.
    pub thread: String,
    /// The graph within the thread.
    pub namespace: String,
    /// The checkpoint's id.
    pub checkpoint: String,
    /// The channel.
    pub channel: String,
}

/// Writes of a task that are lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LostWrites {
    /// The thread.
    pub thread: String,
    /// The graph within the thread.
    pub namespace: String,
    /// The id of the checkpoint that they belong to.
    pub checkpoint: String,
    /// The task.
    pub task: String,
}

/// An item that is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LostItem {
    /// Where it was kept, label by label.
    pub namespace: Vec<String>,
    /// Its name within the namespace.
    pub key: String,
}

impl SalvageReport {
    /// Whether nothing is lost.
    pub fn is_whole(&self) -> bool {
        self.lost_records.is_empty()
            && self.lost_values.is_empty()
            && self.lost_writes.is_empty()
            && self.lost_items.is_empty()
    }
}

/// Makes a new database in the directory `to` of what is whole in the one in `from`, which may be damaged so that it
/// does not open. Nothing in `from` changes; nobody may have it open.
///
/// Whatever does not depend on a damaged or missing part is in the new database as it was: checkpoints with their ids and
/// order, pending writes, items with their times, tags, copies. Of a checkpoint that depends on one, the values are
/// missing that do. A deletion that is lost has not happened. The log is read twice; the index of the new
/// database is in memory meanwhile: some hundreds of bytes per checkpoint.
///
/// # Errors
/// [`DbError::Log`]: `from` is open, there is something in `to` already, a record is of a newer version, or the file
/// system failed. What is in `to` then is no database.
pub fn salvage(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<SalvageReport, DbError> {
    salvage_with(from.as_ref(), to.as_ref(), &mut |_| {})
}

/// As [`salvage`], and tells `progress` how far it is, about once per MiB.
///
/// # Errors
/// As [`salvage`].
pub fn salvage_with(
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(SalvageProgress),
) -> Result<SalvageReport, DbError> {
    salvage_in(Arc::new(OsFs), from, to, progress)
}

/// As [`salvage_with`], in this file system. For tests, and no part of the interface.
#[doc(hidden)]
pub fn salvage_in(
    vfs: Arc<dyn Vfs>,
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(SalvageProgress),
) -> Result<SalvageReport, DbError> {
    // It is read twice, and must be the same both times.
    let from = &log::absolute(vfs.as_ref(), from)?;
    let to = &log::absolute(vfs.as_ref(), to)?;
    let mut telling = Telling::new(Extent::of(Arc::clone(&vfs), from)?, progress);
    let found = log::salvage(Arc::clone(&vfs), from, &mut |frame, _| {
        telling.at(frame);
        Ok(())
    })?;
    telling.end();
    telling.begin(SalvageStage::Writing);
    let lost_from = found.lost.first().map(|lost| lost.lsns.start);
    let as_of = found.compacted_as_of;
    let mut rescue = Rescue::new(lost_from, as_of);
    log::salvage_to(vfs, from, to, as_of, &mut |frame, payload| {
        telling.at(frame);
        rescue.frame(frame, payload)
    })?;
    telling.end();
    Ok(rescue.finish(found.lost)?)
}
