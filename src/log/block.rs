//! The bytes of a block of a compacted segment: frames, or the directory of a group of such blocks, compressed if
//! that makes them shorter.

use std::io;

use super::checksum::{self, Role, seeded};
use super::fields::Fields;
use super::frame::{ALIGNMENT, BadHeader};
use crate::zstandard;

pub(super) const BLOCK_HEADER_BYTES: usize = 40;
/// The longest contents: those of a block with one frame of the greatest length.
pub(super) const CONTENTS_MAX: u64 = super::MAX_FRAME_BYTES;

const MAGIC: u32 = u32::from_le_bytes(*b"SWBK");
const CHECKED_BYTES: usize = BLOCK_HEADER_BYTES - 4;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Contents must become shorter by at least one byte in so many to be compressed.
const MIN_GAIN: usize = 16;
/// Contents are at most so many times as long as they are compressed: so a few bytes cannot ask for a gibibyte.
const MAX_RATIO: u64 = 1024;
/// Of the levels that compress 100 MB/s or more on one core, the one whose result is shortest.
const LEVEL: i32 = 6;

/// What a block is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockName {
    /// The LSN of the first frame of its group.
    pub(super) group: u64,
    /// How many frames the group has.
    pub(super) frames: u32,
    /// 0: it is the group's directory. Otherwise it holds frames.
    pub(super) number: u32,
}

/// A block's header, once its checksum was found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub(super) name: BlockName,
    /// The length of what is stored behind the header, without padding.
    pub(super) stored: u32,
    /// The length of the contents.
    pub(super) length: u32,
    is_compressed: bool,
    crc: u32,
}

impl BlockHeader {
    /// Reads the header of the block at `offset`.
    pub(super) fn decode(bytes: &[u8], salt: u64, offset: u64) -> Result<Self, BadHeader> {
        Self::fields(bytes, salt, offset)
            .unwrap_or(Err(BadHeader::Invalid("the block header is cut off")))
    }

    fn fields(bytes: &[u8], salt: u64, offset: u64) -> Option<Result<Self, BadHeader>> {
        let checked = bytes.get(..CHECKED_BYTES)?;
        let mut fields = Fields::new(bytes);
        if fields.u32()? != MAGIC {
            return Some(Err(BadHeader::Invalid("no block begins here")));
        }
        let form = fields.u8()?;
        let reserved: [u8; 3] = fields.bytes()?;
        let stored = fields.u32()?;
        let length = fields.u32()?;
        let name = BlockName {
            group: fields.u64()?,
            frames: fields.u32()?,
            number: fields.u32()?,
        };
        let crc = fields.u32()?;
        if fields.u32()? != seeded(salt, offset, Role::BlockHeader, &[checked]) {
            return Some(Err(BadHeader::Invalid(
                "the block header's checksum is wrong",
            )));
        }
        if form > ZSTD || reserved != [0; 3] {
            return Some(Err(BadHeader::Newer(format!(
                "a block of form {form} with reserved bytes {reserved:?}"
            ))));
        }
        let is_compressed = form == ZSTD;
        let possible = match is_compressed {
            true => u64::from(stored).saturating_mul(MAX_RATIO) >= u64::from(length),
            false => stored == length,
        };
        if !possible || stored == 0 || length == 0 || u64::from(length) > CONTENTS_MAX {
            return Some(Err(BadHeader::Invalid("the block header is impossible")));
        }
        Some(Ok(Self {
            name,
            stored,
            length,
            is_compressed,
            crc,
        }))
    }

    /// A salt with which these bytes are the header of a block at `offset`, whose checksum then proves nothing; none if they
    /// are none with any.
    pub(super) fn salt_of(bytes: &[u8], offset: u64) -> Option<u64> {
        let checked = bytes.get(..CHECKED_BYTES)?;
        let crc = Fields::new(bytes.get(CHECKED_BYTES..)?).u32()?;
        let is_one = checked.starts_with(&MAGIC.to_le_bytes());
        is_one.then(|| checksum::salt_of(crc, offset, Role::BlockHeader, checked))
    }

    /// The whole block's length in bytes, padding included.
    pub(super) fn block_bytes(&self) -> u64 {
        block_bytes(self.stored)
    }

    /// The contents, from these bytes, the block without its header, of the block at `offset`.
    pub(super) fn contents(
        &self,
        stored_and_padding: &[u8],
        salt: u64,
        offset: u64,
    ) -> Result<Vec<u8>, &'static str> {
        if !self.covers(stored_and_padding, salt, offset) {
            return Err("the block's checksum is wrong");
        }
        self.unchecked(stored_and_padding)
    }

    /// Whether these bytes, the block at `offset` without its header, are what was written.
    pub(super) fn covers(&self, stored_and_padding: &[u8], salt: u64, offset: u64) -> bool {
        seeded(salt, offset, Role::Block, &[stored_and_padding]) == self.crc
    }

    /// As [`contents`](Self::contents), whether or not the checksum is right.
    pub(super) fn unchecked(&self, stored_and_padding: &[u8]) -> Result<Vec<u8>, &'static str> {
        let short = "the file ends before the block does";
        let stored = stored_and_padding
            .get(..self.stored as usize)
            .ok_or(short)?;
        if !self.is_compressed {
            return Ok(stored.to_vec());
        }
        let contents = zstandard::decompress(stored, self.length as usize)
            .map_err(|_| "the block cannot be decompressed")?;
        if contents.len() != self.length as usize {
            return Err("the block has another length");
        }
        Ok(contents)
    }
}

/// The length in bytes of a block that stores this much, padding included.
pub(super) const fn block_bytes(stored: u32) -> u64 {
    BLOCK_HEADER_BYTES as u64 + (stored as u64).next_multiple_of(ALIGNMENT)
}

/// Compresses the contents of blocks.
pub(super) struct Packer(zstd::bulk::Compressor<'static>);

/// The contents of a block as they are stored.
pub(super) struct Packed {
    bytes: Vec<u8>,
    length: u32,
    is_compressed: bool,
}

impl Packer {
    pub(super) fn new() -> io::Result<Self> {
        zstd::bulk::Compressor::new(LEVEL).map(Self)
    }

    /// Packs contents of at most [`CONTENTS_MAX`] bytes.
    pub(super) fn pack(&mut self, contents: Vec<u8>) -> io::Result<Packed> {
        let length = u32::try_from(contents.len()).map_err(io::Error::other)?;
        let smaller = self.0.compress(&contents)?;
        let is_compressed = smaller.len() <= contents.len() - contents.len() / MIN_GAIN
            && smaller.len() as u64 * MAX_RATIO >= contents.len() as u64;
        Ok(Packed {
            bytes: if is_compressed { smaller } else { contents },
            length,
            is_compressed,
        })
    }
}

impl Packed {
    /// How much is stored, and how much that is.
    pub(super) fn lengths(&self) -> (u32, u32) {
        let stored = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        (stored, self.length)
    }

    /// The block's bytes if it is at `offset`.
    pub(super) fn encode(mut self, salt: u64, offset: u64, name: BlockName) -> (Vec<u8>, Vec<u8>) {
        let (stored, length) = self.lengths();
        let padded = self.bytes.len().next_multiple_of(ALIGNMENT as usize);
        self.bytes.resize(padded, 0);
        let mut header = Vec::with_capacity(BLOCK_HEADER_BYTES);
        header.extend_from_slice(&MAGIC.to_le_bytes());
        let form = if self.is_compressed { ZSTD } else { PLAIN };
        header.extend_from_slice(&[form, 0, 0, 0]);
        header.extend_from_slice(&stored.to_le_bytes());
        header.extend_from_slice(&length.to_le_bytes());
        header.extend_from_slice(&name.group.to_le_bytes());
        header.extend_from_slice(&name.frames.to_le_bytes());
        header.extend_from_slice(&name.number.to_le_bytes());
        let crc = seeded(salt, offset, Role::Block, &[&self.bytes]);
        header.extend_from_slice(&crc.to_le_bytes());
        let crc = seeded(salt, offset, Role::BlockHeader, &[&header]);
        header.extend_from_slice(&crc.to_le_bytes());
        (header, self.bytes)
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl BlockHeader {
    /// A header of which only the name matters.
    pub(super) fn of(name: BlockName) -> Self {
        Self {
            name,
            stored: 1,
            length: 1,
            is_compressed: false,
            crc: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: BlockName = BlockName {
        group: 7,
        frames: 5,
        number: 2,
    };

    fn block(contents: &[u8], salt: u64, offset: u64) -> Vec<u8> {
        let packed = Packer::new().unwrap().pack(contents.to_vec()).unwrap();
        let (header, stored) = packed.encode(salt, offset, NAME);
        [header, stored].concat()
    }

    fn read(bytes: &[u8], salt: u64, offset: u64) -> Result<Vec<u8>, BadHeader> {
        let header = BlockHeader::decode(bytes, salt, offset)?;
        assert_eq!(header.name, NAME);
        let body = bytes.get(BLOCK_HEADER_BYTES..header.block_bytes() as usize);
        let body = body.ok_or(BadHeader::Invalid("cut off"))?;
        header
            .contents(body, salt, offset)
            .map_err(BadHeader::Invalid)
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let bytes = block(b"few bytes", 0x1122_3344_5566_7788, 96);
        assert_eq!(bytes.len(), 40 + 16);
        assert_eq!(&bytes[..8], b"SWBK\0\0\0\0");
        assert_eq!(bytes[8..16], [9, 0, 0, 0, 9, 0, 0, 0]);
        assert_eq!(
            bytes[16..32],
            [7, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0]
        );
        assert_eq!(&bytes[40..], b"few bytes\0\0\0\0\0\0\0");
        let seed = [
            0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 96, 0, 0, 0, 0, 0, 0, 0,
        ];
        let crc = crc32fast::hash(&[&seed[..], &[5], &bytes[40..]].concat());
        assert_eq!(bytes[32..36], crc.to_le_bytes());
        let crc = crc32fast::hash(&[&seed[..], &[4], &bytes[..36]].concat());
        assert_eq!(bytes[36..40], crc.to_le_bytes());
        let bytes = block(&[1; 1000], 3, 96);
        assert_eq!(bytes[4], 1);
        assert_eq!(bytes[40..44], 0xFD2F_B528_u32.to_le_bytes());
        assert!(bytes.len() < 100);
    }

    #[test]
    fn every_flip_cut_and_other_place_is_found() {
        for contents in [&[7; 300][..], b"what cannot be compressed"] {
            let bytes = block(contents, 3, 96);
            assert_eq!(read(&bytes, 3, 96), Ok(contents.to_vec()));
            assert!(read(&bytes, 4, 96).is_err());
            assert!(read(&bytes, 3, 104).is_err());
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(read(&damaged, 3, 96).is_err());
            }
            for length in 0..bytes.len() {
                assert!(read(&bytes[..length], 3, 96).is_err());
            }
        }
    }

    /// A block whose header says this, under right checksums.
    fn forged(form: u8, stored: u32, length: u32, contents: &[u8]) -> Vec<u8> {
        let mut bytes = block(b"", 3, 96);
        bytes.truncate(BLOCK_HEADER_BYTES);
        bytes.extend_from_slice(contents);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes[4] = form;
        bytes[8..12].copy_from_slice(&stored.to_le_bytes());
        bytes[12..16].copy_from_slice(&length.to_le_bytes());
        let crc = seeded(3, 96, Role::Block, &[&bytes[40..]]);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
        let crc = seeded(3, 96, Role::BlockHeader, &[&bytes[..36]]);
        bytes[36..40].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    #[test]
    fn lengths_that_cannot_be_are_refused_before_anything_is_allocated() {
        for (form, stored, length) in [(0, 8, 9), (0, 0, 0), (1, 8, 8 * 1024 + 1), (1, 8, u32::MAX)]
        {
            let bytes = forged(form, stored, length, &[0; 8]);
            assert!(matches!(read(&bytes, 3, 96), Err(BadHeader::Invalid(_))));
        }
        let nothing = zstd::bulk::compress(&[], 1).unwrap();
        let stored = u32::try_from(nothing.len()).unwrap();
        assert!(read(&forged(1, stored, 0, &nothing), 3, 96).is_err());
        let newer = forged(2, 8, 8, &[0; 8]);
        assert!(matches!(read(&newer, 3, 96), Err(BadHeader::Newer(_))));
        let compressed = zstd::bulk::compress(&[1; 1000], 1).unwrap();
        let stored = u32::try_from(compressed.len()).unwrap();
        for length in [999, 1000, 1001] {
            let is_read = read(&forged(1, stored, length, &compressed), 3, 96).is_ok();
            assert_eq!(is_read, length == 1000);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_whatever_their_checksum(
            contents in proptest::collection::vec(any::<u8>(), 1..200), length in 0..300_u32,
        ) {
            let magic = 0xFD2F_B528_u32.to_le_bytes();
            for contents in [contents.clone(), [&magic[..], &contents].concat()] {
                let stored = u32::try_from(contents.len()).unwrap();
                let _ = read(&forged(1, stored, length, &contents), 3, 96);
            }
        }
    }
}
