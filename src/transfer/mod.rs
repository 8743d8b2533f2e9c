//! Moving threads and items from one place to another: between a database and LangGraph's tables.
//!
//! Whatever is a [`Checkpointer`] or a [`Store`] can be either end. What is there already is left, so a transfer that was cut
//! off is gone on with by starting it again.
//!
//! This module must never know where checkpoints and items are kept.

mod compare;
mod items;
mod threads;

use crate::checkpoint::{CheckpointError, Checkpointer};
use crate::store::{Store, StoreError};

/// Where something is moved from, or to.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    /// Its checkpoints.
    pub checkpoints: &'p dyn Checkpointer,
    /// Its items.
    pub items: &'p dyn Store,
}

/// What is to be moved.
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    /// Only these threads, and no items; everything if there is none.
    pub threads: Vec<String>,
    /// Nothing is written; the report says what would be.
    pub dry_run: bool,
    /// Afterwards both sides are read and compared.
    pub verify: bool,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferProgress {
    /// What it is busy with.
    pub stage: TransferStage,
    /// How much of that is done.
    pub done: u64,
    /// How much there is.
    pub of: u64,
}

/// What a transfer is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferStage {
    /// Moving threads. Counted in checkpoints.
    Threads,
    /// Moving items. Counted in items, as far as they are known.
    Items,
    /// Comparing threads. Counted in checkpoints.
    Comparing,
}

/// What was moved, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferReport {
    /// How many threads were looked at.
    pub threads: u64,
    /// How many checkpoints were put.
    pub checkpoints: u64,
    /// How many checkpoints were there already.
    pub present: u64,
    /// How many pending writes were put.
    pub writes: u64,
    /// How many items were put.
    pub items: u64,
    /// How many items were there already, as they are.
    pub present_items: u64,
    /// Threads of which the target has checkpoints that the source has not. They were left alone.
    pub conflicts: Vec<String>,
    /// How many checkpoints and items were compared.
    pub compared: u64,
    /// What was found to differ, in words; at most 100.
    pub differences: Vec<String>,
}

/// Why a transfer stopped. What was moved before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A checkpoint could not be read or saved.
    #[error("thread `{thread}`: {source}")]
    Checkpoint {
        /// The thread.
        thread: String,
        /// Why not.
        source: CheckpointError,
    },
    /// The threads could not be listed.
    #[error(transparent)]
    Listing(CheckpointError),
    /// An item could not be read or saved.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread was named that the source does not have.
    #[error("there is no thread `{0}` to move")]
    NoSuchThread(String),
}

impl TransferError {
    fn of(thread: &str) -> impl Fn(CheckpointError) -> Self {
        move |source| Self::Checkpoint {
            thread: thread.to_owned(),
            source,
        }
    }
}

impl TransferReport {
    /// Whether all was moved and nothing differs.
    pub fn is_complete(&self) -> bool {
        self.conflicts.is_empty() && self.differences.is_empty()
    }

    fn differs(&mut self, what: String) {
        if self.differences.len() < 100 {
            self.differences.push(what);
        }
    }
}

impl Transfer {
    /// Moves what is to be moved, and tells `progress` how far it is.
    ///
    /// # Errors
    /// [`TransferError`].
    pub async fn run(
        &self,
        from: Place<'_>,
        to: Place<'_>,
        progress: &mut (dyn FnMut(TransferProgress) + Send),
    ) -> Result<TransferReport, TransferError> {
        let mut report = TransferReport::default();
        let chosen = self.chosen(from.checkpoints).await?;
        let of = chosen.iter().map(|(_, checkpoints)| checkpoints).sum();
        let mut done = 0;
        for (thread, _) in &chosen {
            let mut tell = |count| {
                done += count;
                let stage = TransferStage::Threads;
                progress(TransferProgress { stage, done, of });
            };
            self.move_thread(
                thread,
                from.checkpoints,
                to.checkpoints,
                &mut report,
                &mut tell,
            )
            .await?;
        }
        let with_items = self.threads.is_empty();
        if with_items {
            self.move_items(from.items, to.items, &mut report, progress)
                .await?;
        }
        if self.verify && !self.dry_run {
            done = 0;
            for (thread, _) in chosen
                .iter()
                .filter(|(thread, _)| !report.conflicts.contains(thread))
                .cloned()
                .collect::<Vec<_>>()
            {
                let mut tell = |count| {
                    done += count;
                    let stage = TransferStage::Comparing;
                    progress(TransferProgress { stage, done, of });
                };
                compare::thread(
                    &thread,
                    from.checkpoints,
                    to.checkpoints,
                    &mut report,
                    &mut tell,
                )
                .await?;
            }
            if with_items {
                compare::items(from.items, to.items, &mut report).await?;
            }
        }
        Ok(report)
    }
}
