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
        let Some(presumed) = presumed(scan, offset)? else {
            offset += ALIGNMENT;
            continue;
        };
        let (length, is_whole) = check(scan, offset, presumed, lsns)?;
        if is_whole {
            offset += length;
            if except.is_none_or(|except| Seed::of(except, 0) != Seed::of(presumed.salt, 0)) {
                *votes.entry(presumed).or_default() += 1;
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

/// With what a frame or a block at `offset` was written, if there is one.
fn presumed(scan: &mut SegmentScan, offset: u64) -> Result<Option<Regained>, LogError> {
    let bytes = scan.bytes(Header::at(offset))?;
    let of = |is_packed| move |salt| Regained { salt, is_packed };
    let block = BlockHeader::salt_of(bytes, offset).map(of(true));
    Ok(block.or_else(|| FrameHeader::salt_of(bytes).map(of(false))))
}

/// The length of what was presumed at `offset`, 0 if it cannot be there, and whether it is whole and of these records.
fn check(
    scan: &mut SegmentScan,
    offset: u64,
    presumed: Regained,
    lsns: &Range<u64>,
) -> Result<(u64, bool), LogError> {
    let header = Header::decode(scan.bytes(Header::at(offset))?, presumed, offset);
    let Some(header) = header.filter(|header| lsns.contains(&header.lsn())) else {
        return Ok((0, false));
    };
    let part = header.part(offset);
    if part.end > scan.len() {
        return Ok((0, false));
    }
    let length = part.end - offset;
    let is_whole = header.covers(scan.bytes(part)?, presumed.salt, offset);
    Ok((length, is_whole))
}

/// The header of a frame or of a block.
enum Header {
    Frame(FrameHeader),
    Block(BlockHeader),
}

impl Header {
    /// Where one is that begins at `offset`.
    fn at(offset: u64) -> Range<u64> {
        let length = HEADER_BYTES.max(BLOCK_HEADER_BYTES) as u64;
        offset..offset.saturating_add(length)
    }

    fn decode(bytes: &[u8], with: Regained, offset: u64) -> Option<Self> {
        match with.is_packed {
            true => BlockHeader::decode(bytes, with.salt, offset).map(Self::Block),
            false => FrameHeader::decode(bytes, with.salt).map(Self::Frame),
        }
        .ok()
    }

    /// That of the first record, or of the group that it is in.
    fn lsn(&self) -> u64 {
        match self {
            Self::Frame(header) => header.lsn,
            Self::Block(header) => header.name.group,
        }
    }

    /// Where that is which follows the header at `offset`.
    fn part(&self, offset: u64) -> Range<u64> {
        let (header, whole) = match self {
            Self::Frame(header) => (HEADER_BYTES, header.frame_bytes()),
            Self::Block(header) => (BLOCK_HEADER_BYTES, header.block_bytes()),
        };
        offset.saturating_add(header as u64)..offset.saturating_add(whole)
    }

    fn covers(&self, part: &[u8], salt: u64, offset: u64) -> bool {
        match self {
            Self::Frame(header) => header.covers(part),
            Self::Block(header) => header.covers(part, salt, offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::bytes_file::BytesFile;
    use super::super::frame::{MAGIC, encode};
    use super::*;

    #[test]
    fn frames_of_other_records_do_not_count_however_many_they_are() {
        let mut bytes = vec![0; SEGMENT_HEADER_BYTES as usize];
        for lsn in [100, 101, 10] {
            encode(&mut bytes, 1, lsn, 0, 1, b"of another segment");
        }
        encode(&mut bytes, 2, 9, 0, 1, b"of this one");
        let file = Arc::new(BytesFile::new(bytes));
        let mut scan = SegmentScan::new(file, Path::new("any")).unwrap();
        let found = regain(&mut scan, &(0..10), None).unwrap().unwrap();
        assert_eq!(
            (Seed::of(found.salt, 0), found.is_packed),
            (Seed::of(2, 0), false)
        );
        assert_eq!(regain(&mut scan, &(0..10), Some(2)).unwrap(), None);
    }

    #[test]
    fn headers_that_claim_much_in_vain_do_not_make_the_search_long() {
        const LENGTH: usize = 1 << 20;
        // Some salt makes the checksum right of whatever says that a frame begins. It is longer than what is read at a time.
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&MAGIC.to_le_bytes());
        header[4] = 1;
        header[8..12].copy_from_slice(&300_000_u32.to_le_bytes());
        header[12] = 1;
        header[16] = 5;
        let mut bytes = vec![0; SEGMENT_HEADER_BYTES as usize];
        bytes.extend(header.iter().cycle().take(LENGTH));

        let file = Arc::new(BytesFile::new(bytes));
        let mut scan = SegmentScan::new(Arc::clone(&file) as _, Path::new("any")).unwrap();
        let presumed = presumed(&mut scan, SEGMENT_HEADER_BYTES).unwrap().unwrap();
        let found = check(&mut scan, SEGMENT_HEADER_BYTES, presumed, &(0..10)).unwrap();
        assert_eq!(found, (300_040, false));

        assert_eq!(regain(&mut scan, &(0..10), None).unwrap(), None);
        let read = file.read();
        assert!(read < 2 * PATIENCE * LENGTH as u64, "{read}");
    }
}
