//! [`SegmentHeader`]: the bytes at the beginning of every segment.

use std::path::Path;

use uuid::Uuid;

use super::fields::Fields;
use super::{LogError, SegmentId};

pub(super) const SEGMENT_HEADER_BYTES: u64 = 96;

const BYTES: usize = SEGMENT_HEADER_BYTES as usize;
const MAGIC: [u8; 8] = *b"STEPWSEG";
const VERSION: u32 = 2;
const CHECKED_BYTES: usize = BYTES - 4;
/// Where the checksum of a header of version 1 was.
const CHECKED_BYTES_1: usize = 60;
const KIND_ORDINARY: u32 = 1;
const KIND_COMPACTED: u32 = 2;

/// What every segment begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) database: Uuid,
    pub(super) base: u64,
    pub(super) salt: u64,
    /// The base of the segment that was in front of it when it was made; 0 if there was none.
    pub(super) previous: u64,
    pub(super) kind: Kind,
}

/// What a segment holds of the records from its base to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All of them.
    Ordinary,
    /// Those that were kept.
    Compacted {
        /// The LSN after the last record that it covers.
        end: u64,
        /// Where its frames end and its footer begins.
        footer: u64,
        /// The LSN that whoever chose its frames knew the log up to.
        as_of: u64,
        /// The length of its frames in bytes, as they are without compression.
        unpacked: u64,
    },
}

impl Kind {
    /// The LSN that whoever chose the frames of a compacted one knew the log up to; 0 of an ordinary one.
    pub(super) fn as_of(self) -> u64 {
        match self {
            Self::Ordinary => 0,
            Self::Compacted { as_of, .. } => as_of,
        }
    }
}

impl SegmentHeader {
    pub(super) fn id(&self) -> SegmentId {
        SegmentId::new(super::Lsn::new(self.base))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, end, footer, as_of, unpacked) = match self.kind {
            Kind::Ordinary => (KIND_ORDINARY, 0, 0, 0, 0),
            Kind::Compacted {
                end,
                footer,
                as_of,
                unpacked,
            } => (KIND_COMPACTED, end, footer, as_of, unpacked),
        };
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(BYTES as u32).to_le_bytes());
        bytes.extend_from_slice(self.database.as_bytes());
        bytes.extend_from_slice(&self.base.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&self.previous.to_le_bytes());
        bytes.extend_from_slice(&end.to_le_bytes());
        bytes.extend_from_slice(&footer.to_le_bytes());
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&as_of.to_le_bytes());
        bytes.extend_from_slice(&unpacked.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// What a header says of a compaction, whether or not its checksum is right.
    pub(super) fn presumed_as_of(bytes: &[u8]) -> Option<u64> {
        let fields = Stored::read(bytes)?;
        (fields.kind == KIND_COMPACTED).then_some(fields.as_of)
    }

    /// The salt that a header names, if its checksum is right.
    pub(super) fn salt_of(bytes: &[u8]) -> Option<u64> {
        let fields = Stored::read(bytes)?;
        (fields.magic == MAGIC && fields.checked).then_some(fields.salt)
    }

    /// The database that a header names, if its checksum is right.
    pub(super) fn database_of(bytes: &[u8]) -> Option<Uuid> {
        let fields = Stored::read(bytes)?;
        (fields.magic == MAGIC && fields.checked).then_some(fields.database)
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
        let fields = Stored::read(bytes).ok_or_else(|| damaged("the segment header is cut off"))?;
        if fields.magic != MAGIC {
            return Err(damaged("the segment header has no magic number"));
        }
        if !fields.checked {
            if fields.version == 1 && checked(bytes, CHECKED_BYTES_1) {
                return Err(LogError::OldFormat {
                    path: path.to_path_buf(),
                    version: 1,
                });
            }
            return Err(damaged("the segment header's checksum is wrong"));
        }
        let newer = |what| LogError::NewerFormat {
            path: path.to_path_buf(),
            offset: 0,
            what,
        };
        let (version, length) = (fields.version, fields.length);
        if version != VERSION || length as usize != BYTES {
            let what = format!("a segment header of version {version} and {length} bytes");
            return Err(newer(what));
        }
        let (end, footer) = (fields.end, fields.footer);
        let (as_of, unpacked) = (fields.as_of, fields.unpacked);
        let kind = match (fields.kind, end, footer, as_of, unpacked) {
            (KIND_ORDINARY, 0, 0, 0, 0) => Kind::Ordinary,
            (KIND_COMPACTED, ..) => Kind::Compacted {
                end,
                footer,
                as_of,
                unpacked,
            },
            (kind, ..) => return Err(newer(format!("a segment of kind {kind}"))),
        };
        if fields.database != database {
            return Err(LogError::ForeignSegment {
                segment: path.to_path_buf(),
                found: fields.database,
                expected: database,
            });
        }
        if fields.base != base {
            return Err(damaged(&format!(
                "its header says that it begins at record {}",
                fields.base
            )));
        }
        if let Kind::Compacted { end, footer, .. } = kind
            && (end <= base || footer < SEGMENT_HEADER_BYTES || footer % 8 != 0)
        {
            return Err(damaged("the segment header is impossible"));
        }
        Ok(Self {
            database,
            base,
            salt: fields.salt,
            previous: fields.previous,
            kind,
        })
    }
}

/// A header's fields, whatever they say.
struct Stored {
    magic: [u8; 8],
    version: u32,
    length: u32,
    database: Uuid,
    base: u64,
    salt: u64,
    previous: u64,
    end: u64,
    footer: u64,
    kind: u32,
    as_of: u64,
    unpacked: u64,
    checked: bool,
}

impl Stored {
    /// None if there are too few bytes even for the beginning.
    fn read(bytes: &[u8]) -> Option<Self> {
        // What an older header does not have is zero; its checksum is not where it would be.
        let mut padded = [0; BYTES];
        padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let mut fields = Fields::new(&padded);
        Some(Self {
            magic: fields.bytes()?,
            version: fields.u32()?,
            length: fields.u32()?,
            database: Uuid::from_bytes(fields.bytes()?),
            base: fields.u64()?,
            salt: fields.u64()?,
            previous: fields.u64()?,
            end: fields.u64()?,
            footer: fields.u64()?,
            kind: fields.u32()?,
            as_of: fields.u64()?,
            unpacked: fields.u64()?,
            checked: bytes.len() == BYTES && checked(bytes, CHECKED_BYTES),
        })
    }
}

/// Whether the checksum at `at` is that of the bytes in front of it.
fn checked(bytes: &[u8], at: usize) -> bool {
    bytes.split_at_checked(at).is_some_and(|(covered, rest)| {
        rest.first_chunk() == Some(&crc32fast::hash(covered).to_le_bytes())
    })
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
            previous: 1,
            kind: Kind::Compacted {
                end: 5,
                footer: 104,
                as_of: 9,
                unpacked: 7,
            },
        }
    }

    fn decode(bytes: &[u8]) -> Result<SegmentHeader, LogError> {
        let id = SegmentId::new(Lsn::new(2));
        SegmentHeader::decode(bytes, Path::new("2.seg"), id, Uuid::from_u128(1))
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), 96);
        assert_eq!(&bytes[..16], b"STEPWSEG\x02\0\0\0\x60\0\0\0");
        assert_eq!((bytes[31], bytes[32], bytes[40]), (1, 2, 3));
        assert_eq!((bytes[48], bytes[56], bytes[64], bytes[72]), (1, 5, 104, 2));
        assert_eq!(
            bytes[76..92],
            [9, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(decode(&bytes).unwrap(), header());
        let ordinary = SegmentHeader {
            kind: Kind::Ordinary,
            ..header()
        };
        let bytes = ordinary.encode();
        assert_eq!(bytes[56..76], [[0; 16].as_slice(), &[1, 0, 0, 0]].concat());
        assert_eq!(decode(&bytes).unwrap(), ordinary);
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
            assert!(matches!(
                decode(&bytes[..length]),
                Err(LogError::Corrupt { .. })
            ));
        }
    }

    #[test]
    fn a_later_version_kind_or_field_is_told_from_damage() {
        let ordinary = SegmentHeader {
            kind: Kind::Ordinary,
            ..header()
        };
        for (at, value) in [(8, 3), (72, 3), (91, 1)] {
            let mut bytes = ordinary.encode();
            bytes[at] = value;
            let crc = crc32fast::hash(&bytes[..CHECKED_BYTES]);
            bytes[CHECKED_BYTES..].copy_from_slice(&crc.to_le_bytes());
            assert!(matches!(decode(&bytes), Err(LogError::NewerFormat { .. })));
        }
    }

    #[test]
    fn version_1_is_named() {
        let mut bytes = b"STEPWSEG\x01\0\0\0\x40\0\0\0".to_vec();
        bytes.resize(CHECKED_BYTES_1, 7);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        for length in [64, 96] {
            bytes.resize(length, 9);
            assert!(matches!(
                decode(&bytes),
                Err(LogError::OldFormat { version: 1, .. })
            ));
        }
    }
}
