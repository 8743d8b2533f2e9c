//! [`Watermark`]: how far an index file follows the log; and what else it says about itself.

use uuid::Uuid;

/// Up to where in the log something is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watermark {
    /// Every record below this LSN is applied.
    pub(crate) lsn: u64,
    /// The segment that the next frame is looked for in, by the first LSN that it can hold.
    pub(crate) segment: u64,
    /// The byte of that segment's file at which it is looked for.
    pub(crate) offset: u64,
}

/// What an index file must say about itself to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The database that it belongs to.
    pub(crate) database: Uuid,
    /// The version of what is in its keys and rows.
    pub(crate) schema: u32,
}

const BYTES: usize = 4 + 16 + 3 * 8;

pub(super) fn encode(identity: Identity, watermark: Watermark) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend(identity.schema.to_le_bytes());
    bytes.extend(identity.database.as_bytes());
    for number in [watermark.lsn, watermark.segment, watermark.offset] {
        bytes.extend(number.to_le_bytes());
    }
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Option<(Identity, Watermark)> {
    let (schema, rest) = bytes.split_first_chunk::<4>()?;
    let (database, rest) = rest.split_first_chunk::<16>()?;
    let (lsn, rest) = rest.split_first_chunk::<8>()?;
    let (segment, rest) = rest.split_first_chunk::<8>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let identity = Identity {
        database: Uuid::from_bytes(*database),
        schema: u32::from_le_bytes(*schema),
    };
    let watermark = Watermark {
        lsn: u64::from_le_bytes(*lsn),
        segment: u64::from_le_bytes(*segment),
        offset: u64::from_le_bytes(*offset),
    };
    rest.is_empty().then_some((identity, watermark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood_and_nothing_else() {
        let identity = Identity {
            database: Uuid::from_u128(7),
            schema: 3,
        };
        let watermark = Watermark {
            lsn: 1 << 40,
            segment: 5,
            offset: 64,
        };
        let bytes = encode(identity, watermark);
        assert_eq!(decode(&bytes), Some((identity, watermark)));
        assert_eq!(decode(&bytes[1..]), None);
        assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
    }
}
