//! zstd, with its working memory kept from one call to the next: to make that takes as long as to compress 4 KiB.
//!
//! What it makes of the same bytes is the same, whatever was compressed before.

use std::io;

use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};

/// Higher levels take longer and gain a twentieth.
const LEVEL: i32 = 3;
/// So many are kept of each kind, as more are hardly used at the same time.
const KEPT: usize = 4;
/// For longer contents a compressor takes more memory than is to be kept, and making it is a small part of the work.
const KEPT_BYTES: usize = 1 << 20;

static COMPRESSORS: Kept<Compressor<'static>> = Kept::new();
static DECOMPRESSORS: Kept<Decompressor<'static>> = Kept::new();

/// What was used and can be used again.
struct Kept<T>(Mutex<Vec<T>>);

impl<T> Kept<T> {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn take(&self, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let kept = self.0.lock().pop();
        kept.map_or_else(make, Ok)
    }

    fn give(&self, used: T) {
        let mut kept = self.0.lock();
        if kept.len() < KEPT {
            kept.push(used);
        }
    }
}

/// These bytes as a frame of zstd.
pub(crate) fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = COMPRESSORS.take(|| Compressor::new(LEVEL))?;
    let compressed = compressor.compress(bytes)?;
    if bytes.len() <= KEPT_BYTES {
        COMPRESSORS.give(compressor);
    }
    Ok(compressed)
}

/// The contents of a frame of zstd, which are no longer than `limit`.
pub(crate) fn decompress(frame: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut decompressor = DECOMPRESSORS.take(Decompressor::new)?;
    let contents = decompressor.decompress(frame, limit)?;
    DECOMPRESSORS.give(decompressor);
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_does_not_depend_on_what_was_made_before() {
        let texts: Vec<Vec<u8>> = (1..40_u8)
            .map(|n| {
                (0..usize::from(n) * 3_000)
                    .map(|at| (at % usize::from(n + 7)).to_le_bytes()[0])
                    .collect()
            })
            .collect();
        let alone = |text: &Vec<u8>| zstd::bulk::compress(text, LEVEL).unwrap();
        let first: Vec<_> = texts.iter().map(alone).collect();
        for _ in 0..3 {
            for (text, alone) in texts.iter().zip(&first).rev() {
                let compressed = compress(text).unwrap();
                assert_eq!(&compressed, alone);
                assert!(decompress(&compressed[..compressed.len() - 1], text.len()).is_err());
                assert!(decompress(&compressed, text.len() - 1).is_err());
                assert_eq!(&decompress(&compressed, text.len()).unwrap(), text);
            }
        }
        assert!(COMPRESSORS.0.lock().len() <= KEPT);
    }
}
