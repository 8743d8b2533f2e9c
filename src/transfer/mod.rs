//! Moving threads and items from one place to another: between a database and LangGraph's tables.
//!
//! What is there already is left, so a transfer that was cut off is gone on with by starting it again.
//!
//! But for `database`, this module must never know where checkpoints and items are kept: the tables are ends of their own.

mod compare;
mod database;
mod items;
pub(crate) mod place;
mod report;
mod threads;

pub use place::Place;
pub use report::{PassedOver, TransferError, TransferReport};

use place::End;

/// What is to be moved.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::TempDir::new()?;
/// use stepwell::db::Db;
/// use stepwell::transfer::{Place, Transfer};
///
/// let one = Db::open(directory.path().join("one"))?;
/// let other = Db::open(directory.path().join("other"))?;
/// let transfer = Transfer { verify: true, ..Transfer::default() };
/// let (from, to) = (Place::database(&one), Place::database(&other));
/// let report = futures::executor::block_on(transfer.run(&from, &to, &mut |_| {}))?;
/// assert!(report.is_complete());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    /// Only these threads, and no items; everything if there is none.
    pub threads: Vec<String>,
    /// Nothing is written; the report says what would be.
    pub dry_run: bool,
    /// Afterwards both sides are read and compared.
    pub verify: bool,
    /// Checkpoints and items that cannot be read do not stop the transfer: they are passed over, and so are the checkpoints that are made of
    /// them. The report names each.
    pub skip_unreadable: bool,
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

impl Transfer {
    /// Moves what is to be moved, and tells `progress` how far it is.
    ///
    /// # Errors
    /// [`TransferError`].
    pub async fn run(
        &self,
        from: &Place,
        to: &Place,
        progress: &mut (dyn FnMut(TransferProgress) + Send),
    ) -> Result<TransferReport, TransferError> {
        let (from, to) = (from.end(), to.end());
        let mut report = TransferReport::default();
        let chosen = self.chosen(from).await?;
        let of = chosen.iter().map(|(_, checkpoints)| checkpoints).sum();
        let mut done = 0;
        for (thread, _) in &chosen {
            let mut tell = |count| {
                done += count;
                let stage = TransferStage::Threads;
                progress(TransferProgress { stage, done, of });
            };
            self.move_thread(thread, (from, to), &mut report, &mut tell)
                .await?;
        }
        let with_items = self.threads.is_empty();
        if with_items {
            self.move_items(from, to, &mut report, progress).await?;
        }
        if self.verify && !self.dry_run {
            self.compare(&chosen, (from, to), &mut report, progress)
                .await?;
            if with_items {
                items::compare(from, to, &mut report).await?;
            }
        }
        Ok(report)
    }

    async fn compare(
        &self,
        chosen: &[(String, u64)],
        ends: (&dyn End, &dyn End),
        report: &mut TransferReport,
        progress: &mut (dyn FnMut(TransferProgress) + Send),
    ) -> Result<(), TransferError> {
        let left: Vec<_> = chosen
            .iter()
            .filter(|(thread, _)| !report.conflicts.contains(thread))
            .collect();
        let of = left.iter().map(|(_, checkpoints)| checkpoints).sum();
        let mut done = 0;
        for (thread, _) in left {
            let mut tell = |count| {
                done += count;
                let stage = TransferStage::Comparing;
                progress(TransferProgress { stage, done, of });
            };
            compare::thread(thread, ends, report, &mut tell).await?;
        }
        Ok(())
    }
}
