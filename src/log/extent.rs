//! [`Extent`]: how much of a log lies in front of a place in it, to tell how far whoever reads it is.

use std::path::Path;
use std::sync::Arc;

use super::directory::Directory;
use super::{FrameAddress, LogError, SegmentId};
use crate::vfs::{OpenMode, Vfs};

/// The lengths of a log's files, whatever is in them.
#[derive(Debug)]
pub(crate) struct Extent {
    /// Each segment, and how many bytes are in those in front of it.
    segments: Vec<(SegmentId, u64)>,
    bytes: u64,
}

impl Extent {
    /// Of the log in the directory `dir`.
    ///
    /// # Errors
    /// [`LogError::Io`] from the file system.
    pub(crate) fn of(vfs: Arc<dyn Vfs>, dir: &Path) -> Result<Self, LogError> {
        let directory = Directory::new(vfs, dir)?;
        let mut extent = Self {
            segments: Vec::new(),
            bytes: 0,
        };
        for id in directory.segments()? {
            let path = directory.segment(id);
            let file = directory.vfs.open(&path, OpenMode::Read);
            let length = file.and_then(|file| file.len());
            let length = length.map_err(|error| LogError::io("measure", &path, error))?;
            extent.segments.push((id, extent.bytes));
            extent.bytes += length;
        }
        Ok(extent)
    }

    /// How many bytes there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many of them are in front of a frame.
    pub(crate) fn in_front_of(&self, frame: FrameAddress) -> u64 {
        let after = self
            .segments
            .partition_point(|(id, _)| *id <= frame.segment);
        let segment = after.checked_sub(1).and_then(|at| self.segments.get(at));
        segment.map_or(0, |(_, before)| before + frame.offset)
    }
}
