//! Every frame of a compacted segment, in the order of the LSNs, with all that must hold of it.

use super::LogError;
use super::block::{BLOCK_HEADER_BYTES, BlockHeader};
use super::footer::Footer;
use super::frame::{BadHeader, FrameHeader, HEADER_BYTES};
use super::group::{DIRECTORY_BYTES, Group};
use super::scan::SegmentScan;
use super::sealed::SealedFrame;
use super::segment::read_footer;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES, SegmentHeader};

/// A compacted segment to be read, from its beginning unless [`start_at`](Self::start_at) says otherwise.
pub(super) struct PackedFrames {
    scan: SegmentScan,
    header: SegmentHeader,
    /// The LSN after the last record that it covers.
    end: u64,
    footer: Footer,
    /// Where the segment's groups end.
    groups_end: u64,
    /// The number of the next group, and where it begins.
    next_group: usize,
    offset: u64,
    /// Frames that end here or before are passed over.
    from: u64,
    /// How many frames of how many bytes were read; unless the first groups were left out.
    read: Option<(u64, u64)>,
    /// The group that is being read.
    group: Option<Opened>,
    /// The LSN after the last frame.
    lsn: u64,
}

/// A group with all of its frames in memory.
struct Opened {
    group: Group,
    blocks: Vec<OpenedBlock>,
    /// The number of the next frame.
    next: usize,
}

struct OpenedBlock {
    /// Where the block is in the file.
    offset: u64,
    contents: Vec<u8>,
    /// Where its next frame begins.
    at: usize,
}

impl PackedFrames {
    pub(super) fn new(scan: SegmentScan, header: SegmentHeader) -> Result<Self, LogError> {
        let footer = read_footer(&header, scan.path(), scan.file(), scan.len())?;
        let (end, groups_end) = match header.kind {
            Kind::Compacted { end, footer, .. } => (end, footer),
            Kind::Ordinary => (header.base, SEGMENT_HEADER_BYTES),
        };
        Ok(Self {
            scan,
            header,
            end,
            footer,
            groups_end,
            next_group: 0,
            offset: SEGMENT_HEADER_BYTES,
            from: header.base,
            read: Some((0, 0)),
            group: None,
            lsn: header.base,
        })
    }

    /// Begins at the first frame that ends after `lsn`.
    pub(super) fn start_at(&mut self, lsn: u64) {
        self.from = lsn;
        if let Some(group) = self.footer.look_up(lsn)
            && let Some(at) = self.footer.groups.get(group)
            && group > 0
        {
            self.next_group = group;
            self.offset = at.offset;
            self.read = None;
        }
    }

    pub(super) fn path(&self) -> &std::path::Path {
        self.scan.path()
    }

    /// Up to where the file was read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<SealedFrame<'_>>, LogError> {
        let (block, at, header) = loop {
            let is_done = |of: &Opened| of.next >= of.group.frames.len();
            if self.group.as_ref().is_none_or(is_done) && !self.next_group()? {
                return self.finish().map(|()| None);
            }
            let found = self.next_in_group();
            let (block, at, header) = found.map_err(|bad| self.bad(self.offset, bad))?;
            if header.end() > self.from {
                break (block, at, header);
            }
        };
        let opened = self.group.as_ref();
        let block = opened.and_then(|opened| opened.blocks.get(block));
        let payload = at + HEADER_BYTES..at + HEADER_BYTES + header.payload_len as usize;
        let address = header.address(self.header.id(), block.map_or(0, |block| block.offset));
        let payload = block.and_then(|block| block.contents.get(payload));
        Ok(payload.map(|payload| SealedFrame {
            address,
            header,
            payload,
        }))
    }

    /// The next frame of the group: the number of its block, where it begins there, its header.
    fn next_in_group(&mut self) -> Result<(usize, usize, FrameHeader), BadHeader> {
        let invalid = BadHeader::Invalid;
        let gone = || invalid("the group has no such block");
        let salt = self.header.salt;
        let opened = self.group.as_mut().ok_or_else(gone)?;
        let frame = opened.group.frames.get(opened.next);
        let (lsn, number) = frame.copied().ok_or_else(gone)?;
        let number = usize::from(number);
        let block = opened.blocks.get_mut(number).ok_or_else(gone)?;
        let at = block.at;
        let (header, body) = FrameHeader::within(&block.contents, at, salt)?;
        if header.lsn != lsn || lsn < self.lsn {
            return Err(invalid("a frame of other records is at this place"));
        }
        if header.end() > self.end {
            return Err(invalid("its frame overlaps the next segment"));
        }
        if !header.covers(body) {
            return Err(invalid("the payload's checksum is wrong"));
        }
        block.at += HEADER_BYTES + body.len();
        opened.next += 1;
        let is_last = opened.next == opened.group.frames.len();
        if is_last && (opened.blocks.iter()).any(|block| block.at != block.contents.len()) {
            return Err(invalid("the directory does not know all frames"));
        }
        self.lsn = header.end();
        if let Some((frames, bytes)) = &mut self.read {
            *frames += 1;
            *bytes += header.frame_bytes();
        }
        Ok((number, at, header))
    }

    /// Reads the next group; not if there is none.
    fn next_group(&mut self) -> Result<bool, LogError> {
        self.group = None;
        let Some(at) = self.footer.groups.get(self.next_group).copied() else {
            return Ok(false);
        };
        let invalid = BadHeader::Invalid;
        let (directory, contents) = self.block(at.offset, DIRECTORY_BYTES)?;
        let name = directory.name;
        if (at.offset, at.lsn, 0) != (self.offset, name.group, name.number) {
            let reason = "the segment's footer does not fit its groups";
            return Err(self.bad(at.offset, invalid(reason)));
        }
        let blocks_at = at.offset.saturating_add(directory.block_bytes());
        let group = Group::decode(&contents, &directory, blocks_at);
        let group = group.map_err(|reason| self.bad(at.offset, invalid(reason)))?;
        let mut blocks = Vec::with_capacity(group.blocks.len());
        for (number, block) in group.blocks.iter().enumerate() {
            let (header, contents) = self.block(block.offset, u64::from(block.length))?;
            if !block.is(&header, number, &group) {
                let reason = "the directory does not fit its blocks";
                return Err(self.bad(block.offset, invalid(reason)));
            }
            blocks.push(OpenedBlock {
                offset: block.offset,
                contents,
                at: 0,
            });
        }
        self.offset = group.end;
        self.next_group += 1;
        let next = 0;
        self.group = Some(Opened {
            group,
            blocks,
            next,
        });
        Ok(true)
    }

    /// The block at `offset`, whose contents are not longer than `max`.
    fn block(&mut self, offset: u64, max: u64) -> Result<(BlockHeader, Vec<u8>), LogError> {
        let body = offset.saturating_add(BLOCK_HEADER_BYTES as u64);
        let header = BlockHeader::decode(self.scan.bytes(offset..body)?, self.header.salt, offset);
        let header = header.map_err(|bad| self.bad(offset, bad))?;
        let invalid = |reason| Err(BadHeader::Invalid(reason));
        let end = offset.saturating_add(header.block_bytes());
        let contents = if end > self.groups_end {
            invalid("a block overlaps the segment's footer")
        } else if u64::from(header.length) > max {
            invalid("the block is too long")
        } else {
            let stored = self.scan.bytes(body..end)?;
            header
                .contents(stored, self.header.salt, offset)
                .or_else(invalid)
        };
        let contents = contents.map_err(|bad| self.bad(offset, bad))?;
        Ok((header, contents))
    }

    fn finish(&self) -> Result<(), LogError> {
        let unpacked = match self.header.kind {
            Kind::Compacted { unpacked, .. } => unpacked,
            Kind::Ordinary => 0,
        };
        let reason = if self.offset != self.groups_end {
            "the segment's groups do not end with its footer"
        } else if self
            .read
            .is_some_and(|read| read != (self.footer.frames, unpacked))
        {
            "the segment has not as many frames as it says"
        } else {
            return Ok(());
        };
        Err(self.bad(self.groups_end, BadHeader::Invalid(reason)))
    }

    fn bad(&self, offset: u64, bad: BadHeader) -> LogError {
        let path = self.scan.path();
        match bad {
            BadHeader::Invalid(reason) => {
                LogError::corrupt(path, offset, self.lsn..self.end, reason)
            }
            BadHeader::Newer(what) => LogError::NewerFormat {
                path: path.to_path_buf(),
                offset,
                what,
            },
        }
    }
}
