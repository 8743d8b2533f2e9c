//! Recovery: what a log directory holds, what of it counts, and where writing goes on.
//!
//! The rule and why it is safe: `docs/format.md`. Nothing is changed on the medium before the
//! whole log has been read and judged.

use std::sync::Arc;

use super::directory::Directory;
use super::frame::FrameHeader;
use super::report::{RecoveryReport, TornTail};
use super::scan::{Found, SegmentScan};
use super::segment::Segment;
use super::segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::space;
use super::superblock_file::SuperblockFile;
use super::{FrameAddress, LogError, Lsn, Replay, SegmentId};
use crate::vfs::{OpenMode, VfsFile};

/// A log that can be written to.
pub(super) struct Recovered {
    pub(super) superblock: SuperblockFile,
    /// The sealed segments and their salts.
    pub(super) sealed: Vec<(SegmentId, u64)>,
    pub(super) active: Segment,
    /// Where the next frame goes in the active segment.
    pub(super) offset: u64,
    /// Up to where the active segment has space.
    pub(super) prepared: u64,
    pub(super) next_lsn: u64,
    /// The length of all segments together.
    pub(super) bytes: u64,
    pub(super) report: RecoveryReport,
}

/// How the newest segment ends.
struct LogEnd {
    segment: Segment,
    /// Where its last valid frame ends.
    offset: u64,
    /// Where the first frame begins that the superblock does not know to be durable.
    unproven: u64,
    file_len: u64,
    torn: Option<TornTail>,
}

struct Recovery<'a> {
    directory: &'a Directory,
    segment_bytes: u64,
    superblock: SuperblockFile,
    replay: &'a mut Replay<'a>,
    next_lsn: u64,
    frames: u64,
    bytes: u64,
}

/// Opens the log in `directory`, which is locked, or makes one.
pub(super) fn recover<'a>(
    directory: &'a Directory,
    segment_bytes: u64,
    replay: &'a mut Replay<'a>,
) -> Result<Recovered, LogError> {
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
        segment_bytes,
        superblock,
        replay,
        next_lsn: Lsn::FIRST.get(),
        frames: 0,
        bytes: 0,
    }
    .run()
}

impl Recovery<'_> {
    fn run(mut self) -> Result<Recovered, LogError> {
        let known = *self.superblock.current();
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

        // Everything is judged. From here on the medium is changed.
        let mut report = RecoveryReport {
            created: known.newest_segment == 0 && self.frames == 0,
            clean: false,
            frames: self.frames,
            next_lsn: Lsn::new(self.next_lsn),
            torn_tail: end.as_ref().and_then(|end| end.torn),
            damaged_superblock_slot: self.superblock.damaged_slot(),
        };
        self.directory.remove_temporaries()?;
        if let Some(end) = &end
            && known.clean
            && known.watermark == self.next_lsn
            && end.offset == end.file_len
        {
            self.superblock
                .update(|superblock| superblock.clean = false)?;
            report.clean = true;
        }
        match end {
            Some(end) if report.clean => Ok(Recovered {
                sealed,
                offset: end.offset,
                prepared: end.offset,
                active: end.segment,
                next_lsn: self.next_lsn,
                bytes: self.bytes + end.offset,
                superblock: self.superblock,
                report,
            }),
            end => self.go_on_in_new_segment(sealed, end, report),
        }
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

    /// Goes on in a segment with a salt of its own, so that nothing beyond the cut comes back.
    fn go_on_in_new_segment(
        mut self,
        mut sealed: Vec<(SegmentId, u64)>,
        end: Option<LogEnd>,
        report: RecoveryReport,
    ) -> Result<Recovered, LogError> {
        let base = self.next_lsn;
        let id = SegmentId::new(Lsn::new(base));
        if let Some(end) = &end {
            rewrite(end.segment.file.as_ref(), end.unproven, end.offset)
                .map_err(|error| LogError::io("rewrite", &end.segment.path, error))?;
        }
        let end = end.filter(|end| end.segment.id != id);
        let prepared = space::first_step(self.bytes, self.segment_bytes);
        let database = self.superblock.current().database;
        let active = self.directory.create_segment(database, id, prepared)?;
        if let Some(end) = end {
            let file = &end.segment.file;
            file.set_len(end.offset)
                .and_then(|()| file.sync_all())
                .map_err(|error| LogError::io("trim", &end.segment.path, error))?;
            self.bytes += end.offset;
            sealed.push((end.segment.id, end.segment.salt));
        }
        self.superblock.update(|superblock| {
            superblock.clean = false;
            superblock.watermark = base;
            superblock.newest_segment = base;
        })?;
        Ok(Recovered {
            superblock: self.superblock,
            sealed,
            active,
            offset: SEGMENT_HEADER_BYTES,
            prepared,
            next_lsn: base,
            bytes: self.bytes + SEGMENT_HEADER_BYTES,
            report,
        })
    }
}

/// Writes bytes again that are there already and makes them durable. If a sync had failed before,
/// the system may hold them in memory only and believe that they are on the medium.
fn rewrite(file: &dyn VfsFile, from: u64, to: u64) -> std::io::Result<()> {
    if from == to {
        return Ok(());
    }
    let mut chunk = Vec::new();
    let mut at = from;
    while at < to {
        let length = (to - at).min(1024 * 1024);
        chunk.resize(usize::try_from(length).unwrap_or_default(), 0);
        file.read_exact_at(&mut chunk, at)?;
        file.write_all_at(&chunk, at)?;
        at += length;
    }
    file.sync_data()
}
