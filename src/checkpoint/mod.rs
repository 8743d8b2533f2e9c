//! Short-term memory: the checkpoints of threads, and the [`Checkpointer`] that keeps them.
//!
//! A *thread* is one conversation or run. Within it, a *namespace* belongs to one graph: `""` to the
//! root graph, `node:task` paths to subgraphs. A *checkpoint* is the state at a super-step's end, and
//! *pending writes* are what the tasks of the next super-step have already produced.
//!
//! This module must never know what a graph is.

mod appended;
mod checkpointer;
mod convert;
mod diff;
mod dry_run;
mod error;
mod id;
mod memory;
mod metadata;
mod projection;
mod pruning;
mod retention;
mod saver;
mod status;
mod threads;
mod types;

pub use crate::retention_policy::RetentionPolicy;
pub use crate::version::ChannelVersion;
#[cfg(feature = "langgraph")]
pub(crate) use appended::make_whole;
pub use checkpointer::{CheckpointStream, Checkpointer, ListQuery, PutCheckpoint, PutWrites, Tag};
#[cfg(feature = "testing")]
pub(crate) use diff::compare;
pub use diff::{
    ChannelDiff, CheckpointAddress, CheckpointDiff, JsonChange, JsonChangeKind, JsonDiff, Sample,
    Stored, ValueDiff, WriteDiff, WritesDiff, diff,
};
pub use error::CheckpointError;
pub use id::CheckpointIds;
pub(crate) use id::now;
pub use memory::MemorySaver;
pub use metadata::{Metadata, Source};
pub use projection::{Channels, Projection};
pub use pruning::{
    Prune, PruneProgress, PruneReport, PruneRule, PruneStage, PruneStrategy, PrunedThread,
    UnknownStrategy,
};
pub use retention::Retention;
pub use saver::DbSaver;
pub use status::{Awaited, RunFailure, StatusKind, ThreadStatus};
pub use threads::{InvalidCursor, ThreadCursor, ThreadInfo, ThreadOrder, ThreadQuery};
#[cfg(feature = "langgraph")]
pub(crate) use threads::{ThreadSummary, select_threads};
pub use types::{Checkpoint, CheckpointTuple, PendingWrite, special_write_index};
