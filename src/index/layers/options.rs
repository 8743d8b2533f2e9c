//! [`IndexOptions`]: how much memory the index takes.

/// How much memory the index takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexOptions {
    /// Pages of the file that are kept. Default: 64 MiB.
    pub(crate) cache_bytes: usize,
    /// About how much the changes weigh that are moved to the file together. Default: 32 MiB.
    pub(crate) flush_bytes: usize,
    /// With so many records that the file lacks, it gets them, whatever they weigh: the next open would replay them. Default:
    /// 16,384.
    pub(crate) flush_records: u64,
    /// About how much all changes in memory may weigh before commits wait; at least twice
    /// `flush_bytes`. Default: 64 MiB.
    pub(crate) memory_bytes: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            flush_bytes: 32 << 20,
            flush_records: 16 << 10,
            memory_bytes: 64 << 20,
        }
    }
}
