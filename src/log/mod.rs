//! The log: an append-only sequence of frames, in segments, that survives crashes.
//!
//! Its one job is to give every record a permanent number (its [`Lsn`]), to say when it is safe
//! on the medium, and to give it back whole or not at all. It must never know what a record means:
//! a payload is opaque bytes. The bytes on the medium and why they are safe: `docs/format.md`.

mod address;
mod background;
mod backup;
mod batch;
mod block;
mod block_cache;
mod buffer;
#[cfg(any(test, feature = "fuzzing"))]
mod bytes_file;
mod chain;
mod checksum;
mod commit;
mod compact;
mod directory;
mod durability;
mod error;
mod extent;
mod fields;
mod footer;
mod frame;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod group;
mod handle;
mod latency;
mod lead;
mod locked;
mod lsn;
mod options;
mod packed_frames;
mod packed_segment;
mod packed_writer;
mod parker;
mod position;
mod primitives;
mod read_ahead;
mod read_only;
mod recovery;
mod report;
mod resume;
mod salvage;
mod salvage_packed;
mod salvage_salt;
mod salvage_to;
mod scan;
mod sealed;
mod segment;
mod segment_header;
mod segment_table;
mod segment_writer;
mod shared;
mod sink;
mod space;
mod start;
mod state;
mod stats;
mod superblock;
mod superblock_file;
mod ticket;
mod unproven;
mod verdict;
mod verify;
mod window;

pub use address::{FrameAddress, SegmentId};
pub use backup::{BackupProgress, BackupReport, OnBackup, is_backup};
pub(crate) use directory::absolute;
pub use durability::Durability;
pub use error::{LogError, Replay, ReplayError};
pub(crate) use extent::Extent;
pub use handle::Log;
pub use latency::Latency;
pub use locked::LockedLog;
pub use lsn::Lsn;
pub use options::LogOptions;
pub use position::{LogPosition, ReplayFrom};
pub(crate) use read_only::LogOrigin;
pub use read_only::{LookOn, ReadOnlyLog};
pub use report::{RecoveryReport, TornTail};
pub use salvage::{Lost, SalvageReport, salvage};
pub use salvage_to::salvage_to;
pub use sink::CommitSink;
pub use stats::{CacheStats, LogStats, SegmentKind, SegmentStats};
pub use ticket::Ticket;
pub use verdict::{CompactOptions, Compaction, Verdict};
pub use verify::{VerifyProgress, VerifyReport};
pub use window::Window;

/// How much longer than its payload a frame is, but for padding.
pub(crate) const FRAME_HEADER_BYTES: u64 = frame::HEADER_BYTES as u64;

/// The longest frame, header and padding included, in bytes.
pub const MAX_FRAME_BYTES: u64 = 1 << 30;
