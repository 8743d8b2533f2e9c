//! Why a checkpoint could not be read or saved.

/// Why a [`Checkpointer`](crate::checkpoint::Checkpointer) refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A write of a run that began before its thread was deleted. The thread stays deleted.
    #[error(
        "thread `{thread}` was deleted after checkpoint `{checkpoint}` was made; start a new run on it"
    )]
    ThreadDeleted {
        /// The deleted thread.
        thread: String,
        /// The checkpoint that the write belongs to or follows.
        checkpoint: String,
    },
    /// A checkpoint takes values from its parent, which was pruned meanwhile.
    #[error(
        "thread `{thread}`: checkpoint `{checkpoint}` was pruned before its successor was saved; go on from a \
         checkpoint that is there"
    )]
    Pruned {
        /// The thread.
        thread: String,
        /// The checkpoint that is gone.
        checkpoint: String,
    },
    /// The checkpoint before was put again with other versions while its successor was on its way.
    #[error(
        "thread `{thread}`: checkpoint `{checkpoint}` was put again, with other versions, before its successor was \
         saved; save the successor again"
    )]
    Replaced {
        /// The thread.
        thread: String,
        /// The checkpoint that was put again.
        checkpoint: String,
    },
    /// A thread was written to between the planning of a prune and its commit. Nothing was removed.
    #[error("thread `{thread}` changed while it was to be pruned; prune it again")]
    Changed {
        /// The thread.
        thread: String,
    },
    /// A thread without checkpoints was to be copied.
    #[error("thread `{thread}` has no checkpoints to copy")]
    NothingToCopy {
        /// The source.
        thread: String,
    },
    /// A thread was to be copied to one that has checkpoints.
    #[error("thread `{thread}` has checkpoints already; copy to another name, or delete it first")]
    ThreadExists {
        /// The target.
        thread: String,
    },
    /// A checkpoint that is not there was to be tagged.
    #[error("thread `{thread}` has no checkpoint `{checkpoint}` in this namespace")]
    NoSuchCheckpoint {
        /// The thread.
        thread: String,
        /// The id that was named.
        checkpoint: String,
    },
    /// This checkpointer cannot do what was asked of it.
    #[error("this checkpointer cannot {what}; use `MemorySaver` or the checkpointer of a database")]
    Unsupported {
        /// What was asked.
        what: &'static str,
    },
    /// Changes of a store were to be committed with a checkpoint, and this checkpointer keeps no store.
    #[error(
        "thread `{thread}`: this checkpointer cannot commit items of a store with a checkpoint; \
         use the checkpointer and the store of one database"
    )]
    NoItems {
        /// The thread of the checkpoint.
        thread: String,
    },
    /// A list was to grow that the checkpoint before does not have, or encoded otherwise.
    #[error(
        "checkpoint `{checkpoint}` of thread `{thread}` appends to channel `{channel}`, of which its parent has no such \
         list; hand the whole value over"
    )]
    NothingToAppendTo {
        /// The thread.
        thread: String,
        /// The checkpoint that was refused.
        checkpoint: String,
        /// The channel.
        channel: String,
    },
    /// Something is nested so deep that it could not be read again. Nothing was saved.
    #[error(
        "thread `{thread}`: {what} is nested more than {} deep and could not be read again; save what is so deep as a \
         text",
        crate::nesting::READABLE
    )]
    TooDeep {
        /// The thread.
        thread: String,
        /// The value, of which checkpoint or task, or the item.
        what: String,
    },
    /// Metadata of a checkpoint say under an extra name what a field of that name is for. Nothing was saved.
    #[error(
        "thread `{thread}`: `{name}` is among the extra metadata of checkpoint `{checkpoint}`; say it in the field of that \
         name alone"
    )]
    SaidTwice {
        /// The thread.
        thread: String,
        /// The checkpoint that was refused.
        checkpoint: String,
        /// The name: `source`, `step` or `parents`.
        name: &'static str,
    },
    /// The database failed or refused.
    #[error(transparent)]
    Db(#[from] crate::db::DbError),
    /// Another backend failed.
    #[error("{what}: {source}")]
    Backend {
        /// What was being done, to which thread.
        what: String,
        /// Why it failed.
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl CheckpointError {
    /// Nothing says when a checkpoint was made.
    pub(crate) fn timeless(thread: &str, checkpoint: &str) -> Self {
        Self::Db(crate::db::DbError::timeless(thread, checkpoint))
    }
}
