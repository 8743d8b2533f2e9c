//! [`SegmentHeader`]: the bytes at the beginning of every segment.

use std::path::Path;

use uuid::Uuid;

use super::fields::Fields;
use super::{LogError, SegmentId};

pub(super) const SEGMENT_HEADER_BYTES: u64 = 64;

const BYTES: usize = SEGMENT_HEADER_BYTES as usize;
const MAGIC: [u8; 8] = *b"STEPWSEG";
const VERSION: u32 = 1;
const CHECKED_BYTES: usize = BYTES - 4;

/// What every segment begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) database: Uuid,
    pub(super) base: u64,
    pub(super) salt: u64,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(BYTES as u32).to_le_bytes());
        bytes.extend_from_slice(self.database.as_bytes());
        bytes.extend_from_slice(&self.base.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.resize(CHECKED_BYTES, 0);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// Reads the header of the segment that `path` names `id`, of the database `database`.
    pub(super) fn decode(
        bytes: &[u8],
        path: &Path,
        id: SegmentId,
        database: Uuid,
    ) -> Result<Self, LogError> {
        let base = id.base().get();
        let damaged =
            |reason: &str| LogError::corrupt(path, 0, base..base.saturating_add(1), reason);
        let fields = || {
            let mut fields = Fields::new(bytes);
            let magic = fields.bytes()?;
            let version = fields.u32()?;
            let length = fields.u32()?;
            let header = Self {
                database: Uuid::from_bytes(fields.bytes()?),
                base: fields.u64()?,
                salt: fields.u64()?,
            };
            let reserved: [u8; 12] = fields.bytes()?;
            Some((magic, version, length, header, reserved, fields.u32()?))
        };
        let (magic, version, length, header, reserved, crc) =
            fields().ok_or_else(|| damaged("the segment header is cut off"))?;
        if magic != MAGIC {
            return Err(damaged("the segment header has no magic number"));
        }
        if crc32fast::hash(bytes.get(..CHECKED_BYTES).unwrap_or_default()) != crc {
            return Err(damaged("the segment header's checksum is wrong"));
        }
        if version != VERSION || length as usize != BYTES || reserved != [0; 12] {
            return Err(LogError::NewerFormat {
                path: path.to_path_buf(),
                offset: 0,
                what: format!("a segment header of version {version} and {length} bytes"),
            });
        }
        if header.database != database {
            return Err(LogError::ForeignSegment {
                segment: path.to_path_buf(),
                found: header.database,
                expected: database,
            });
        }
        if header.base != base {
            return Err(damaged(&format!(
                "its header says that it begins at record {}",
                header.base
            )));
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Lsn;

    fn header() -> SegmentHeader {
        SegmentHeader {
            database: Uuid::from_u128(1),
            base: 2,
            salt: 3,
        }
    }

    fn decode(bytes: &[u8]) -> Result<SegmentHeader, LogError> {
        let id = SegmentId::new(Lsn::new(2));
        SegmentHeader::decode(bytes, Path::new("2.seg"), id, Uuid::from_u128(1))
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), 64);
        assert_eq!(&bytes[..16], b"STEPWSEG\x01\0\0\0\x40\0\0\0");
        assert_eq!((bytes[31], bytes[32], bytes[40]), (1, 2, 3));
        assert_eq!(bytes[48..60], [0; 12]);
        assert_eq!(decode(&bytes).unwrap(), header());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = header().encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(decode(&damaged), Err(LogError::Corrupt { .. })));
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let mut bytes = header().encode();
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..CHECKED_BYTES]);
        bytes[CHECKED_BYTES..].copy_from_slice(&crc.to_le_bytes());
        assert!(matches!(decode(&bytes), Err(LogError::NewerFormat { .. })));
    }
}
