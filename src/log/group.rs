//! [`Group`]: which block of a compacted segment holds which frame, for a group of blocks.

use super::block::{BlockHeader, CONTENTS_MAX, block_bytes};
use super::fields::Fields;
use super::frame::HEADER_BYTES;

/// A group holds at most so many bytes of frames, unless it is a single frame: whoever reads it in the order of the
/// LSNs has all of it in memory.
pub(super) const GROUP_BYTES: u64 = 8 << 20;
/// ... in at most so many blocks.
pub(super) const GROUP_BLOCKS: usize = u16::MAX as usize;

/// The contents of a directory are at most so long.
pub(super) const DIRECTORY_BYTES: u64 =
    4 + 8 * GROUP_BLOCKS as u64 + 6 * (GROUP_BYTES / HEADER_BYTES as u64);

const _: () = assert!(DIRECTORY_BYTES < 2 << 20);

/// A group's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// The LSN of each frame, ascending, and the number of its block, from 0.
    pub(super) frames: Vec<(u64, u16)>,
    pub(super) blocks: Vec<BlockAt>,
    /// Where the group ends in the file.
    pub(super) end: u64,
}

/// Where a block of frames is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockAt {
    pub(super) offset: u64,
    pub(super) stored: u32,
    pub(super) length: u32,
}

impl BlockAt {
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(block_bytes(self.stored))
    }

    /// Whether that is the header of this block, which has this number in the group.
    pub(super) fn is(&self, header: &BlockHeader, number: usize, group: &Group) -> bool {
        (header.stored, header.length) == (self.stored, self.length)
            && header.name.number as usize == number + 1
            && header.name.group == group.lsn()
            && header.name.frames as usize == group.frames.len()
    }
}

impl Group {
    /// The LSN of its first frame.
    pub(super) fn lsn(&self) -> u64 {
        self.frames.first().map_or(0, |(lsn, _)| *lsn)
    }

    /// How many bytes of frames it holds.
    pub(super) fn length(&self) -> u64 {
        self.blocks.iter().map(|of| u64::from(of.length)).sum()
    }

    /// How much memory it takes, about.
    pub(super) fn memory(&self) -> usize {
        self.frames.len() * 16 + self.blocks.len() * 16
    }

    /// The last frame whose LSN is not above this one: its LSN and the number of its block.
    pub(super) fn last_until(&self, lsn: u64) -> Option<(u64, usize)> {
        let later = self.frames.partition_point(|(of, _)| *of <= lsn);
        let (lsn, block) = self.frames.get(later.checked_sub(1)?)?;
        Some((*lsn, usize::from(*block)))
    }

    /// The contents of a directory of these frames, in blocks that store and hold so much.
    pub(super) fn encode(frames: &[(u64, u16)], blocks: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + blocks.len() * 8 + frames.len() * 6);
        let count = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&count.to_le_bytes());
        for (stored, length) in blocks {
            bytes.extend_from_slice(&stored.to_le_bytes());
            bytes.extend_from_slice(&length.to_le_bytes());
        }
        let mut last = frames.first().map_or(0, |(lsn, _)| *lsn);
        for (lsn, _) in frames {
            let gap = u32::try_from(lsn - last).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&gap.to_le_bytes());
            last = *lsn;
        }
        for (_, block) in frames {
            bytes.extend_from_slice(&block.to_le_bytes());
        }
        bytes
    }

    /// Reads the contents of a directory with this header, which ends at `blocks_at` in the file.
    pub(super) fn decode(
        contents: &[u8],
        header: &BlockHeader,
        blocks_at: u64,
    ) -> Result<Self, &'static str> {
        let group = Self::fields(contents, header, blocks_at);
        group.ok_or("the directory of a group is impossible")
    }

    fn fields(contents: &[u8], header: &BlockHeader, blocks_at: u64) -> Option<Self> {
        let mut fields = Fields::new(contents);
        let count = usize::try_from(fields.u32()?).ok()?;
        let frames = usize::try_from(header.name.frames).ok()?;
        let (of_blocks, rest) = fields.rest().split_at_checked(count.checked_mul(8)?)?;
        let (gaps, of_frames) = rest.split_at_checked(frames.checked_mul(4)?)?;
        let is_directory = header.name.number == 0 && frames > 0 && count > 0;
        if !is_directory || count > GROUP_BLOCKS || of_frames.len() != frames.checked_mul(2)? {
            return None;
        }
        let mut end = blocks_at;
        let mut blocks = Vec::with_capacity(count);
        for block in of_blocks.as_chunks::<8>().0 {
            let mut fields = Fields::new(block);
            let at = BlockAt {
                offset: end,
                stored: fields.u32()?,
                length: fields.u32()?,
            };
            end = end.checked_add(block_bytes(at.stored))?;
            blocks.push(at);
        }
        let mut lsn = header.name.group;
        let mut of = Vec::with_capacity(frames);
        let numbered = gaps
            .as_chunks::<4>()
            .0
            .iter()
            .zip(of_frames.as_chunks::<2>().0);
        for (number, (gap, block)) in numbered.enumerate() {
            let (gap, block) = (u32::from_le_bytes(*gap), u16::from_le_bytes(*block));
            if (gap == 0) != (number == 0) || usize::from(block) >= count {
                return None;
            }
            lsn = lsn.checked_add(u64::from(gap))?;
            of.push((lsn, block));
        }
        let group = Self {
            frames: of,
            blocks,
            end,
        };
        let max = if frames == 1 {
            CONTENTS_MAX
        } else {
            GROUP_BYTES
        };
        let possible =
            group.length() <= max && frames as u64 * HEADER_BYTES as u64 <= group.length();
        possible.then_some(group)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::block::BlockName;

    /// The header of a directory.
    fn header(group: u64, frames: usize, number: u32) -> BlockHeader {
        let frames = u32::try_from(frames).unwrap();
        BlockHeader::of(BlockName {
            group,
            frames,
            number,
        })
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let frames = [(5, 1), (7, 0), (265, 1)];
        let bytes = Group::encode(&frames, &[(9, 90), (70, 80)]);
        assert_eq!(bytes[..4], [2, 0, 0, 0]);
        assert_eq!(
            bytes[4..20],
            [9, 0, 0, 0, 90, 0, 0, 0, 70, 0, 0, 0, 80, 0, 0, 0]
        );
        assert_eq!(bytes[20..32], [0, 0, 0, 0, 2, 0, 0, 0, 2, 1, 0, 0]);
        assert_eq!(bytes[32..], [1, 0, 0, 0, 1, 0]);
        let group = Group::decode(&bytes, &header(5, 3, 0), 1000).unwrap();
        assert_eq!(group.frames, frames);
        let offsets: Vec<_> = group.blocks.iter().map(|block| block.offset).collect();
        assert_eq!((offsets, group.end), (vec![1000, 1056], 1168));
        let found = [4, 5, 6, 7, 264, 300].map(|lsn| group.last_until(lsn));
        let [five, seven, last] = [(5, 1), (7, 0), (265, 1)].map(Some);
        assert_eq!(found, [None, five, five, seven, seven, last]);
    }

    #[test]
    fn an_impossible_directory_is_refused() {
        let bytes = Group::encode(&[(5, 1), (7, 0)], &[(9, 90), (70, 80)]);
        let is_read = |bytes: &[u8], header| Group::decode(bytes, &header, 1000).is_ok();
        assert!(is_read(&bytes, header(5, 2, 0)));
        assert!(!is_read(&bytes, header(5, 2, 1)));
        assert!(!is_read(&bytes, header(5, 3, 0)));
        assert!(!is_read(&bytes, header(u64::MAX - 1, 2, 0)));
        assert!(!is_read(&[&bytes[..], &[0]].concat(), header(5, 2, 0)));
        for wrong in [
            Group::encode(&[(5, 2), (7, 0)], &[(9, 90), (70, 80)]),
            Group::encode(&[(5, 1), (5, 0)], &[(9, 90), (70, 80)]),
            Group::encode(&[(5, 1), (7, 0)], &[(9, 39), (70, 40)]),
            Group::encode(&[(5, 1), (7, 0)], &[(9, 8 << 20), (70, 1)]),
            Group::encode(&[(5, 0), (7, 0)], &[]),
        ] {
            assert!(!is_read(&wrong, header(5, 2, 0)));
        }
        // A single frame may be longer than a group.
        let one = Group::encode(&[(5, 0)], &[(9, 9 << 20)]);
        assert!(is_read(&one, header(5, 1, 0)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_alike(
            bytes in proptest::collection::vec(0..4_u8, 0..80), frames in 0..6_usize,
        ) {
            if let Ok(group) = Group::decode(&bytes, &header(9, frames, 0), 136) {
                let blocks: Vec<_> = group.blocks.iter().map(|at| (at.stored, at.length)).collect();
                prop_assert_eq!(Group::encode(&group.frames, &blocks), bytes);
            }
        }
    }
}
