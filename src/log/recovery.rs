//! Recovery: what a log directory holds, and what of it counts.
//!
//! The rule and why it is safe: `docs/format.md`. Nothing that is there is changed here; writing
//! goes on in [`resume`](super::resume).

use std::path::Path;
use std::sync::Arc;

use super::chain::{Chain, SegmentInfo, read_chain, require_end};
use super::directory::Directory;
use super::frame::ALIGNMENT;
use super::report::TornTail;
use super::scan::{Expected, Found, SegmentScan};
use super::sealed::Sealed;
use super::segment::Segment;
use super::segment_header::SEGMENT_HEADER_BYTES;
use super::start::Start;
use super::superblock_file::SuperblockFile;
use super::unproven::Unproven;
use super::{FrameAddress, LogError, LogPosition, Lsn, Replay, ReplayFrom, SegmentId};
use crate::vfs::OpenMode;

/// A log that was read to its end and found whole.
pub(super) struct Judged {
    pub(super) superblock: SuperblockFile,
    pub(super) sealed: Vec<SegmentInfo>,
    /// Segments that a compacted one has replaced.
    pub(super) leftovers: Vec<SegmentId>,
    /// The newest segment. There is none in a log whose creation was interrupted.
    pub(super) end: Option<LogEnd>,
    pub(super) next_lsn: u64,
    pub(super) frames: u64,
}

/// How the newest segment ends.
pub(super) struct LogEnd {
    pub(super) segment: Segment,
    /// Where its last valid frame ends.
    pub(super) offset: u64,
    /// From where on frames are not known to be durable.
    pub(super) unproven: u64,
    pub(super) file_len: u64,
    pub(super) torn: Option<TornTail>,
}

struct Recovery<'a> {
    directory: &'a Directory,
    superblock: SuperblockFile,
    replay: &'a mut Replay<'a>,
    from: ReplayFrom,
    next_lsn: u64,
    frames: u64,
}

/// Reads the superblock of the log in `directory`, which is locked. If there is none, makes it.
pub(super) fn open_superblock(directory: &Directory) -> Result<SuperblockFile, LogError> {
    let root = directory.root();
    let io = |action, error| LogError::io(action, root, error);
    directory
        .vfs
        .sync_dir(root)
        .map_err(|error| io("sync", error))?;
    let superblock = match SuperblockFile::open(directory)? {
        Some(superblock) => superblock,
        None => {
            if !directory.segments()?.is_empty() {
                return Err(LogError::SuperblockDamaged {
                    path: directory.superblock(),
                    reason: "it is missing, but there is a log (if this is a backup that was \
                             interrupted, make it again)"
                        .to_owned(),
                });
            }
            // Somebody may have been killed between making the directory and syncing its parent.
            directory.create(root)?;
            SuperblockFile::create(directory)?;
            SuperblockFile::open(directory)?.ok_or_else(|| {
                io(
                    "find the superblock in",
                    std::io::ErrorKind::NotFound.into(),
                )
            })?
        }
    };
    if superblock.current().newest_segment == 0 {
        directory.create(directory.log())?;
    }
    Ok(superblock)
}

/// Reads the log in `directory`.
pub(super) fn recover<'a>(
    directory: &'a Directory,
    superblock: SuperblockFile,
    from: ReplayFrom,
    replay: &'a mut Replay<'a>,
) -> Result<Judged, LogError> {
    Recovery {
        directory,
        superblock,
        replay,
        from,
        next_lsn: Lsn::FIRST.get(),
        frames: 0,
    }
    .run()
}

impl Recovery<'_> {
    fn run(mut self) -> Result<Judged, LogError> {
        if self.directory.has_log()? {
            self.directory.sync_log()?;
        }
        let chain = read_chain(self.directory, self.superblock.current())?;
        let start = Start::find(self.directory, &chain, self.from)?;
        let Chain {
            mut segments,
            leftovers,
        } = chain;
        let newest = segments.pop();
        for (number, info) in segments.iter().enumerate() {
            let end = segments.get(number + 1).or(newest.as_ref());
            let end = end.map_or(info.header.base, |next| next.header.base);
            if number >= start.segment {
                let at = (number == start.segment).then_some(start.position);
                self.sealed(info, end, at.flatten())?;
            } else if leftovers.iter().any(|(_, by)| *by == info.id()) {
                // It is all there is left of them as soon as they are removed.
                let mut sealed = self.open_sealed(info, end)?;
                while sealed.next()?.is_some() {}
            }
        }
        let end = match &newest {
            Some(info) => {
                let skipped = start.segment >= segments.len();
                Some(self.newest(info, start.position.filter(|_| skipped))?)
            }
            None => None,
        };
        require_end(self.directory, &segments, self.next_lsn)?;
        Ok(Judged {
            superblock: self.superblock,
            sealed: segments,
            leftovers: leftovers.into_iter().map(|(id, _)| id).collect(),
            end,
            next_lsn: self.next_lsn,
            frames: self.frames,
        })
    }

    fn open_sealed(&self, info: &SegmentInfo, end: u64) -> Result<Sealed, LogError> {
        let path = self.directory.segment(info.id());
        let file = self
            .directory
            .vfs
            .open(&path, OpenMode::Read)
            .map_err(|error| LogError::io("open", &path, error))?;
        let scan = SegmentScan::new(file, &path)?.reading_ahead(&self.directory.vfs);
        Sealed::new(scan, info.header, end)
    }

    /// Replays a segment that has a successor, which begins at `end`, from a position on if there is
    /// one.
    fn sealed(
        &mut self,
        info: &SegmentInfo,
        end: u64,
        from: Option<LogPosition>,
    ) -> Result<(), LogError> {
        let mut sealed = self.open_sealed(info, end)?;
        let path = sealed.path().to_path_buf();
        if let Some(from) = from {
            sealed.start_at(from);
        }
        let mut first = from;
        loop {
            let frame = match sealed.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(LogError::Corrupt { .. }) if first.is_some() => {
                    // Damage, or no frame begins there: reading from the beginning will tell.
                    return Err(self.no_such_position());
                }
                Err(error) => return Err(error),
            };
            first = None;
            self.replay(frame.address, frame.payload, &path)?;
        }
        self.next_lsn = end;
        Ok(())
    }

    /// Replays the segment that has no successor up to its torn tail, if it has one.
    fn newest(
        &mut self,
        info: &SegmentInfo,
        from: Option<LogPosition>,
    ) -> Result<LogEnd, LogError> {
        let id = info.id();
        let (segment, mut scan) = self.open_newest(info)?;
        let superblock = *self.superblock.current();
        let watermark = superblock.watermark;
        let mut offset = SEGMENT_HEADER_BYTES;
        self.next_lsn = info.header.base;
        let mut silent = from;
        if let Some(from) = from
            && from.lsn.get() <= watermark
            && self.is_boundary(&mut scan, from, segment.salt())?
        {
            // All in front of it was durable once, and need not be looked at.
            (offset, self.next_lsn, silent) = (from.offset, from.lsn.get(), None);
        }
        let mut unproven = Unproven::new(watermark, self.next_lsn, offset);
        let reason = loop {
            if let Some(from) = silent
                && self.next_lsn >= from.lsn.get()
            {
                if (self.next_lsn, offset) != (from.lsn.get(), from.offset) {
                    return Err(self.no_such_position());
                }
                silent = None;
            }
            let expected = Expected::Exactly(self.next_lsn);
            match scan.frame(offset, expected, segment.salt())? {
                Found::Frame(header, payload) => {
                    unproven.see(&header, offset);
                    if silent.is_none() {
                        let address = header.address(id, offset);
                        self.replay(address, scan.bytes(payload)?, &segment.path)?;
                    }
                    self.next_lsn = header.end();
                    offset += header.frame_bytes();
                }
                Found::Bad(reason) => break reason,
                Found::End => break "the file ends here",
            }
        };
        let lsn = self.next_lsn;
        let behind = scan.behind(offset, lsn, segment.salt())?;
        let durable = watermark.max(behind.durable);
        if durable > lsn {
            return Err(LogError::corrupt(
                scan.path(),
                offset,
                lsn..durable,
                format!("{reason}, but the record was durable"),
            ));
        }
        if silent.is_some() {
            return Err(self.no_such_position());
        }
        let content_end = behind.content_end;
        Ok(LogEnd {
            torn: (content_end > offset).then(|| TornTail {
                segment: id,
                offset,
                first_lsn: Lsn::new(lsn),
                bytes: content_end - offset,
            }),
            unproven: unproven.offset(lsn, offset),
            file_len: scan.len(),
            segment,
            offset,
        })
    }

    /// Whether the newest segment surely has a frame boundary there: by a valid frame, or by its end
    /// after a clean close.
    fn is_boundary(
        &self,
        scan: &mut SegmentScan,
        at: LogPosition,
        salt: u64,
    ) -> Result<bool, LogError> {
        let superblock = self.superblock.current();
        if at.offset < SEGMENT_HEADER_BYTES || !at.offset.is_multiple_of(ALIGNMENT) {
            return Ok(false);
        }
        if superblock.clean && superblock.watermark == at.lsn.get() && scan.len() == at.offset {
            return Ok(true);
        }
        let found = scan.frame(at.offset, Expected::Exactly(at.lsn.get()), salt)?;
        Ok(matches!(found, Found::Frame(..)))
    }

    fn open_newest(&self, info: &SegmentInfo) -> Result<(Segment, SegmentScan), LogError> {
        let path = self.directory.segment(info.id());
        let file = self
            .directory
            .vfs
            .open(&path, OpenMode::ReadWrite)
            .map_err(|error| LogError::io("open", &path, error))?;
        // What only the page cache holds must not be believed: it may vanish later.
        file.sync_all()
            .map_err(|error| LogError::io("sync", &path, error))?;
        let scan = SegmentScan::new(Arc::clone(&file), &path)?;
        let scan = scan.reading_ahead(&self.directory.vfs);
        Ok((Segment::new(info.header, path, file), scan))
    }

    fn no_such_position(&self) -> LogError {
        super::start::no_such_position(self.directory, self.from)
    }

    fn replay(
        &mut self,
        address: FrameAddress,
        payload: &[u8],
        path: &Path,
    ) -> Result<(), LogError> {
        (self.replay)(address, payload).map_err(|error| LogError::Replay {
            segment: path.to_path_buf(),
            offset: address.offset,
            lsn: address.lsn,
            source: error.into(),
        })?;
        self.frames += 1;
        Ok(())
    }
}
