//! Reading past damage: every frame that is still whole, and what was lost between them.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::chain::header_of;
use super::directory::Directory;
use super::frame::FrameHeader;
use super::salvage_packed::PackedSalvage;
use super::salvage_salt;
use super::scan::{Expected, Found, SegmentScan};
use super::segment::Segment;
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

impl SalvageReport {
    const EMPTY: Self = Self {
        frames: 0,
        lost: Vec::new(),
        compacted_as_of: Lsn::new(0),
    };
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
    let directory = Directory::new(vfs, dir)?;
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
        report: SalvageReport::EMPTY,
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

/// What a segment that is damaged has lost of its records, which are those in front of `next`, and how many frames are whole.
pub(super) fn lost_of(
    directory: &Directory,
    segment: &Segment,
    next: u64,
) -> Result<(Vec<Lost>, u64), LogError> {
    let mut scan = SegmentScan::new(Arc::clone(&segment.file), &segment.path)?;
    let mut salvage = Salvage {
        directory,
        superblock: None,
        each: &mut |_, _| Ok(()),
        lsn: segment.id.base().get(),
        presumed: Vec::new(),
        report: SalvageReport::EMPTY,
    };
    salvage.read(segment.id, &mut scan, Some(next))?;
    Ok((salvage.report.lost, salvage.report.frames))
}

/// A file that ends at `offset`, too early.
fn cut_off(offset: u64) -> (u64, String) {
    (offset, "the file ends before the records do".to_owned())
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
        self.read(id, &mut scan, later.first().map(|next| next.base().get()))
    }

    /// Reads a segment, whose records end in front of `next` if there is one behind it.
    fn read(
        &mut self,
        id: SegmentId,
        scan: &mut SegmentScan,
        next: Option<u64>,
    ) -> Result<(), LogError> {
        let path = scan.path().to_path_buf();
        let header = header_of(scan.file(), scan.len())
            .map_err(|error| LogError::io("read", &path, error))?;
        let database = self.superblock.map(|superblock| superblock.database);
        let database = database.or_else(|| SegmentHeader::database_of(&header));
        match SegmentHeader::decode(&header, &path, id, database.unwrap_or_default()) {
            Ok(header) => match header.kind {
                Kind::Compacted {
                    as_of, end, footer, ..
                } => {
                    self.as_of(as_of);
                    self.compacted(id, scan, (header.salt, footer), Some(end), None)
                }
                Kind::Ordinary => self.ordinary(id, scan, header.salt, next, None),
            },
            Err(error) => self.headless(id, scan, &header, next, &error),
        }
    }

    /// A segment whose header does not say what it is, but these bytes, which are wrong for this reason.
    fn headless(
        &mut self,
        id: SegmentId,
        scan: &mut SegmentScan,
        header: &[u8],
        next: Option<u64>,
        error: &LogError,
    ) -> Result<(), LogError> {
        // More likely it is damaged elsewhere, and what was compacted cannot be understood without.
        self.presumed.extend(SegmentHeader::presumed_as_of(header));
        let base = id.base().get();
        let lsns = base..next.unwrap_or(u64::MAX);
        // What a header that is whole, but another segment's, belongs to is not of this one.
        let is_newer = matches!(error, LogError::NewerFormat { .. });
        let except = SegmentHeader::salt_of(header).filter(|_| !is_newer);
        let regained = salvage_salt::regain(scan, &lsns, except)?;
        let damage = (0, error.to_string());
        match regained {
            Some(regained) if regained.is_packed => {
                let footer = scan.len();
                self.compacted(id, scan, (regained.salt, footer), next, Some(damage))?;
            }
            Some(regained) => self.ordinary(id, scan, regained.salt, next, Some(damage))?,
            None => self.end_of(id, next, damage),
        }
        // It was there before its first record was, and nothing else may tell that there were any.
        self.lose(base.saturating_add(1), id, 0, error.to_string());
        Ok(())
    }

    fn ordinary(
        &mut self,
        id: SegmentId,
        scan: &mut SegmentScan,
        salt: u64,
        end: Option<u64>,
        mut damage: Option<(u64, String)>,
    ) -> Result<(), LogError> {
        let mut offset = SEGMENT_HEADER_BYTES;
        while offset < scan.len() && end.is_none_or(|end| self.lsn < end) {
            let found = match scan.frame(offset, Expected::From(self.lsn), salt) {
                Err(LogError::NewerFormat { what, .. }) => Err(what),
                found => Ok(found?),
            };
            let reason = match found {
                Ok(Found::Frame(frame, payload)) if end.is_none_or(|end| frame.end() <= end) => {
                    // Without damage there is a gap only if somebody has made one.
                    let gap = "the records in front of this frame are not there";
                    let (at, reason) = (damage.take())
                        .map_or((offset, gap.into()), |(at, reason)| {
                            (at, Cow::Owned(reason))
                        });
                    self.lose(frame.lsn, id, at, reason);
                    self.give(id, &frame, offset, scan.bytes(payload)?)?;
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
        self.end_of(id, end, damage.unwrap_or_else(|| cut_off(offset)));
        Ok(())
    }

    /// A compacted segment with this salt, whose groups end at this offset.
    fn compacted(
        &mut self,
        id: SegmentId,
        scan: &mut SegmentScan,
        (salt, groups_end): (u64, u64),
        end: Option<u64>,
        mut damage: Option<(u64, String)>,
    ) -> Result<(), LogError> {
        let file_end = scan.len();
        let to = groups_end.min(file_end);
        let mut groups = PackedSalvage::new(scan, salt, SEGMENT_HEADER_BYTES, to);
        while let Some(mut group) = groups.next_group()? {
            let is_whole = group.is_whole();
            let known = group.known.take();
            let mut lsns = known.iter().flatten().peekable();
            // What lies in front of the first frame may have been lost with what was in front of the group.
            let mut before = damage.take();
            let within = group.damage.take();
            for (lsn, whole) in group.frames {
                let mut is_missing = !is_whole && known.is_none();
                while lsns.next_if(|of| **of < lsn).is_some() {
                    is_missing = true;
                }
                lsns.next_if(|of| **of == lsn);
                if lsn < self.lsn || end.is_some_and(|end| whole.header.end() > end) {
                    continue;
                }
                let lost_with = match before.take() {
                    None if is_missing => Some(within.clone().unwrap_or_else(|| {
                        (whole.offset, "frames of its group are missing".to_owned())
                    })),
                    before => before,
                };
                if let Some((at, reason)) = lost_with {
                    self.lose(lsn, id, at, reason);
                }
                self.give(id, &whole.header, whole.offset, &whole.payload)?;
            }
            let is_known = is_whole || known.is_some() && lsns.peek().is_none();
            damage = within.or_else(|| (!is_known).then(|| cut_off(to)));
        }
        if file_end < groups_end {
            damage.get_or_insert_with(|| cut_off(file_end));
        }
        match damage {
            Some(damage) => self.end_of(id, end, damage),
            None => self.lsn = self.lsn.max(end.unwrap_or_default()),
        }
        Ok(())
    }

    fn give(
        &mut self,
        id: SegmentId,
        frame: &FrameHeader,
        offset: u64,
        payload: &[u8],
    ) -> Result<(), LogError> {
        let address = frame.address(id, offset);
        (self.each)(address, payload).map_err(|error| LogError::Replay {
            segment: self.directory.segment(id),
            offset,
            lsn: address.lsn,
            source: error.into(),
        })?;
        self.report.frames += 1;
        self.lsn = frame.end();
        Ok(())
    }

    /// Ends a segment of which the rest is lost, up to `end` or as far as it was durable.
    fn end_of(&mut self, id: SegmentId, end: Option<u64>, (at, reason): (u64, String)) {
        let watermark = self.superblock.map_or(0, |superblock| superblock.watermark);
        let end = end.unwrap_or(watermark.max(self.lsn));
        self.lose(end, id, at, reason);
        self.lsn = self.lsn.max(end);
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
