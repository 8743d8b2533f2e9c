//! [`Footer`]: where the frames of a compacted segment are.

use super::checksum::{Role, seeded};
use super::fields::Fields;
use super::frame::HEADER_BYTES;
use super::segment_header::SEGMENT_HEADER_BYTES;

const MAGIC: [u8; 8] = *b"STEPWFTR";
const FIXED_BYTES: usize = 8 + 8 + 8 + 4;
const ENTRY_BYTES: usize = 16;
/// A frame gets an entry if it begins this far or further behind the one that had the last.
const STRIDE: u64 = 8 * 1024;

/// Where the frames of a compacted segment are: an entry for the first and then for one in each few KiB.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Footer {
    frames: u64,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    lsn: u64,
    offset: u64,
}

impl Footer {
    /// Notes the next frame.
    pub(super) fn push(&mut self, lsn: u64, offset: u64) {
        self.frames += 1;
        let last = self.entries.last();
        if last.is_none_or(|last| offset >= last.offset.saturating_add(STRIDE)) {
            self.entries.push(Entry { lsn, offset });
        }
    }

    /// The footer's length if there are this many bytes of frames and footer together, at most.
    pub(super) fn bytes_max(len: u64) -> u64 {
        FIXED_BYTES as u64 + len / STRIDE * ENTRY_BYTES as u64 + ENTRY_BYTES as u64
    }

    /// The part of the file in which the frame `lsn` begins if it is there: from the frame in
    /// front of it, or itself, up to a later one or `end`. None if all frames are later.
    pub(super) fn look_up(&self, lsn: u64, end: u64) -> Option<std::ops::Range<u64>> {
        let later = self.entries.partition_point(|entry| entry.lsn <= lsn);
        let from = self.entries.get(later.checked_sub(1)?)?.offset;
        let to = self.entries.get(later).map_or(end, |entry| entry.offset);
        Some(from..to)
    }

    pub(super) fn encode(&self, salt: u64, base: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + self.entries.len() * ENTRY_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.frames.to_le_bytes());
        bytes.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.lsn.to_le_bytes());
            bytes.extend_from_slice(&entry.offset.to_le_bytes());
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
        let (entries, rest) = fields.rest().as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() || entries.len() as u64 != count {
            return None;
        }
        let entries = entries.iter().map(|entry| {
            let mut fields = Fields::new(entry);
            Some(Entry {
                lsn: fields.u64()?,
                offset: fields.u64()?,
            })
        });
        Some(Self {
            frames,
            entries: entries.collect::<Option<_>>()?,
        })
    }

    fn is_possible(&self, base: u64, at: u64) -> bool {
        let ascending = self
            .entries
            .is_sorted_by(|a, b| a.lsn < b.lsn && a.offset.saturating_add(STRIDE) <= b.offset);
        let within = self.entries.iter().all(|entry| {
            entry.lsn >= base
                && entry.offset % 8 == 0
                && entry.offset.saturating_add(HEADER_BYTES as u64) <= at
        });
        let first = self.entries.first().map(|entry| entry.offset);
        let begins = match first {
            Some(offset) => offset == SEGMENT_HEADER_BYTES && self.frames > 0,
            None => at == SEGMENT_HEADER_BYTES && self.frames == 0,
        };
        ascending && within && begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footer(frames: &[(u64, u64)]) -> Footer {
        let mut footer = Footer::default();
        for (lsn, offset) in frames {
            footer.push(*lsn, *offset);
        }
        footer
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let bytes = footer(&[(3, 96), (4, 160)]).encode(7, 2);
        assert_eq!(bytes.len(), 28 + 16);
        assert_eq!(&bytes[..8], b"STEPWFTR");
        assert_eq!((bytes[8], bytes[16], bytes[24], bytes[32]), (2, 1, 3, 96));
        let seed = [7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3];
        let crc = crc32fast::hash(&[&seed, &bytes[..40]].concat());
        assert_eq!(bytes[40..], crc.to_le_bytes());
    }

    #[test]
    fn a_frame_is_looked_up_between_two_entries() {
        let footer = footer(&[(3, 96), (5, 200), (7, 96 + STRIDE), (9, 9000)]);
        assert_eq!(footer.entries.len(), 2);
        let at = |lsn| footer.look_up(lsn, 10_000);
        assert_eq!(at(2), None);
        assert_eq!(at(3), Some(96..96 + STRIDE));
        assert_eq!(at(6), Some(96..96 + STRIDE));
        assert_eq!(at(7), Some(96 + STRIDE..10_000));
        assert_eq!(at(100), Some(96 + STRIDE..10_000));
    }

    #[test]
    fn it_is_read_as_it_was_written_and_every_flip_or_cut_is_found() {
        for frames in [vec![], vec![(3, 96), (7, 96 + STRIDE), (9, 20_000)]] {
            let at = if frames.is_empty() { 96 } else { 30_000 };
            let footer = footer(&frames);
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
        let entry = |lsn, offset| Entry { lsn, offset };
        for entries in [
            vec![entry(1, 96)],
            vec![entry(3, 104)],
            vec![entry(3, 96), entry(3, 9000)],
            vec![entry(3, 96), entry(4, 104)],
            vec![entry(3, 96), entry(4, u64::MAX - 7)],
            vec![],
        ] {
            let frames = 3;
            let bytes = Footer { frames, entries }.encode(7, 2);
            assert!(Footer::decode(&bytes, 7, 2, 30_000).is_err());
        }
    }
}
