//! Compressed bodies of records: the length of the body (u32, little endian), then an LZ4 block.

use lz4_flex::block;

/// Which records are compressed, with LZ4, if that makes them shorter by an eighth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// None.
    None,
    /// Those of 16 KiB and more. They are rare, and hold most of what a long conversation takes.
    #[default]
    Long,
    /// All of 512 bytes and more. Commits that are not synced and reads then take longer.
    All,
}

impl Compression {
    /// The shortest body that is compressed.
    fn min_body(self) -> usize {
        match self {
            Self::None => usize::MAX,
            Self::Long => 16 << 10,
            Self::All => MIN_BODY,
        }
    }
}

/// A shorter body is not worth the time.
const MIN_BODY: usize = 512;
/// A body must become shorter by at least one byte in so many.
const MIN_GAIN: usize = 8;
/// The longest body: as long as the longest frame.
const MAX_BODY: usize = 1 << 30;
/// LZ4 makes at most so many bytes of one, and some.
const MAX_RATIO: usize = 255;
const MAX_EXCESS: usize = 64;

/// The body in its compressed form, if it is to have one and that is shorter by enough.
pub(super) fn compressed(body: &[u8], compression: Compression) -> Option<Vec<u8>> {
    if body.len() < compression.min_body() || body.len() > MAX_BODY {
        return None;
    }
    let length = u32::try_from(body.len()).ok()?;
    let block = block::compress(body);
    if block.len() + 4 > body.len() - body.len() / MIN_GAIN {
        return None;
    }
    Some([&length.to_le_bytes(), block.as_slice()].concat())
}

/// The body that was compressed.
pub(super) fn expanded(compressed: &[u8]) -> Result<Vec<u8>, String> {
    let (length, block) = compressed
        .split_first_chunk()
        .ok_or("its compressed body has no length")?;
    let length = u32::from_le_bytes(*length);
    let possible = block
        .len()
        .saturating_mul(MAX_RATIO)
        .saturating_add(MAX_EXCESS);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= possible.min(MAX_BODY))
        .ok_or_else(|| {
            format!(
                "a body of {length} bytes cannot be in {} compressed ones",
                block.len()
            )
        })?;
    let body = block::decompress(block, length).map_err(|e| e.to_string())?;
    if body.len() == length {
        Ok(body)
    } else {
        Err(format!(
            "its compressed body has {} bytes instead of {length}",
            body.len()
        ))
    }
}
