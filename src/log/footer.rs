//! [`Footer`]: where the groups of a compacted segment are.

use super::block::BLOCK_HEADER_BYTES;
use super::checksum::{Role, seeded};
use super::fields::Fields;
use super::segment_header::SEGMENT_HEADER_BYTES;

const MAGIC: [u8; 8] = *b"STEPWFTR";
const FIXED_BYTES: usize = 8 + 8 + 8 + 4;
const ENTRY_BYTES: usize = 16;
/// A group has a directory and a block at least.
const GROUP_BYTES_MIN: u64 = 2 * BLOCK_HEADER_BYTES as u64;

/// Where the groups of a compacted segment are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Footer {
    /// How many frames they have.
    pub(super) frames: u64,
    pub(super) groups: Vec<GroupAt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupAt {
    /// The LSN of its first frame.
    pub(super) lsn: u64,
    pub(super) offset: u64,
}

impl Footer {
    /// Notes the next group, and how many frames it has.
    pub(super) fn push(&mut self, group: GroupAt, frames: u64) {
        self.frames += frames;
        self.groups.push(group);
    }

    /// The footer's length if there are this many bytes of groups, at most.
    pub(super) fn bytes_max(len: u64) -> u64 {
        FIXED_BYTES as u64 + len / GROUP_BYTES_MIN * ENTRY_BYTES as u64
    }

    /// The number of the group in which the frame `lsn` is if it is there. None if all frames are later.
    pub(super) fn look_up(&self, lsn: u64) -> Option<usize> {
        let later = self.groups.partition_point(|group| group.lsn <= lsn);
        later.checked_sub(1)
    }

    pub(super) fn encode(&self, salt: u64, base: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + self.groups.len() * ENTRY_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.frames.to_le_bytes());
        bytes.extend_from_slice(&(self.groups.len() as u64).to_le_bytes());
        for group in &self.groups {
            bytes.extend_from_slice(&group.lsn.to_le_bytes());
            bytes.extend_from_slice(&group.offset.to_le_bytes());
        }
        let crc = seeded(salt, base, Role::Footer, &[&bytes]);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the footer that is at `at`; `bytes` are all from there to the end of the file.
    pub(super) fn decode(
        bytes: &[u8],
        salt: u64,
        base: u64,
        at: u64,
    ) -> Result<Self, &'static str> {
        let (covered, crc) = bytes
            .split_last_chunk()
            .ok_or("the segment's footer is cut off")?;
        if seeded(salt, base, Role::Footer, &[covered]) != u32::from_le_bytes(*crc) {
            return Err("the segment's footer has a wrong checksum");
        }
        Self::fields(covered)
            .filter(|footer| footer.is_possible(base, at))
            .ok_or("the segment's footer is impossible")
    }

    fn fields(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        if fields.bytes()? != MAGIC {
            return None;
        }
        let frames = fields.u64()?;
        let count = fields.u64()?;
        let (groups, rest) = fields.rest().as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() || groups.len() as u64 != count {
            return None;
        }
        let groups = groups.iter().map(|group| {
            let mut fields = Fields::new(group);
            Some(GroupAt {
                lsn: fields.u64()?,
                offset: fields.u64()?,
            })
        });
        Some(Self {
            frames,
            groups: groups.collect::<Option<_>>()?,
        })
    }

    fn is_possible(&self, base: u64, at: u64) -> bool {
        let far = |offset: u64| offset.saturating_add(GROUP_BYTES_MIN);
        let ascending = self
            .groups
            .is_sorted_by(|a, b| a.lsn < b.lsn && far(a.offset) <= b.offset);
        let within = self
            .groups
            .iter()
            .all(|group| group.lsn >= base && group.offset % 8 == 0 && far(group.offset) <= at);
        let begins = match self.groups.first() {
            Some(group) => {
                group.offset == SEGMENT_HEADER_BYTES && self.frames >= self.groups.len() as u64
            }
            None => at == SEGMENT_HEADER_BYTES && self.frames == 0,
        };
        ascending && within && begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footer(groups: &[(u64, u64)]) -> Footer {
        let mut footer = Footer::default();
        for (lsn, offset) in groups {
            let (lsn, offset) = (*lsn, *offset);
            footer.push(GroupAt { lsn, offset }, 2);
        }
        footer
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let bytes = footer(&[(3, 96)]).encode(7, 2);
        assert_eq!(bytes.len(), 28 + 16);
        assert_eq!(&bytes[..8], b"STEPWFTR");
        assert_eq!((bytes[8], bytes[16], bytes[24], bytes[32]), (2, 1, 3, 96));
        let seed = [7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3];
        let crc = crc32fast::hash(&[&seed, &bytes[..40]].concat());
        assert_eq!(bytes[40..], crc.to_le_bytes());
    }

    #[test]
    fn a_frame_is_in_the_last_group_that_begins_before_it() {
        let footer = footer(&[(3, 96), (7, 400)]);
        let found = [2, 3, 6, 7, 100].map(|lsn| footer.look_up(lsn));
        assert_eq!(found, [None, Some(0), Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn it_is_read_as_it_was_written_and_every_flip_or_cut_is_found() {
        for groups in [vec![], vec![(3, 96), (7, 176), (9, 20_000)]] {
            let at = if groups.is_empty() { 96 } else { 30_000 };
            let footer = footer(&groups);
            let bytes = footer.encode(7, 2);
            assert!(bytes.len() as u64 <= Footer::bytes_max(at));
            assert_eq!(Footer::decode(&bytes, 7, 2, at), Ok(footer));
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(Footer::decode(&damaged, 7, 2, at).is_err());
            }
            for length in 0..bytes.len() {
                assert!(Footer::decode(&bytes[..length], 7, 2, at).is_err());
            }
            assert!(Footer::decode(&bytes, 8, 2, at).is_err());
            assert!(Footer::decode(&bytes, 7, 3, at).is_err());
        }
    }

    #[test]
    fn impossible_entries_are_refused() {
        for groups in [
            vec![(1, 96)],
            vec![(3, 104)],
            vec![(3, 96), (3, 9000)],
            vec![(3, 96), (4, 104)],
            vec![(3, 96), (4, u64::MAX - 7)],
            vec![(3, 96), (4, 29_960)],
        ] {
            let bytes = footer(&groups).encode(7, 2);
            assert!(Footer::decode(&bytes, 7, 2, 30_000).is_err());
        }
        let no_groups = Footer {
            frames: 3,
            groups: Vec::new(),
        };
        let bytes = no_groups.encode(7, 2);
        assert!(Footer::decode(&bytes, 7, 2, 96).is_err());
    }
}
