//! [`LogOptions`]: how a log is opened.

use super::Durability;

/// How a log is opened. None of it is stored: each open may choose differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// The length in bytes at which a segment is full. Default: 64 MiB. A frame that is longer
    /// gets a segment of its own. A new log takes less disk than this: see `docs/format.md`.
    pub segment_bytes: u64,
    /// What commits survive that do not say it themselves. Default: [`Durability::Sync`].
    pub durability: Durability,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            durability: Durability::default(),
        }
    }
}
