//! Short-term memory: the checkpoints of threads, and the [`Checkpointer`] that keeps them.
//!
//! A *thread* is one conversation or run. Within it, a *namespace* belongs to one graph: `""` to the
//! root graph, `node:task` paths to subgraphs. A *checkpoint* is the state at a super-step's end, and
//! *pending writes* are what the tasks of the next super-step have already produced.
//!
//! This module must never know what a graph is.

mod appended;
mod check;
mod checkpointer;
mod convert;
mod diff;
mod dry_run;
mod error;
mod id;
mod list_query;
mod memory;
mod metadata;
mod projection;
mod pruning;
mod put_checkpoint;
mod put_writes;
mod retention;
mod saver;
mod shared;
mod status;
mod tag;
mod threads;
mod types;

pub use crate::retention_policy::RetentionPolicy;
pub use crate::version::ChannelVersion;
#[cfg(feature = "langgraph")]
pub(crate) use appended::make_whole;
pub use checkpointer::{CheckpointStream, Checkpointer};
#[cfg(feature = "testing")]
pub(crate) use diff::compare;
pub use diff::{
    ChannelDiff, CheckpointAddress, CheckpointDiff, JsonChange, JsonChangeKind, JsonDiff, Sample,
    Stored, ValueDiff, WriteDiff, WritesDiff, diff,
};
pub use error::CheckpointError;
pub use id::CheckpointIds;
pub(crate) use id::{cutoff_after, now};
pub use list_query::ListQuery;
pub use memory::MemorySaver;
pub use metadata::{Metadata, Source};
pub use projection::{Channels, Projection};
#[cfg(feature = "postgres")]
pub(crate) use pruning::{Due, due};
pub use pruning::{
    Prune, PruneProgress, PruneReport, PruneRule, PruneStage, PruneStrategy, PrunedThread,
    UnknownStrategy,
};
pub use put_checkpoint::PutCheckpoint;
pub use put_writes::PutWrites;
pub use retention::Retention;
#[cfg(feature = "postgres")]
pub(crate) use retention::{due as due_by_policy, due_now as due_by_policy_now};
pub use saver::DbSaver;
#[cfg(feature = "postgres")]
pub(crate) use status::is_told_by;
pub use status::{Awaited, RunFailure, StatusKind, ThreadStatus};
pub use tag::Tag;
pub use threads::{InvalidCursor, ThreadCursor, ThreadInfo, ThreadOrder, ThreadQuery};
#[cfg(feature = "sqlite")]
pub(crate) use threads::{ThreadSummary, select_threads};
pub use types::{Checkpoint, CheckpointTuple, PendingWrite, special_write_index};
