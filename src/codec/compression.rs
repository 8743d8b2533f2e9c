//! Compressed bodies of records: the length of the body (u32, little endian), then an LZ4 block or a zstd frame.

use lz4_flex::block;

use crate::zstandard;

/// Which records are compressed, if that makes them shorter by an eighth: long ones with zstd, others with LZ4.
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
            Self::Long => LONG_BODY,
            Self::All => MIN_BODY,
        }
    }
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Lz4,
    Zstd,
}

/// From this length on a body is compressed with zstd: it takes twice the time of LZ4 and makes two thirds of the bytes, but
/// such bodies are rare.
const LONG_BODY: usize = 16 << 10;
/// A shorter body is not worth the time.
const MIN_BODY: usize = 512;
/// A body must become shorter by at least one byte in so many.
const MIN_GAIN: usize = 8;
/// The longest body: as long as the longest frame.
const MAX_BODY: usize = 1 << 30;
/// At most so many bytes are made of one, and some. That of LZ4 is in its nature.
const MAX_RATIO_LZ4: usize = 255;
const MAX_RATIO_ZSTD: usize = 1024;
const MAX_EXCESS: usize = 64;

impl Method {
    /// The longest body that may be in a block of this length.
    fn max_body(self, block: usize) -> usize {
        let ratio = match self {
            Self::Lz4 => MAX_RATIO_LZ4,
            Self::Zstd => MAX_RATIO_ZSTD,
        };
        let possible = block.saturating_mul(ratio).saturating_add(MAX_EXCESS);
        possible.min(MAX_BODY)
    }
}

/// The body in its compressed form, if it is to have one and that is shorter by enough.
pub(super) fn compressed(body: &[u8], compression: Compression) -> Option<(Method, Vec<u8>)> {
    if body.len() < compression.min_body() || body.len() > MAX_BODY {
        return None;
    }
    let length = u32::try_from(body.len()).ok()?;
    let zstd = if body.len() < LONG_BODY {
        None
    } else {
        zstandard::compress(body).ok()
    };
    let (method, block) = match zstd {
        Some(block) if body.len() <= Method::Zstd.max_body(block.len()) => (Method::Zstd, block),
        _ => (Method::Lz4, block::compress(body)),
    };
    if block.len() + 4 > body.len() - body.len() / MIN_GAIN {
        return None;
    }
    Some((method, [&length.to_le_bytes(), block.as_slice()].concat()))
}

/// How long it says that the body is that was compressed.
pub(super) fn claimed(compressed: &[u8]) -> usize {
    let length = compressed.first_chunk().copied().map(u32::from_le_bytes);
    length.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX))
}

/// The body that was compressed.
pub(super) fn expanded(method: Method, compressed: &[u8]) -> Result<Vec<u8>, String> {
    let (length, block) = compressed
        .split_first_chunk()
        .ok_or("its compressed body has no length")?;
    let length = u32::from_le_bytes(*length);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= method.max_body(block.len()))
        .ok_or_else(|| {
            format!(
                "a body of {length} bytes cannot be in {} compressed ones",
                block.len()
            )
        })?;
    let body = match method {
        Method::Lz4 => block::decompress(block, length).map_err(|e| e.to_string())?,
        Method::Zstd => zstandard::decompress(block, length).map_err(|e| e.to_string())?,
    };
    if body.len() == length {
        Ok(body)
    } else {
        Err(format!(
            "its compressed body has {} bytes instead of {length}",
            body.len()
        ))
    }
}
