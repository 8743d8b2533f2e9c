//! Single frames of a compacted segment, found by their LSNs.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::block::{BLOCK_HEADER_BYTES, BlockHeader};
use super::block_cache::BlockCache;
use super::frame::{BadHeader, FrameHeader};
use super::group::{DIRECTORY_BYTES, Group};
use super::segment::Segment;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES};
use super::{LogError, Lsn, Window};

/// So much is read at once of a directory, since its length is not known before. Most are shorter.
const DIRECTORY_GUESS: u64 = 16 << 10;

impl Segment {
    /// The payload of the frame with this LSN, once its checksums were found right.
    pub(super) fn read_packed(
        &self,
        lsn: Lsn,
        blocks: &BlockCache,
        window: Option<&mut Window>,
    ) -> Result<Bytes, LogError> {
        let dropped = || LogError::Dropped { lsn };
        let lsn = lsn.get();
        let group = self.group_of(lsn, blocks)?.ok_or_else(dropped)?;
        let block = match group.last_until(lsn) {
            Some((found, block)) if found == lsn => block,
            _ => return Err(dropped()),
        };
        let contents = self.block(&group, block, lsn, blocks, window)?;
        let (_, payload) = self.frame_in(&contents, &group, block, lsn)?;
        // A short one must not keep the whole block in memory.
        Ok(if payload.len() < contents.len() / 2 {
            Bytes::copy_from_slice(payload)
        } else {
            contents.slice_ref(payload)
        })
    }

    /// Whether no frame has records on both sides of `lsn`.
    pub(super) fn is_boundary(&self, lsn: u64, blocks: &BlockCache) -> Result<bool, LogError> {
        let Some(group) = self.group_of(lsn, blocks)? else {
            return Ok(true);
        };
        match group.last_until(lsn) {
            Some((last, block)) if last != lsn => {
                let contents = self.block(&group, block, last, blocks, None)?;
                let (header, _) = self.frame_in(&contents, &group, block, last)?;
                Ok(header.end() <= lsn)
            }
            _ => Ok(true),
        }
    }

    /// The directory of the group in which the frame `lsn` is if it is there.
    fn group_of(&self, lsn: u64, blocks: &BlockCache) -> Result<Option<Arc<Group>>, LogError> {
        let Kind::Compacted { footer: end, .. } = self.header.kind else {
            return Ok(None);
        };
        let footer = self.footer()?;
        let number = footer.look_up(lsn);
        let Some(at) = number.and_then(|number| footer.groups.get(number)) else {
            return Ok(None);
        };
        let id = (self.salt(), at.offset);
        if let Some(group) = blocks.directory(id) {
            return Ok(Some(group));
        }
        let bad = |reason| self.bad(at.offset, at.lsn..lsn + 1, BadHeader::Invalid(reason));
        let guess = end.min(at.offset.saturating_add(DIRECTORY_GUESS));
        let mut bytes = self.bytes_of(at.offset..guess, at.lsn)?;
        let directory = self.block_header(&bytes, at.offset, at.lsn)?;
        let blocks_at = at.offset.saturating_add(directory.block_bytes());
        if directory.name.group != at.lsn || directory.name.number != 0 {
            return Err(bad("the segment's footer does not fit its groups"));
        }
        if blocks_at > end || u64::from(directory.length) > DIRECTORY_BYTES {
            return Err(bad("the directory of a group is too long"));
        }
        if blocks_at > guess {
            bytes.extend(self.bytes_of(guess..blocks_at, at.lsn)?);
        }
        let contents = self.contents(&directory, &bytes, at.offset).map_err(bad)?;
        let group = Group::decode(&contents, &directory, blocks_at).map_err(bad)?;
        if group.end > end {
            return Err(bad("a group overlaps the segment's footer"));
        }
        let group = Arc::new(group);
        blocks.keep_directory(id, &group);
        Ok(Some(group))
    }

    /// The contents of a block of a group, which are needed for the frame `lsn`.
    fn block(
        &self,
        group: &Group,
        number: usize,
        lsn: u64,
        blocks: &BlockCache,
        window: Option<&mut Window>,
    ) -> Result<Bytes, LogError> {
        let invalid = |offset, reason| self.bad(offset, lsn..lsn + 1, BadHeader::Invalid(reason));
        let gone = || invalid(0, "the group has no such block");
        let at = *group.blocks.get(number).ok_or_else(gone)?;
        let id = (self.salt(), at.offset);
        if let Some(contents) = blocks.frames(id) {
            return Ok(contents);
        }
        let range = at.offset..at.end();
        let bytes = match window {
            None => self.bytes_of(range, lsn)?.into(),
            Some(window) => match window.get(self.salt(), range.start, range.end) {
                Some(bytes) => bytes,
                None => {
                    let start = range.end.saturating_sub(window.next_blocks_length());
                    let start = start.clamp(SEGMENT_HEADER_BYTES.min(range.start), range.start);
                    let bytes = Bytes::from(self.bytes_of(start..range.end, lsn)?);
                    window.fill(self.salt(), start, bytes.clone());
                    bytes.slice(usize::try_from(range.start - start).unwrap_or_default()..)
                }
            },
        };
        let header = self.block_header(&bytes, at.offset, lsn)?;
        if !at.is(&header, number, group) {
            return Err(invalid(at.offset, "the directory does not fit its blocks"));
        }
        let contents = self.contents(&header, &bytes, at.offset);
        let contents = contents.map_err(|reason| invalid(at.offset, reason))?;
        let contents = Bytes::from(contents);
        blocks.keep_frames(id, &contents);
        Ok(contents)
    }

    fn block_header(&self, bytes: &[u8], offset: u64, lsn: u64) -> Result<BlockHeader, LogError> {
        let header = BlockHeader::decode(bytes, self.salt(), offset);
        header.map_err(|bad| self.bad(offset, lsn..lsn.saturating_add(1), bad))
    }

    /// The contents of the block that begins with these bytes.
    fn contents(
        &self,
        header: &BlockHeader,
        bytes: &[u8],
        offset: u64,
    ) -> Result<Vec<u8>, &'static str> {
        let end = usize::try_from(header.block_bytes()).unwrap_or(usize::MAX);
        let stored = bytes.get(BLOCK_HEADER_BYTES..end);
        let stored = stored.ok_or("the file ends before the block does")?;
        header.contents(stored, self.salt(), offset)
    }

    /// The frame with this LSN in a block of a group: its header and payload.
    fn frame_in<'c>(
        &self,
        contents: &'c [u8],
        group: &Group,
        block: usize,
        lsn: u64,
    ) -> Result<(FrameHeader, &'c [u8]), LogError> {
        let offset = group.blocks.get(block).map_or(0, |block| block.offset);
        let bad = |bad| self.bad(offset, lsn..lsn.saturating_add(1), bad);
        let missing = || bad(BadHeader::Invalid("the block has no such frame"));
        let mut at = 0;
        loop {
            let frame = contents.get(at..).unwrap_or_default();
            let (of, length) = FrameHeader::peek(frame).ok_or_else(missing)?;
            if of == lsn {
                break;
            }
            at = at.checked_add(length).ok_or_else(missing)?;
        }
        let (header, body) = FrameHeader::within(contents, at, self.salt()).map_err(bad)?;
        if !header.covers(body) {
            return Err(bad(BadHeader::Invalid("the payload's checksum is wrong")));
        }
        let payload = body.get(..header.payload_len as usize);
        Ok((header, payload.ok_or_else(missing)?))
    }

    fn bytes_of(&self, range: Range<u64>, lsn: u64) -> Result<Vec<u8>, LogError> {
        self.bytes(range, lsn..lsn.saturating_add(1))
    }
}
