//! The salt of a segment whose header is damaged, from the checksums of what is behind it.
//!
//! A checksum can be run backwards: whatever header of a frame or a block is there, some salt makes it right. That it is the
//! segment's is shown by what the header is of, whose checksum has to be right with the same salt.

use std::collections::BTreeMap;
use std::ops::Range;

use super::LogError;
use super::block::{BLOCK_HEADER_BYTES, BlockHeader};
use super::checksum::Seed;
use super::frame::{ALIGNMENT, FrameHeader, HEADER_BYTES};
use super::scan::SegmentScan;
use super::segment_header::SEGMENT_HEADER_BYTES;

/// So many times the file's length is read in vain, of what headers say is behind them, before it is given up.
const PATIENCE: u64 = 8;

/// What frames or blocks were written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Regained {
    pub(super) salt: u64,
    /// Whether it is blocks, those of a compacted segment.
    pub(super) is_packed: bool,
}

/// With which salt most of the frames or blocks of these records are whole; none if none is whole, or none with another salt
/// than `except`.
pub(super) fn regain(
    scan: &mut SegmentScan,
    lsns: &Range<u64>,
    except: Option<u64>,
) -> Result<Option<Regained>, LogError> {
    let mut votes = BTreeMap::<Regained, u64>::new();
    let mut patience = scan.len().saturating_mul(PATIENCE);
    let mut offset = SEGMENT_HEADER_BYTES;
    while offset < scan.len() {
        let Some((salt, is_packed)) = presumed(scan, offset)? else {
            offset += ALIGNMENT;
            continue;
        };
        let (length, is_whole) = match is_packed {
            true => block(scan, offset, salt, lsns)?,
            false => frame(scan, offset, salt, lsns)?,
        };
        if is_whole {
            offset += length;
            if except.is_none_or(|except| Seed::of(except, 0) != Seed::of(salt, 0)) {
                *votes.entry(Regained { salt, is_packed }).or_default() += 1;
            }
        } else if patience < length {
            break;
        } else {
            patience -= length;
            offset += ALIGNMENT;
        }
    }
    let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
    Ok(most.map(|(regained, _)| regained))
}

/// A salt with which a frame or a block begins at `offset`, and whether it is a block.
fn presumed(scan: &mut SegmentScan, offset: u64) -> Result<Option<(u64, bool)>, LogError> {
    let length = HEADER_BYTES.max(BLOCK_HEADER_BYTES) as u64;
    let bytes = scan.bytes(offset..offset.saturating_add(length))?;
    let block = BlockHeader::salt_of(bytes, offset).map(|salt| (salt, true));
    Ok(block.or_else(|| FrameHeader::salt_of(bytes).map(|salt| (salt, false))))
}

/// The length of the frame at `offset`, 0 if there can be none, and whether it is whole and of these records.
fn frame(
    scan: &mut SegmentScan,
    offset: u64,
    salt: u64,
    lsns: &Range<u64>,
) -> Result<(u64, bool), LogError> {
    let body = offset.saturating_add(HEADER_BYTES as u64);
    let header = match FrameHeader::decode(scan.bytes(offset..body)?, salt) {
        Ok(header) if lsns.contains(&header.lsn) => header,
        _ => return Ok((0, false)),
    };
    let length = header.frame_bytes();
    let end = offset.saturating_add(length);
    if end > scan.len() {
        return Ok((0, false));
    }
    let is_whole = header.covers(scan.bytes(body..end)?);
    Ok((length, is_whole))
}

/// The length of the block at `offset`, 0 if there can be none, and whether it is whole and of these records.
fn block(
    scan: &mut SegmentScan,
    offset: u64,
    salt: u64,
    lsns: &Range<u64>,
) -> Result<(u64, bool), LogError> {
    let body = offset.saturating_add(BLOCK_HEADER_BYTES as u64);
    let header = match BlockHeader::decode(scan.bytes(offset..body)?, salt, offset) {
        Ok(header) if lsns.contains(&header.name.group) => header,
        _ => return Ok((0, false)),
    };
    let length = header.block_bytes();
    let end = offset.saturating_add(length);
    if end > scan.len() {
        return Ok((0, false));
    }
    let stored = scan.bytes(body..end)?;
    Ok((length, header.covers(stored, salt, offset)))
}
