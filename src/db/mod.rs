//! The database: one directory, one log, checkpoints and long-term memory together.
//!
//! Its one job is to keep the index and the log in step: what is committed to the log is applied to
//! the index before anyone looks, and what the index points at is read from the log. It speaks
//! in records and must never know the traits that checkpointers and stores implement.

mod applying;
mod backlog;
mod backup;
mod compaction;
mod decoded;
mod dump;
mod error;
mod freed;
mod handed;
mod handle;
mod hot;
mod indexed;
mod item_history;
mod items;
mod kept_value;
#[cfg(feature = "metrics")]
mod metrics;
mod options;
mod periodic;
mod place;
mod place_bytes;
mod put;
mod read_only;
mod reader;
mod replaying;
mod rows;
mod salvage;
mod sharing;
mod spent;
mod stats;
mod storing;
mod submitted;
mod thread_stats;
mod to_store;
mod vectors;
mod verify;
mod view;
mod written;

pub use crate::codec::Compression;
pub use crate::log::{
    BackupProgress, BackupReport, CacheStats, Durability, Latency, LogStats, Lost as LostRecords,
    RecoveryReport, SegmentKind, SegmentStats, TornTail,
};
pub use compaction::{CompactionOptions, CompactionProgress, CompactionReport, CompactionStats};
pub use error::DbError;
pub(crate) use freed::{Freed, Returned, frame_bytes};
pub(crate) use handed::Handed;
pub use handle::Db;
pub(crate) use items::{ItemClock, at_hand};
pub use options::DbOptions;
pub(crate) use periodic::Periodic;
pub(crate) use place::Place;
pub(crate) use put::NotPut;
pub(crate) use reader::Reader;
#[doc(hidden)]
pub use salvage::salvage_in;
pub use salvage::{
    LostItem, LostValue, LostWrites, SalvageProgress, SalvageReport, SalvageStage, salvage,
    salvage_with,
};
pub use stats::{BackPressure, DbStats, IndexStats, SegmentUse, StoreStats};
pub(crate) use submitted::Submitted;
pub use thread_stats::{ThreadStats, ValueStats};
pub use verify::{Finding, FindingKind, VerifyOptions, VerifyProgress, VerifyReport, VerifyStage};
pub(crate) use view::DbSnapshot;
