//! A new log of what is whole in a damaged one. The records keep their LSNs, so what names others finds them.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::directory::{Directory, new_salt};
use super::packed_writer::{PackedWriter, ToPack};
use super::salvage::{SalvageReport, salvage};
use super::segment_header::{Kind, SegmentHeader};
use super::segment_writer::SegmentWriter;
use super::superblock::Superblock;
use super::superblock_file::SuperblockFile;
use super::{FrameAddress, LogError, Lsn, ReplayError, Verdict};
use crate::vfs::Vfs;

/// A segment is full with this many bytes.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// What becomes of a whole frame; an error ends the salvage.
type Keep<'a> = dyn FnMut(FrameAddress, &[u8]) -> Result<Verdict, ReplayError> + 'a;

/// Makes a log in the directory `to` of what is whole of the one in `from`, as [`salvage`](super::salvage()) finds
/// it and `keep` decides, who knew the log up to `as_of` ([`CompactOptions`](super::CompactOptions)). It opens as one that
/// was closed cleanly. Nothing in `from` changes.
///
/// # Errors
/// As [`salvage`](super::salvage()); [`LogError::NotEmpty`] if there is a log in `to`, or that is in `from`. What an error leaves in `to` cannot be
/// opened.
pub fn salvage_to(
    vfs: Arc<dyn Vfs>,
    from: &Path,
    to: &Path,
    as_of: Lsn,
    keep: &mut Keep<'_>,
) -> Result<SalvageReport, LogError> {
    let target = Directory::new(Arc::clone(&vfs), to)?;
    if target.is_within(&Directory::new(Arc::clone(&vfs), from)?)? {
        return Err(LogError::NotEmpty {
            path: to.to_path_buf(),
        });
    }
    let _lock = target.lock()?;
    if SuperblockFile::open(&target)?.is_some() || target.has_log()? {
        return Err(LogError::NotEmpty {
            path: to.to_path_buf(),
        });
    }
    target.create(target.log())?;
    let mut copy = Copy {
        target: &target,
        database: target.vfs.host().unique(),
        as_of: as_of.get(),
        open: None,
        previous: 0,
        end: Lsn::FIRST.get(),
    };
    let mut failed = None;
    let salvaged = salvage(vfs, from, &mut |at, payload| {
        let replaced;
        let payload = match keep(at, payload)? {
            Verdict::Keep => payload,
            Verdict::Drop => return Ok(()),
            Verdict::Replace(with) => {
                replaced = with;
                &replaced
            }
        };
        copy.push(at, payload).map_err(|error| {
            failed = Some(error.clone());
            error.into()
        })
    });
    let report = match (salvaged, failed) {
        (_, Some(error)) => return Err(error),
        (salvaged, None) => salvaged?,
    };
    let lost = report.lost.last().map_or(0, |lost| lost.lsns.end.get());
    // What comes later must not pass for known.
    let end = copy.end.max(lost).max(copy.as_of);
    copy.finish(end)?;
    Ok(report)
}

/// The new log while it is being written.
struct Copy<'a> {
    target: &'a Directory,
    database: Uuid,
    as_of: u64,
    /// The segment that is written, and its length.
    open: Option<(PackedWriter<'a>, u64)>,
    /// The base of the newest segment that was begun.
    previous: u64,
    /// The LSN after the last record.
    end: u64,
}

impl<'a> Copy<'a> {
    fn push(&mut self, at: FrameAddress, payload: &[u8]) -> Result<(), LogError> {
        let lsn = at.lsn.get();
        if matches!(&self.open, Some((_, bytes)) if *bytes >= SEGMENT_BYTES) {
            self.seal(lsn)?;
        }
        let (mut writer, bytes) = match self.open.take() {
            Some(open) => open,
            None => {
                // What is missing in front of the first frame is covered too.
                let base = self.end.min(lsn);
                let header = self.begin(base);
                (PackedWriter::create(self.target, header)?, 0)
            }
        };
        let frame = ToPack {
            lsn,
            synced_lsn: lsn,
            records: at.records,
            payload,
            near: 0,
        };
        if let ControlFlow::Continue(pushed) = writer.push(frame, &mut on)? {
            self.open = Some((writer, bytes + pushed));
        }
        self.end = at.end().get();
        Ok(())
    }

    /// The header of the next segment.
    fn begin(&mut self, base: u64) -> SegmentHeader {
        SegmentHeader {
            database: self.database,
            base,
            salt: new_salt(self.target.vfs.as_ref()),
            previous: std::mem::replace(&mut self.previous, base),
            kind: Kind::Ordinary,
        }
    }

    /// Ends the segment that is written, which covers all up to `end`.
    fn seal(&mut self, end: u64) -> Result<(), LogError> {
        self.end = end;
        match self.open.take() {
            Some((mut writer, _)) => {
                let _sealed = writer.seal(end, self.as_of, &mut on)?;
                writer.finish()?.1
            }
            None => Ok(()),
        }
    }

    /// Ends the log at `end`, with an empty segment to go on in.
    fn finish(mut self, end: u64) -> Result<(), LogError> {
        if self.open.is_none() && end > Lsn::FIRST.get() {
            let header = self.begin(Lsn::FIRST.get());
            self.open = Some((PackedWriter::create(self.target, header)?, 0));
        }
        self.seal(end)?;
        let header = self.begin(end);
        let mut newest = SegmentWriter::create(self.target, header)?;
        newest.seal(Kind::Ordinary)?;
        newest.finish()?.1?;
        let superblock = Superblock {
            database: self.database,
            epoch: 1,
            watermark: end,
            newest_segment: end,
            clean: true,
        };
        SuperblockFile::write_new(self.target, &superblock)
    }
}

/// A salvage is neither slowed down nor stopped.
fn on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
