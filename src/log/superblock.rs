//! [`Superblock`]: the bytes of one of its two slots.

use uuid::Uuid;

use super::fields::Fields;

pub(super) const SLOT_BYTES: usize = 4096;

const MAGIC: [u8; 8] = *b"STEPWELL";
pub(super) const VERSION: u32 = 2;
const FLAG_CLEAN: u32 = 1;
const CHECKED_BYTES: usize = SLOT_BYTES - 4;

/// What is known of the database outside its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) database: Uuid,
    /// Counts the updates; of two slots the higher one is newer.
    pub(super) epoch: u64,
    /// Every record below this LSN was durable.
    pub(super) watermark: u64,
    /// The base LSN of the newest segment; 0 while there has never been one.
    pub(super) newest_segment: u64,
    /// The log was closed after its last record, which is the one before the watermark.
    pub(super) clean: bool,
}

/// Why a slot cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadSlot {
    Damaged,
    /// Of a version that is not read any more.
    Older(u32),
    Newer(u32),
}

impl Superblock {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(if self.clean { FLAG_CLEAN } else { 0 }).to_le_bytes());
        bytes.extend_from_slice(self.database.as_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.watermark.to_le_bytes());
        bytes.extend_from_slice(&self.newest_segment.to_le_bytes());
        bytes.resize(CHECKED_BYTES, 0);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn decode(slot: &[u8]) -> Result<Self, BadSlot> {
        Self::fields(slot).unwrap_or(Err(BadSlot::Damaged))
    }

    fn fields(slot: &[u8]) -> Option<Result<Self, BadSlot>> {
        let (checked, crc) = slot.split_last_chunk()?;
        if checked.len() != CHECKED_BYTES || crc32fast::hash(checked) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut fields = Fields::new(checked);
        if fields.bytes()? != MAGIC {
            return None;
        }
        let version = fields.u32()?;
        if version < VERSION {
            return Some(Err(BadSlot::Older(version)));
        }
        let flags = fields.u32()?;
        let superblock = Self {
            database: Uuid::from_bytes(fields.bytes()?),
            epoch: fields.u64()?,
            watermark: fields.u64()?,
            newest_segment: fields.u64()?,
            clean: flags & FLAG_CLEAN != 0,
        };
        let reserved = fields.rest();
        if version != VERSION || flags & !FLAG_CLEAN != 0 || reserved.iter().any(|byte| *byte != 0)
        {
            return Some(Err(BadSlot::Newer(version)));
        }
        Some(Ok(superblock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock() -> Superblock {
        Superblock {
            database: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
            epoch: 3,
            watermark: 4,
            newest_segment: 5,
            clean: true,
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let bytes = superblock().encode();
        assert_eq!(bytes.len(), SLOT_BYTES);
        assert_eq!(&bytes[..8], b"STEPWELL");
        assert_eq!(bytes[8..16], [2, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(bytes[16..32], *superblock().database.as_bytes());
        assert_eq!((bytes[32], bytes[40], bytes[48]), (3, 4, 5));
        assert!(bytes[56..4092].iter().all(|byte| *byte == 0));
        assert_eq!(Superblock::decode(&bytes), Ok(superblock()));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = superblock().encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Superblock::decode(&damaged), Err(BadSlot::Damaged));
        }
    }

    #[test]
    fn a_later_version_flag_or_field_is_told_from_damage() {
        for at in [8, 13, 56] {
            let mut bytes = superblock().encode();
            bytes[at] = 3;
            let crc = crc32fast::hash(&bytes[..CHECKED_BYTES]);
            bytes[CHECKED_BYTES..].copy_from_slice(&crc.to_le_bytes());
            assert!(matches!(Superblock::decode(&bytes), Err(BadSlot::Newer(_))));
        }
    }

    #[test]
    fn version_1_is_named() {
        let mut bytes = superblock().encode();
        bytes[8] = 1;
        let crc = crc32fast::hash(&bytes[..CHECKED_BYTES]);
        bytes[CHECKED_BYTES..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Superblock::decode(&bytes), Err(BadSlot::Older(1)));
    }

    #[test]
    fn zeros_are_no_superblock() {
        assert_eq!(Superblock::decode(&[0; SLOT_BYTES]), Err(BadSlot::Damaged));
    }
}
