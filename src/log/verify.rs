//! Reading a whole log to see that it is whole.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::chain::{SegmentInfo, header_of};
use super::directory::Directory;
use super::salvage::lost_of;
use super::scan::SegmentScan;
use super::sealed::Sealed;
use super::segment::Segment;
use super::segment_header::{Kind, SegmentHeader};
use super::segment_table::SegmentTable;
use super::superblock_file::SuperblockFile;
use super::{LogError, Lsn};

/// The progress is told after this many bytes.
const STEP: u64 = 1024 * 1024;

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// How many bytes were read.
    pub bytes: u64,
    /// How many there are, about.
    pub of_bytes: u64,
}

/// What a verification found.
#[derive(Debug, Clone, Default)]
pub struct VerifyReport {
    /// How many segments were read.
    pub segments: u64,
    /// How many frames were read and found whole.
    pub frames: u64,
    /// How many bytes of segments were read.
    pub bytes: u64,
    /// What is wrong. Of a damaged segment these are its records that cannot be read, if there are any, and else what is wrong with it.
    pub damage: Vec<LogError>,
    /// It was stopped before it had read everything.
    pub stopped: bool,
}

/// A verification of the log up to the record `end`.
pub(super) struct Verify<'a> {
    directory: &'a Directory,
    end: Lsn,
    of_bytes: u64,
    progress: &'a mut dyn FnMut(VerifyProgress) -> ControlFlow<()>,
    told: u64,
    pub(super) report: VerifyReport,
}

/// Opens a segment; none if another one has replaced it, which the table then knows.
pub(super) type Open<'a> = dyn Fn(&SegmentInfo) -> Result<Option<Arc<Segment>>, LogError> + 'a;

impl<'a> Verify<'a> {
    pub(super) fn new(
        directory: &'a Directory,
        end: Lsn,
        of_bytes: u64,
        progress: &'a mut dyn FnMut(VerifyProgress) -> ControlFlow<()>,
    ) -> Self {
        Self {
            directory,
            end,
            of_bytes,
            progress,
            told: 0,
            report: VerifyReport::default(),
        }
    }

    /// Reads the segments, in order; those that come to be while it runs are not needed.
    pub(super) fn segments(
        &mut self,
        table: &SegmentTable,
        open: &Open<'_>,
    ) -> Result<(), LogError> {
        let mut lsn = Lsn::FIRST;
        while lsn < self.end && !self.report.stopped {
            let Some((info, next)) = table.covering(lsn) else {
                break;
            };
            let Some(segment) = open(&info)? else {
                continue;
            };
            let end = match info.header.kind {
                // It may cover more than there was at the call.
                Kind::Compacted { end, .. } => end,
                Kind::Ordinary => next.unwrap_or(self.end.get()).min(self.end.get()),
            };
            let frames = self.report.frames;
            match self.segment(&segment, end) {
                Ok(()) => {}
                Err(error @ LogError::Io { .. }) => return Err(error),
                Err(damage) => self.damaged(&segment, end, frames, damage)?,
            }
            self.report.segments += 1;
            lsn = Lsn::new(next.unwrap_or(end));
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Segment, end: u64) -> Result<(), LogError> {
        let path = &segment.path;
        let scan = SegmentScan::new(Arc::clone(&segment.file), path)?;
        let scan = scan.reading_ahead(&self.directory.vfs);
        let header = header_of(segment.file.as_ref(), scan.len())
            .map_err(|error| LogError::io("read", path, error))?;
        SegmentHeader::decode(&header, path, segment.id, segment.header.database)?;
        let mut sealed = Sealed::new(scan, segment.header, end)?;
        let before = self.report.bytes;
        while sealed.next()?.is_some() {
            self.report.bytes = before.saturating_add(sealed.offset());
            self.report.frames += 1;
            if self.report.bytes - self.told >= STEP {
                self.told = self.report.bytes;
                let progress = VerifyProgress {
                    bytes: self.told,
                    of_bytes: self.of_bytes,
                };
                if (self.progress)(progress) == ControlFlow::Break(()) {
                    self.report.stopped = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads past the damage that was found in a segment, in front of which there are so many frames.
    fn damaged(
        &mut self,
        segment: &Segment,
        end: u64,
        frames: u64,
        damage: LogError,
    ) -> Result<(), LogError> {
        let lost = match &damage {
            LogError::Corrupt { .. } => {
                let (lost, whole) = lost_of(self.directory, segment, end)?;
                self.report.frames = frames + whole;
                lost
            }
            _ => Vec::new(),
        };
        if lost.is_empty() {
            self.report.damage.push(damage);
        }
        let lost = lost.into_iter().map(|lost| {
            let lsns = lost.lsns.start.get()..lost.lsns.end.get();
            LogError::corrupt(&segment.path, lost.offset, lsns, lost.reason)
        });
        self.report.damage.extend(lost);
        Ok(())
    }

    /// Reads the superblock. A slot that is just being written is not damage, so it looks twice.
    pub(super) fn superblock(&mut self) -> Result<(), LogError> {
        for attempt in 0..3 {
            match SuperblockFile::read(self.directory) {
                Ok((_, None)) => return Ok(()),
                Ok((_, Some(slot))) if attempt == 2 => {
                    self.report.damage.push(LogError::SuperblockDamaged {
                        path: self.directory.superblock(),
                        reason: format!("its slot {slot} fails its checksum; the other one serves"),
                    });
                }
                Ok(_) => {
                    let host = self.directory.vfs.host();
                    host.sleep(std::time::Duration::from_millis(20));
                }
                Err(error @ LogError::Io { .. }) => return Err(error),
                Err(damage) => {
                    self.report.damage.push(damage);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
