//! The bytes of a frame.

use super::checksum::{self, Role, Seed};
use super::fields::Fields;
use super::{FrameAddress, Lsn, SegmentId};

pub(super) const HEADER_BYTES: usize = 40;
pub(super) const ALIGNMENT: u64 = 8;

pub(super) const MAGIC: u32 = u32::from_le_bytes(*b"SWFR");
const KIND_RECORDS: u8 = 1;
const CHECKED_BYTES: usize = HEADER_BYTES - 4;
const PADDING: [u8; 8] = [0; 8];

/// A frame's header, once its checksum was found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) payload_len: u32,
    pub(super) records: u32,
    pub(super) lsn: u64,
    pub(super) synced_lsn: u64,
    payload_crc: u32,
    seed: Seed,
}

/// Why bytes are not a frame's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// They are not one, or a damaged one; the text says which.
    Invalid(&'static str),
    /// They are one, and whole, but of a later version of the format.
    Newer(String),
}

impl FrameHeader {
    /// Reads a header. Its LSN is checked with it, but may not be the expected one.
    pub(super) fn decode(bytes: &[u8], salt: u64) -> Result<Self, BadHeader> {
        Self::fields(bytes, salt).unwrap_or(Err(BadHeader::Invalid("the frame header is cut off")))
    }

    fn fields(bytes: &[u8], salt: u64) -> Option<Result<Self, BadHeader>> {
        let checked = bytes.get(..CHECKED_BYTES)?;
        let mut fields = Fields::new(bytes);
        if fields.u32()? != MAGIC {
            return Some(Err(BadHeader::Invalid("no frame begins here")));
        }
        let kind = fields.u8()?;
        let flags = fields.u8()?;
        let reserved = fields.u16()?;
        let (payload_len, records, lsn) = (fields.u32()?, fields.u32()?, fields.u64()?);
        let header = Self {
            payload_len,
            records,
            lsn,
            synced_lsn: fields.u64()?,
            payload_crc: fields.u32()?,
            seed: Seed::of(salt, lsn),
        };
        if fields.u32()? != header.seed.checksum(Role::Header, &[checked]) {
            return Some(Err(BadHeader::Invalid(
                "the frame header's checksum is wrong",
            )));
        }
        if kind != KIND_RECORDS || flags != 0 || reserved != 0 {
            return Some(Err(BadHeader::Newer(format!(
                "a frame of kind {kind} with flags {flags:#04x} and reserved bytes {reserved:#06x}"
            ))));
        }
        if header.payload_len == 0
            || header.records == 0
            || header.synced_lsn > header.lsn
            || header.frame_bytes() > super::MAX_FRAME_BYTES
        {
            return Some(Err(BadHeader::Invalid("the frame header is impossible")));
        }
        Some(Ok(header))
    }

    /// The LSN and the length of the frame that these bytes begin with, if they do and are known to be right.
    pub(super) fn peek(bytes: &[u8]) -> Option<(u64, usize)> {
        let length = Fields::new(bytes.get(8..12)?).u32()?;
        let lsn = Fields::new(bytes.get(16..24)?).u64()?;
        Some((lsn, usize::try_from(frame_bytes(u64::from(length))).ok()?))
    }

    /// A salt with which these bytes are a header, whose checksum then proves nothing; none if they are none with any.
    pub(super) fn salt_of(bytes: &[u8]) -> Option<u64> {
        let checked = bytes.get(..CHECKED_BYTES)?;
        let is_one = checked.starts_with(&MAGIC.to_le_bytes());
        let (lsn, _) = Self::peek(bytes).filter(|_| is_one)?;
        let crc = Fields::new(bytes.get(CHECKED_BYTES..)?).u32()?;
        Some(checksum::salt_of(crc, lsn, Role::Header, checked))
    }

    /// The frame that begins at `at` among others, and what is behind its header: payload and padding.
    pub(super) fn within(frames: &[u8], at: usize, salt: u64) -> Result<(Self, &[u8]), BadHeader> {
        let frame = frames.get(at..).unwrap_or_default();
        let header = Self::decode(frame, salt)?;
        let length = usize::try_from(header.frame_bytes()).ok();
        let body = length.and_then(|length| frame.get(HEADER_BYTES..length));
        let body = body.ok_or(BadHeader::Invalid("the block ends before the frame does"))?;
        Ok((header, body))
    }

    /// The whole frame's length in bytes, padding included.
    pub(super) fn frame_bytes(&self) -> u64 {
        frame_bytes(u64::from(self.payload_len))
    }

    /// The address of the frame if it is there.
    pub(super) fn address(&self, segment: SegmentId, offset: u64) -> FrameAddress {
        FrameAddress {
            lsn: Lsn::new(self.lsn),
            records: self.records,
            segment,
            offset,
            payload_len: self.payload_len,
        }
    }

    /// The LSN after the frame's last record.
    pub(super) fn end(&self) -> u64 {
        self.lsn.saturating_add(u64::from(self.records))
    }

    /// Whether these bytes, the frame without its header, are what was written.
    pub(super) fn covers(&self, payload_and_padding: &[u8]) -> bool {
        (self.seed.checksum(Role::Payload, &[payload_and_padding])) == self.payload_crc
    }
}

/// The length in bytes of a frame with this much payload, padding included.
pub(super) const fn frame_bytes(payload_len: u64) -> u64 {
    HEADER_BYTES as u64 + payload_len.next_multiple_of(ALIGNMENT)
}

/// Appends a frame. The caller has checked that neither `records` nor `payload` is empty and that
/// the payload's length fits.
pub(super) fn encode(
    to: &mut Vec<u8>,
    salt: u64,
    lsn: u64,
    synced_lsn: u64,
    records: u32,
    payload: &[u8],
) {
    let start = to.len();
    let padding = PADDING
        .get(..payload.len().next_multiple_of(PADDING.len()) - payload.len())
        .unwrap_or_default();
    to.reserve(HEADER_BYTES + payload.len() + padding.len());
    to.extend_from_slice(&MAGIC.to_le_bytes());
    to.extend_from_slice(&[KIND_RECORDS, 0, 0, 0]);
    to.extend_from_slice(
        &u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    to.extend_from_slice(&records.to_le_bytes());
    to.extend_from_slice(&lsn.to_le_bytes());
    to.extend_from_slice(&synced_lsn.to_le_bytes());
    let seed = Seed::of(salt, lsn);
    let payload_crc = seed.checksum(Role::Payload, &[payload, padding]);
    to.extend_from_slice(&payload_crc.to_le_bytes());
    let checked = to.get(start..).unwrap_or_default();
    let header_crc = seed.checksum(Role::Header, &[checked]);
    to.extend_from_slice(&header_crc.to_le_bytes());
    to.extend_from_slice(payload);
    to.extend_from_slice(padding);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::checksum::seeded;
    use super::*;

    fn frame(salt: u64, lsn: u64, records: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&mut bytes, salt, lsn, lsn, records, payload);
        bytes
    }

    fn is_valid(bytes: &[u8], salt: u64, lsn: u64) -> bool {
        FrameHeader::decode(bytes, salt)
            .is_ok_and(|header| header.lsn == lsn && header.covers(&bytes[HEADER_BYTES..]))
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let mut bytes = Vec::new();
        encode(
            &mut bytes,
            0x1122_3344_5566_7788,
            7,
            5,
            2,
            b"payload, 19 bytes..",
        );
        assert_eq!(bytes.len(), 40 + 24);
        assert_eq!(&bytes[..8], b"SWFR\x01\x00\x00\x00");
        assert_eq!(bytes[8..16], [19, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(
            bytes[16..32],
            [7, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]
        );
        let seed = [
            0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 7, 0, 0, 0, 0, 0, 0, 0,
        ];
        let payload_crc = crc32fast::hash(&[&seed[..], &[2], &bytes[40..]].concat());
        assert_eq!(bytes[32..36], payload_crc.to_le_bytes());
        let header_crc = crc32fast::hash(&[&seed[..], &[1], &bytes[..36]].concat());
        assert_eq!(bytes[36..40], header_crc.to_le_bytes());
    }

    #[test]
    fn the_checksum_is_the_common_crc_32() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_later_kind_or_flag_is_told_from_damage() {
        for (at, value) in [(4, 2), (5, 1), (7, 1)] {
            let mut bytes = frame(1, 1, 1, b"x");
            bytes[at] = value;
            let crc = seeded(1, 1, Role::Header, &[&bytes[..CHECKED_BYTES]]);
            bytes[CHECKED_BYTES..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
            assert!(matches!(
                FrameHeader::decode(&bytes, 1),
                Err(BadHeader::Newer(_))
            ));
        }
    }

    #[test]
    fn a_header_that_no_writer_can_have_made_is_refused_though_its_checksum_is_right() {
        // Of a payload of the greatest length, its header alone is looked at.
        let longest = super::super::MAX_FRAME_BYTES - HEADER_BYTES as u64;
        let longest = u32::try_from(longest).unwrap();
        for (payload_len, records, synced_lsn, possible) in [
            (1, 1, 1, true),
            (longest, 1, 1, true),
            (longest + 1, 1, 1, false),
            (u32::MAX, 1, 1, false),
            (0, 1, 1, false),
            (1, 0, 1, false),
            (1, 1, 2, false),
        ] {
            let mut bytes = frame(1, 1, 1, b"x");
            bytes[8..12].copy_from_slice(&payload_len.to_le_bytes());
            bytes[12..16].copy_from_slice(&u32::to_le_bytes(records));
            bytes[24..32].copy_from_slice(&u64::to_le_bytes(synced_lsn));
            let crc = seeded(1, 1, Role::Header, &[&bytes[..CHECKED_BYTES]]);
            bytes[CHECKED_BYTES..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
            let decoded = FrameHeader::decode(&bytes, 1);
            if possible {
                assert_eq!(decoded.unwrap().payload_len, payload_len);
            } else {
                let impossible = BadHeader::Invalid("the frame header is impossible");
                assert_eq!(decoded, Err(impossible));
            }
        }
    }

    proptest! {
        #[test]
        fn a_frame_is_read_as_it_was_written(
            salt: u64, lsn in 1..u64::MAX, records in 1..u32::MAX,
            payload in proptest::collection::vec(any::<u8>(), 1..300),
        ) {
            let bytes = frame(salt, lsn, records, &payload);
            prop_assert_eq!(bytes.len() as u64, frame_bytes(payload.len() as u64));
            prop_assert!(is_valid(&bytes, salt, lsn));
            let header = FrameHeader::decode(&bytes, salt).unwrap();
            prop_assert_eq!((header.lsn, header.synced_lsn, header.records), (lsn, lsn, records));
            prop_assert_eq!(&bytes[HEADER_BYTES..][..header.payload_len as usize], &payload[..]);
        }

        #[test]
        fn a_frame_is_valid_only_whole_and_at_its_place(
            salt: u64, lsn in 1..u64::MAX, other: u64,
            payload in proptest::collection::vec(any::<u8>(), 1..100),
            bit: prop::sample::Index,
        ) {
            let mut bytes = frame(salt, lsn, 1, &payload);
            prop_assert_eq!(is_valid(&bytes, other, lsn), other == salt);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!is_valid(&bytes, salt, lsn));
        }

        #[test]
        fn zeros_are_no_frame_and_no_bytes_panic(
            salt: u64, bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert!(FrameHeader::decode(&[0; 64], salt).is_err());
            let _ = FrameHeader::decode(&bytes, salt);
        }
    }
}
