//! [`CompactionOptions`], [`CompactionReport`], [`CompactionStats`]: how compaction is run, and what it did.

/// How space is given back while a database is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionOptions {
    /// Whether a thread does it in the background. Default: yes. [`Db::compact`](crate::db::Db::compact) works without.
    pub background: bool,
    /// The share of a segment, in percent, that nobody needs when it is compacted in the background, unless ten times as much would have
    /// to be read for it as comes back. Default: 50.
    pub dead_percent: u8,
    /// How many bytes are read and written per second in the background at most. While others commit it rests as long as it
    /// works, so it may be fewer. Default: 32 MiB.
    pub bytes_per_second: u64,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self {
            background: true,
            dead_percent: 50,
            bytes_per_second: 32 << 20,
        }
    }
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactionReport {
    /// How many segments were compacted.
    pub segments_before: u64,
    /// How many took their place.
    pub segments_after: u64,
    /// The length of the files before, in bytes.
    pub bytes_before: u64,
    /// The length of the files that took their place, in bytes.
    pub bytes_after: u64,
    /// How many commits were kept, in part at least.
    pub kept: u64,
    /// How many commits were dropped.
    pub dropped: u64,
    /// Not everything was done: the database was about to be closed, or a reader or writer that had begun before did not end
    /// for some seconds, such as a list of checkpoints that is not read to its end.
    pub incomplete: bool,
}

/// How far a compaction is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactionProgress {
    /// How many bytes were read and written.
    pub done: u64,
    /// How many that will be, about; 0 as long as it is not known.
    pub of: u64,
}

/// What compaction has done since the database was opened, on demand and in the background.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionStats {
    /// Whether it is at work.
    pub running: bool,
    /// How many segments were compacted.
    pub segments: u64,
    /// The length of their files before, in bytes.
    pub bytes_before: u64,
    /// The length of the files that took their place, in bytes.
    pub bytes_after: u64,
    /// How often it failed. Everything was kept then, and is tried again later.
    pub failures: u64,
    /// Why it failed the last time, unless it has worked since.
    pub failure: Option<String>,
}
