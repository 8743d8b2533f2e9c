//! [`LogStats`] and its siblings: what a log consists of.

use super::chain::SegmentInfo;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES};
use super::{Latency, Lsn, SegmentId};

/// What a log consists of, and what it has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStats {
    /// The length of all its frames and segment headers in bytes. More is taken on disk while the
    /// log is open: the space prepared ahead.
    pub bytes: u64,
    /// How many segments it has.
    pub segments: u64,
    /// How many frames were committed since it was opened.
    pub commits: u64,
    /// How many times it was synced for commits since it was opened.
    pub syncs: u64,
    /// How long those took.
    pub sync_latency: Latency,
}

/// What is kept in memory so that it need not be read again, and what that was good for since the database was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// How often something was there that was looked for.
    pub hits: u64,
    /// How often it was not, and had to be read.
    pub misses: u64,
    /// How many bytes it takes.
    pub bytes: u64,
}

/// One segment of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentStats {
    /// Its name, and the LSN of the first record that it covers.
    pub id: SegmentId,
    /// The LSN after the last record that it covers.
    pub end: Lsn,
    /// Its length in bytes; of the active one, up to its last frame.
    pub bytes: u64,
    /// The length of its frames in bytes, as they are without compression.
    pub unpacked: u64,
    /// What it holds.
    pub kind: SegmentKind,
}

/// What a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKind {
    /// It is the newest, and is written to.
    Active,
    /// All the records that it covers.
    Sealed,
    /// Those that a compaction kept.
    Compacted,
}

impl SegmentStats {
    /// Those of a log that ends before the record `end`, at `active_bytes` in its newest segment.
    pub(super) fn of(infos: &[SegmentInfo], end: Lsn, active_bytes: u64) -> Vec<Self> {
        let numbered = infos.iter().enumerate();
        let of_one = numbered.map(|(number, info)| {
            let next = infos.get(number + 1);
            let bytes = next.map_or(active_bytes, |_| info.bytes);
            Self {
                id: info.id(),
                end: next.map_or(end, |next| next.id().base()),
                bytes,
                unpacked: match info.header.kind {
                    Kind::Ordinary => bytes.saturating_sub(SEGMENT_HEADER_BYTES),
                    Kind::Compacted { unpacked, .. } => unpacked,
                },
                kind: match (next, info.header.kind) {
                    (None, _) => SegmentKind::Active,
                    (_, Kind::Ordinary) => SegmentKind::Sealed,
                    (_, Kind::Compacted { .. }) => SegmentKind::Compacted,
                },
            }
        });
        of_one.collect()
    }
}
