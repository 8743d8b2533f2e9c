//! What must hold of the log's decoders, whatever the bytes. Fuzz targets call it; it is no part of the crate's
//! interface.
//!
//! A function takes the bytes as they are, and once more with their checksums put right: otherwise hardly an input
//! would get past them.

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::block::{BLOCK_HEADER_BYTES, BlockHeader, BlockName, CONTENTS_MAX, Packer};
use super::block_cache::BlockCache;
use super::bytes_file::BytesFile;
use super::checksum::{Role, seeded};
use super::footer::Footer;
use super::frame::{FrameHeader, HEADER_BYTES, encode};
use super::group::Group;
use super::scan::{Expected, Found, SegmentScan};
use super::sealed::Sealed;
use super::segment::Segment;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::superblock::{SLOT_BYTES, Superblock};
use super::{Lsn, SegmentId};
use crate::vfs::VfsFile;

const SEGMENT_HEADER: usize = SEGMENT_HEADER_BYTES as usize;
const ANY: &str = "00000000000000000001.seg";

/// Puts the CRC-32 of what is in front of it to `at`, if there are so many bytes.
fn put_crc(bytes: &mut [u8], at: usize, crc: impl FnOnce(&[u8]) -> u32) {
    if let Some((front, behind)) = bytes.split_at_mut_checked(at)
        && let Some(place) = behind.first_chunk_mut()
    {
        *place = crc(front).to_le_bytes();
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let field = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    field.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn length(bytes: &[u8], at: usize) -> usize {
    usize::try_from(number(bytes, at) & u64::from(u32::MAX)).unwrap_or(usize::MAX)
}

/// Puts the checksums of a superblock right, as far as there are whole slots.
pub(crate) fn repair_superblock(bytes: &mut [u8]) {
    for slot in bytes.chunks_exact_mut(SLOT_BYTES) {
        put_crc(slot, SLOT_BYTES - 4, crc32fast::hash);
    }
}

/// Puts the checksums of a segment right: of its header, its frames or its blocks with the frames that are in plain ones, and its
/// footer, as far as their lengths lead.
pub(crate) fn repair_segment(bytes: &mut [u8]) {
    put_crc(bytes, SEGMENT_HEADER - 4, crc32fast::hash);
    let salt = number(bytes, 40);
    if number(bytes, 72) & u64::from(u32::MAX) == 1 {
        return repair_frames(bytes.get_mut(SEGMENT_HEADER..).unwrap_or_default(), salt);
    }
    let end = usize::try_from(number(bytes, 64)).unwrap_or(usize::MAX);
    let end = end.min(bytes.len());
    let mut at = SEGMENT_HEADER;
    while at < end {
        let Some(block) = bytes.get_mut(at..end) else {
            break;
        };
        let stored = length(block, 8);
        if block.get(4) == Some(&0) && length(block, 28) > 0 {
            let frames = block.get_mut(BLOCK_HEADER_BYTES..);
            let frames = frames.and_then(|frames| frames.get_mut(..stored));
            repair_frames(frames.unwrap_or_default(), salt);
        }
        at += repair_block(block, salt, at as u64);
    }
    if let Some(footer) = bytes.get(end..)
        && let Some(at) = footer.len().checked_sub(4)
    {
        let base = number(bytes, 32);
        let footer = bytes.get_mut(end..).unwrap_or_default();
        put_crc(footer, at, |covered| {
            seeded(salt, base, Role::Footer, &[covered])
        });
    }
}

fn repair_frames(mut bytes: &mut [u8], salt: u64) {
    while bytes.starts_with(b"SWFR") {
        let frame = repair_frame(bytes, salt);
        bytes = bytes.get_mut(frame..).unwrap_or_default();
    }
}

/// Puts the checksums of the frame right with which the bytes begin; how long it is.
fn repair_frame(bytes: &mut [u8], salt: u64) -> usize {
    let frame = HEADER_BYTES.saturating_add(length(bytes, 8).next_multiple_of(8));
    let lsn = number(bytes, 16);
    let of = |role, bytes: &[u8]| seeded(salt, lsn, role, &[bytes]);
    let body = bytes.get(HEADER_BYTES..frame);
    if let Some(crc) = body.map(|body| of(Role::Payload, body)) {
        put_crc(bytes, HEADER_BYTES - 8, |_| crc);
    }
    put_crc(bytes, HEADER_BYTES - 4, |covered| of(Role::Header, covered));
    frame
}

/// The same for a block at `offset` of its file.
fn repair_block(bytes: &mut [u8], salt: u64, offset: u64) -> usize {
    let block = BLOCK_HEADER_BYTES.saturating_add(length(bytes, 8).next_multiple_of(8));
    let of = |role, bytes: &[u8]| seeded(salt, offset, role, &[bytes]);
    let body = bytes.get(BLOCK_HEADER_BYTES..block);
    if let Some(crc) = body.map(|body| of(Role::Block, body)) {
        put_crc(bytes, BLOCK_HEADER_BYTES - 8, |_| crc);
    }
    put_crc(bytes, BLOCK_HEADER_BYTES - 4, |covered| {
        of(Role::BlockHeader, covered)
    });
    block
}

/// A slot of the superblock: what is read is written as it was. What is missing of the input is zeros.
pub(crate) fn superblock(input: &[u8]) {
    let mut slot = input.to_vec();
    for _ in 0..2 {
        if let Ok(superblock) = Superblock::decode(&slot) {
            assert_eq!(superblock.encode(), slot);
        }
        slot.resize(SLOT_BYTES, 0);
        repair_superblock(&mut slot);
    }
}

/// A segment's header: what is read is written as it was.
pub(crate) fn segment_header(input: &[u8]) {
    let mut bytes = input.to_vec();
    for _ in 0..2 {
        if let Some(header) = header_of(&bytes) {
            assert_eq!(header.encode(), bytes);
        }
        let _ = SegmentHeader::presumed_as_of(&bytes);
        bytes.resize(SEGMENT_HEADER, 0);
        put_crc(&mut bytes, SEGMENT_HEADER - 4, crc32fast::hash);
    }
}

fn header_of(bytes: &[u8]) -> Option<SegmentHeader> {
    let id = SegmentId::new(Lsn::new(number(bytes, 32)));
    let database = bytes.get(16..).and_then(|bytes| bytes.first_chunk());
    let database = Uuid::from_bytes(*database.unwrap_or(&[0; 16]));
    SegmentHeader::decode(bytes, Path::new(ANY), id, database).ok()
}

/// A salt, and a frame behind it: what is read is written as it was, but for the padding.
pub(crate) fn frame(input: &[u8]) {
    let salt = number(input, 0);
    let mut bytes = input.get(8..).unwrap_or_default().to_vec();
    for _ in 0..2 {
        let _ = FrameHeader::peek(&bytes);
        if let Ok((header, body)) = FrameHeader::within(&bytes, 0, salt)
            && header.covers(body)
        {
            let payload = body.get(..header.payload_len as usize).unwrap_or_default();
            let mut written = Vec::new();
            let (lsn, synced) = (header.lsn, header.synced_lsn);
            encode(&mut written, salt, lsn, synced, header.records, payload);
            let again = FrameHeader::within(&written, 0, salt);
            let again = again.map(|(header, body)| (header.covers(body), header.frame_bytes()));
            assert_eq!(again, Ok((true, header.frame_bytes())));
            let padding = body.get(payload.len()..).unwrap_or_default();
            if padding.iter().all(|byte| *byte == 0) {
                assert_eq!(Some(written.as_slice()), bytes.get(..written.len()));
            }
        }
        repair_frame(&mut bytes, salt);
    }
}

/// A salt, the offset of a block, and the block: what it holds is packed as it was read, and so is a group's directory.
pub(crate) fn block(input: &[u8]) {
    let (salt, offset) = (number(input, 0), number(input, 8));
    let mut bytes = input.get(16..).unwrap_or_default().to_vec();
    for _ in 0..2 {
        if let Ok(header) = BlockHeader::decode(&bytes, salt, offset) {
            let end = usize::try_from(header.block_bytes()).unwrap_or(usize::MAX);
            let body = bytes.get(BLOCK_HEADER_BYTES..end).unwrap_or_default();
            if let Ok(contents) = header.contents(body, salt, offset) {
                assert_eq!(contents.len(), header.length as usize);
                assert!(contents.len() as u64 <= CONTENTS_MAX.min(body.len() as u64 * 1024));
                directory_of(&contents, &header, offset);
                if contents.len() < 4096 {
                    packed_again(&contents, header.name);
                }
            }
        }
        repair_block(&mut bytes, salt, offset);
    }
}

fn packed_again(contents: &[u8], name: BlockName) {
    let packed = Packer::new().and_then(|mut packer| packer.pack(contents.to_vec()));
    let (header, body) = match packed {
        Ok(packed) => packed.encode(1, 8, name),
        Err(error) => return assert!(contents.is_empty(), "{error}"),
    };
    let read = BlockHeader::decode(&header, 1, 8).map(|header| header.contents(&body, 1, 8));
    assert_eq!(read, Ok(Ok(contents.to_vec())));
}

fn directory_of(contents: &[u8], header: &BlockHeader, at: u64) {
    let Ok(group) = Group::decode(contents, header, at) else {
        return;
    };
    let blocks = group
        .blocks
        .iter()
        .map(|block| (block.stored, block.length));
    let blocks: Vec<_> = blocks.collect();
    assert_eq!(Group::encode(&group.frames, &blocks), contents);
    for (lsn, block) in &group.frames {
        assert_eq!(group.last_until(*lsn), Some((*lsn, usize::from(*block))));
    }
}

/// The LSN of a group's first frame, how many frames it has, and its directory without compression.
pub(crate) fn directory(input: &[u8]) {
    let (group, frames) = (number(input, 0), number(input, 8) & u64::from(u32::MAX));
    let contents = input.get(12..).unwrap_or_default();
    let name = BlockName {
        group,
        frames: u32::try_from(frames).unwrap_or_default(),
        number: 0,
    };
    directory_of(contents, &BlockHeader::of(name), 96);
}

/// A salt, a segment's base, where a footer is, and the footer: what is read is written as it was.
pub(crate) fn footer(input: &[u8]) {
    let (salt, base, at) = (number(input, 0), number(input, 8), number(input, 16));
    let mut bytes = input.get(24..).unwrap_or_default().to_vec();
    for _ in 0..2 {
        if let Ok(footer) = Footer::decode(&bytes, salt, base, at) {
            assert_eq!(footer.encode(salt, base), bytes);
            for (number, group) in footer.groups.iter().enumerate() {
                assert_eq!(footer.look_up(group.lsn), Some(number));
            }
        }
        let crc_at = bytes.len().saturating_sub(4);
        put_crc(&mut bytes, crc_at, |covered| {
            seeded(salt, base, Role::Footer, &[covered])
        });
    }
}

/// A segment's file. The frames that are found one after the other are those that a plain walk finds, and are found by their
/// addresses; and what a header says later of what is durable is not believed of another segment.
pub(crate) fn segment(input: &[u8]) {
    let mut bytes = input.to_vec();
    for _ in 0..2 {
        if let Some(header) = header_of(bytes.get(..SEGMENT_HEADER).unwrap_or_default()) {
            let file: Arc<dyn VfsFile> = Arc::new(BytesFile::new(bytes.clone()));
            match header.kind {
                Kind::Ordinary => ordinary(&bytes, header, file),
                Kind::Compacted { .. } => {
                    let _ = compacted(header, file);
                }
            }
        }
        repair_segment(&mut bytes);
    }
}

fn ordinary(bytes: &[u8], header: SegmentHeader, file: Arc<dyn VfsFile>) {
    let segment = Segment::new(header, ANY.into(), Arc::clone(&file));
    let Ok(mut scan) = SegmentScan::new(file, Path::new(ANY)) else {
        return;
    };
    let (mut at, mut lsn) = (SEGMENT_HEADER_BYTES, header.base);
    loop {
        let found = scan.frame(at, Expected::Exactly(lsn), header.salt);
        let offset = usize::try_from(at).unwrap_or(usize::MAX);
        let plain = FrameHeader::within(bytes, offset, header.salt).ok();
        let plain = plain.filter(|(frame, body)| frame.lsn == lsn && frame.covers(body));
        let Ok(Found::Frame(frame, payload)) = found else {
            assert!(plain.is_none(), "the frame at {at} was not found");
            break;
        };
        let body = plain.map(|(_, body)| body).unwrap_or_default();
        let expected = body.get(..frame.payload_len as usize);
        assert_eq!(scan.bytes(payload).ok(), expected);
        let address = frame.address(header.id(), at);
        let read = segment.read(address, &BlockCache::default()).ok();
        assert_eq!(read.as_deref(), expected);
        (at, lsn) = (at + frame.frame_bytes(), frame.end());
    }
    let behind = scan.behind(at, lsn, header.salt);
    assert!(behind.is_ok_and(|behind| behind.content_end >= at));
}

fn compacted(header: SegmentHeader, file: Arc<dyn VfsFile>) -> Result<(), super::LogError> {
    let segment = Segment::new(header, ANY.into(), Arc::clone(&file));
    let scan = SegmentScan::new(file, Path::new(ANY))?;
    let mut frames = Sealed::new(scan, header, u64::MAX)?;
    let blocks = BlockCache::default();
    let mut last = 0;
    while let Some(frame) = frames.next()? {
        assert!(frame.header.lsn >= header.base && frame.header.lsn >= last);
        last = frame.header.end();
        let read = segment.read(frame.address, &blocks)?;
        assert_eq!(read, frame.payload);
    }
    Ok(())
}
