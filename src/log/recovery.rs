//! Recovery: what a log directory holds, and what of it counts.
//!
//! The rule and why it is safe: `docs/format.md`. Nothing that is there is changed here; writing
//! goes on in [`resume`](super::resume).

use std::sync::Arc;

use super::directory::Directory;
use super::frame::FrameHeader;
use super::report::TornTail;
use super::scan::{Found, SegmentScan};
use super::segment::Segment;
use super::segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::superblock_file::SuperblockFile;
use super::{FrameAddress, LogError, Lsn, Replay, SegmentId};
use crate::vfs::OpenMode;

/// A log that was read to its end and found whole.
pub(super) struct Judged {
    pub(super) superblock: SuperblockFile,
    /// The sealed segments and their salts.
    pub(super) sealed: Vec<(SegmentId, u64)>,
    /// The sealed segments' length.
    pub(super) sealed_bytes: u64,
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
    /// Where the first frame begins that the superblock does not know to be durable.
    pub(super) unproven: u64,
    pub(super) file_len: u64,
    pub(super) torn: Option<TornTail>,
}

struct Recovery<'a> {
    directory: &'a Directory,
    superblock: SuperblockFile,
    replay: &'a mut Replay<'a>,
    next_lsn: u64,
    frames: u64,
    bytes: u64,
}

/// Reads the log in `directory`, which is locked. If there is none, makes its superblock.
pub(super) fn recover<'a>(
    directory: &'a Directory,
    replay: &'a mut Replay<'a>,
) -> Result<Judged, LogError> {
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
                    reason: "it is missing, but there is a log".to_owned(),
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
    Recovery {
        directory,
        superblock,
        replay,
        next_lsn: Lsn::FIRST.get(),
        frames: 0,
        bytes: 0,
    }
    .run()
}

impl Recovery<'_> {
    fn run(mut self) -> Result<Judged, LogError> {
        let segments = self.directory.segments()?;
        if !segments.is_empty() {
            self.directory.sync_log()?;
        }
        self.require_chain(&segments)?;

        let mut sealed = Vec::with_capacity(segments.len());
        let mut end = None;
        for (position, id) in segments.iter().enumerate() {
            match segments.get(position + 1) {
                Some(next) => sealed.push((*id, self.sealed(*id, next.base().get())?)),
                None => end = Some(self.newest(*id)?),
            }
        }
        Ok(Judged {
            superblock: self.superblock,
            sealed,
            sealed_bytes: self.bytes,
            end,
            next_lsn: self.next_lsn,
            frames: self.frames,
        })
    }

    /// The segments must begin with the first record and reach the newest one there ever was.
    fn require_chain(&self, segments: &[SegmentId]) -> Result<(), LogError> {
        let newest = self.superblock.current().newest_segment;
        let missing = |base: u64, end: u64| {
            let id = SegmentId::new(Lsn::new(base));
            LogError::corrupt(
                &self.directory.segment(id),
                0,
                base..end,
                "the segment is missing",
            )
        };
        match (segments.first(), segments.last()) {
            (Some(first), _) if first.base() != Lsn::FIRST => {
                Err(missing(Lsn::FIRST.get(), first.base().get()))
            }
            (_, Some(last)) if last.base().get() < newest => Err(missing(
                newest,
                self.superblock.current().watermark.max(newest + 1),
            )),
            (None, _) if newest != 0 => Err(missing(
                Lsn::FIRST.get(),
                self.superblock.current().watermark.max(2),
            )),
            _ => Ok(()),
        }
    }

    /// Replays a segment that has a successor, which begins at `end`, and gives its salt.
    fn sealed(&mut self, id: SegmentId, end: u64) -> Result<u64, LogError> {
        let (segment, mut scan) = self.open(id, OpenMode::Read)?;
        self.bytes += scan.len();
        let mut offset = SEGMENT_HEADER_BYTES;
        while self.next_lsn < end {
            let reason = match scan.frame(offset, self.next_lsn, segment.salt)? {
                Found::Frame(header, _) if header.end() > end => {
                    "its frame overlaps the next segment"
                }
                Found::Frame(header, payload) => {
                    self.replay(id, offset, &header, &mut scan, payload)?;
                    offset += header.frame_bytes();
                    continue;
                }
                Found::Bad(reason) => reason,
                Found::End => "the file ends before the next segment begins",
            };
            return Err(LogError::corrupt(
                scan.path(),
                offset,
                self.next_lsn..end,
                reason,
            ));
        }
        Ok(segment.salt)
    }

    /// Replays the segment that has no successor up to its torn tail, if it has one.
    fn newest(&mut self, id: SegmentId) -> Result<LogEnd, LogError> {
        let (segment, mut scan) = self.open(id, OpenMode::ReadWrite)?;
        let watermark = self.superblock.current().watermark;
        let mut offset = SEGMENT_HEADER_BYTES;
        let mut unproven = None;
        let reason = loop {
            match scan.frame(offset, self.next_lsn, segment.salt)? {
                Found::Frame(header, payload) => {
                    if header.end() > watermark {
                        unproven.get_or_insert(offset);
                    }
                    self.replay(id, offset, &header, &mut scan, payload)?;
                    offset += header.frame_bytes();
                }
                Found::Bad(reason) => break reason,
                Found::End => break "the file ends here",
            }
        };
        let lsn = self.next_lsn;
        let durable = watermark.max(scan.durable_by_later_headers(offset, lsn, segment.salt)?);
        if durable > lsn {
            return Err(LogError::corrupt(
                scan.path(),
                offset,
                lsn..durable,
                format!("{reason}, but the record was durable"),
            ));
        }
        let content_end = scan.end_of_content(offset)?;
        Ok(LogEnd {
            torn: (content_end > offset).then(|| TornTail {
                segment: id,
                offset,
                first_lsn: Lsn::new(lsn),
                bytes: content_end - offset,
            }),
            unproven: unproven.unwrap_or(offset),
            file_len: scan.len(),
            segment,
            offset,
        })
    }

    fn open(&self, id: SegmentId, mode: OpenMode) -> Result<(Segment, SegmentScan), LogError> {
        let path = self.directory.segment(id);
        let file = self
            .directory
            .vfs
            .open(&path, mode)
            .map_err(|error| LogError::io("open", &path, error))?;
        if mode == OpenMode::ReadWrite {
            // What only the page cache holds must not be believed: it may vanish later.
            file.sync_all()
                .map_err(|error| LogError::io("sync", &path, error))?;
        }
        let mut scan = SegmentScan::new(Arc::clone(&file), &path)?;
        let header = SegmentHeader::decode(
            scan.bytes(0..SEGMENT_HEADER_BYTES)?,
            &path,
            id,
            self.superblock.current().database,
        )?;
        let segment = Segment {
            id,
            salt: header.salt,
            path,
            file,
        };
        Ok((segment, scan))
    }

    fn replay(
        &mut self,
        id: SegmentId,
        offset: u64,
        header: &FrameHeader,
        scan: &mut SegmentScan,
        payload: std::ops::Range<u64>,
    ) -> Result<(), LogError> {
        let address = FrameAddress {
            lsn: Lsn::new(header.lsn),
            records: header.records,
            segment: id,
            offset,
            payload_len: header.payload_len,
        };
        let outcome = (self.replay)(address, scan.bytes(payload)?);
        outcome.map_err(|error| LogError::Replay {
            segment: scan.path().to_path_buf(),
            offset,
            lsn: address.lsn,
            source: error.into(),
        })?;
        self.next_lsn = header.end();
        self.frames += 1;
        Ok(())
    }
}
