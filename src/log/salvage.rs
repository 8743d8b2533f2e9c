//! Reading past damage: every frame that is still whole, and what was lost between them.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::chain::header_of;
use super::directory::Directory;
use super::scan::{Expected, Found, SegmentScan};
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::superblock::Superblock;
use super::superblock_file::SuperblockFile;
use super::{LogError, Lsn, Replay, SegmentId};
use crate::vfs::{OpenMode, Vfs};

/// What a salvage found.
#[derive(Debug, Clone)]
pub struct SalvageReport {
    /// How many frames were given out.
    pub frames: u64,
    /// What was not, in the order of the LSNs.
    pub lost: Vec<Lost>,
    /// The greatest LSN up to which the log was known to whoever has [compacted](super::Log::compact) segments of it; 0 if
    /// nobody has, as far as it can be told.
    pub compacted_as_of: Lsn,
}

/// Records that a salvage did not find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The records. In a compacted segment at most these: it need not have held all of them.
    pub lsns: Range<Lsn>,
    /// The segment in which they were, or after which the one is missing.
    pub segment: SegmentId,
    /// The byte of its file at which the damage begins.
    pub offset: u64,
    /// What is wrong there.
    pub reason: String,
}

/// Gives every whole frame of the log in the directory `dir` to `each`, in LSN order, whatever is damaged or missing
/// around it. It writes nothing, but keeps others from opening the log meanwhile. A torn tail is not lost, as it
/// was never durable; frames behind one are given.
///
/// # Errors
/// [`LogError::Locked`] if the log is open. [`LogError::Replay`] if `each` fails. [`LogError::Io`] from the file system.
pub fn salvage(
    vfs: Arc<dyn Vfs>,
    dir: &Path,
    each: &mut Replay<'_>,
) -> Result<SalvageReport, LogError> {
    let directory = Directory::new(vfs, dir);
    let _lock = directory.lock_there()?;
    let superblock = match SuperblockFile::read(&directory) {
        Ok((superblock, _)) => Some(superblock),
        Err(error @ (LogError::OldFormat { .. } | LogError::NewerFormat { .. })) => {
            return Err(error);
        }
        Err(error) => {
            tracing::warn!(%error, "salvaging without the superblock");
            None
        }
    };
    let ids = directory.segments()?;
    let mut salvage = Salvage {
        directory: &directory,
        superblock,
        each,
        lsn: Lsn::FIRST.get(),
        presumed: Vec::new(),
        report: SalvageReport {
            frames: 0,
            lost: Vec::new(),
            compacted_as_of: Lsn::new(0),
        },
    };
    for (number, id) in ids.iter().enumerate() {
        // One that a compacted segment replaced is passed over.
        if number == 0 || id.base().get() >= salvage.lsn {
            salvage.segment(*id, ids.get(number + 1..).unwrap_or_default())?;
        }
    }
    let watermark = salvage.watermark().max(salvage.lsn);
    for as_of in std::mem::take(&mut salvage.presumed) {
        if as_of <= watermark {
            salvage.as_of(as_of);
        }
    }
    Ok(salvage.report)
}

struct Salvage<'a, 'r> {
    directory: &'a Directory,
    superblock: Option<Superblock>,
    each: &'a mut Replay<'r>,
    /// All in front of it was given out or is lost.
    lsn: u64,
    /// What damaged headers say of compactions.
    presumed: Vec<u64>,
    report: SalvageReport,
}

impl Salvage<'_, '_> {
    fn segment(&mut self, id: SegmentId, later: &[SegmentId]) -> Result<(), LogError> {
        self.lose(
            id.base().get(),
            id,
            0,
            "a segment in front of it is missing",
        );
        let path = self.directory.segment(id);
        let file = self.directory.vfs.open(&path, OpenMode::Read);
        let file = file.map_err(|error| LogError::io("open", &path, error))?;
        let mut scan = SegmentScan::new(file, &path)?;
        let header = header_of(scan.file(), scan.len())
            .map_err(|error| LogError::io("read", &path, error))?;
        let (salt, kind, mut damage) = self.read_header(&header, &path, id);
        let watermark = self.watermark();
        match kind {
            Kind::Compacted { as_of, .. } => self.as_of(as_of),
            // More likely its header is damaged elsewhere, and what was compacted cannot be understood without.
            Kind::Ordinary => self.presumed.extend(SegmentHeader::presumed_as_of(&header)),
        }
        let (end, frames_end, all) = match kind {
            Kind::Compacted { end, footer, .. } => (Some(end), footer.min(scan.len()), false),
            Kind::Ordinary => (
                later.first().map(|next| next.base().get()),
                scan.len(),
                true,
            ),
        };
        let mut offset = SEGMENT_HEADER_BYTES;
        while offset < frames_end && end.is_none_or(|end| self.lsn < end) {
            let found = match scan.frame(offset, Expected::From(self.lsn), salt) {
                Err(LogError::NewerFormat { what, .. }) => Err(what),
                found => Ok(found?),
            };
            let reason = match found {
                Ok(Found::Frame(frame, payload)) if end.is_none_or(|end| frame.end() <= end) => {
                    if all || damage.is_some() {
                        let (at, reason) = damage.take().unwrap_or((offset, String::new()));
                        self.lose(frame.lsn, id, at, reason);
                    }
                    let address = frame.address(id, offset);
                    (self.each)(address, scan.bytes(payload)?).map_err(|error| {
                        LogError::Replay {
                            segment: path.clone(),
                            offset,
                            lsn: address.lsn,
                            source: error.into(),
                        }
                    })?;
                    self.report.frames += 1;
                    self.lsn = frame.end();
                    offset += frame.frame_bytes();
                    continue;
                }
                Ok(Found::Frame(..)) => "a frame of other records is at this place".to_owned(),
                Ok(Found::Bad(reason)) => reason.to_owned(),
                Ok(Found::End) => break,
                Err(what) => format!("{what} is of a newer version"),
            };
            damage.get_or_insert((offset, reason));
            offset += super::frame::ALIGNMENT;
        }
        let end = end.unwrap_or(watermark.max(self.lsn));
        if all || damage.is_some() {
            let ends = || (offset, "the file ends before the records do".to_owned());
            let (at, reason) = damage.unwrap_or_else(ends);
            self.lose(end, id, at, reason);
        }
        self.lsn = self.lsn.max(end);
        Ok(())
    }

    /// The salt and kind of a segment. If the header is damaged, its salt may still be right: the frames tell.
    fn read_header(
        &self,
        bytes: &[u8],
        path: &Path,
        id: SegmentId,
    ) -> (u64, Kind, Option<(u64, String)>) {
        let at = |at: usize| bytes.get(at..).unwrap_or_default();
        let database = at(16).first_chunk().map(|bytes| Uuid::from_bytes(*bytes));
        let known = self.superblock.map(|superblock| superblock.database);
        match SegmentHeader::decode(bytes, path, id, known.or(database).unwrap_or_default()) {
            Ok(header) => (header.salt, header.kind, None),
            Err(error) => {
                let salt = at(40).first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
                (
                    salt.unwrap_or(0),
                    Kind::Ordinary,
                    Some((0, error.to_string())),
                )
            }
        }
    }

    fn watermark(&self) -> u64 {
        self.superblock.map_or(0, |superblock| superblock.watermark)
    }

    /// Notes up to which LSN the log was known when a segment was compacted.
    fn as_of(&mut self, as_of: u64) {
        self.report.compacted_as_of = self.report.compacted_as_of.max(Lsn::new(as_of));
    }

    /// Notes that all up to the record `end` is lost, if anything is.
    fn lose(&mut self, end: u64, segment: SegmentId, offset: u64, reason: impl Into<String>) {
        if end > self.lsn {
            self.report.lost.push(Lost {
                lsns: Lsn::new(self.lsn)..Lsn::new(end),
                segment,
                offset,
                reason: reason.into(),
            });
            self.lsn = end;
        }
    }
}
