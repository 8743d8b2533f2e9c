//! `stepwell import` and `stepwell export`: threads and items from LangGraph's tables into a database, and back.

mod places;
mod told;

use std::path::PathBuf;

use futures::executor::block_on;
use stepwell::db::Db;
use stepwell::transfer::{Place, Transfer, TransferError, TransferReport, TransferStage};

use self::places::{Tables, size_of};
use crate::database;
use crate::failure::{Answer, Failure};
use crate::progress::Progress;

/// What is moved, and how it is told.
#[derive(clap::Args)]
struct What {
    /// Only this thread, and no items; may be given several times
    #[arg(long, value_name = "NAME")]
    thread: Vec<String>,
    /// Say what would be moved, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Afterwards read both sides and compare them
    #[arg(long)]
    verify: bool,
    /// Pass over checkpoints and items that cannot be read, and name each
    #[arg(long)]
    skip_unreadable: bool,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// From LangGraph's tables.
#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// A SQLite file of LangGraph's, or the URL of its PostgreSQL database
    #[arg(long, value_name = "FILE|URL")]
    from: String,
    /// The database's directory: a new one, or one that is there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    what: What,
}

/// To LangGraph's tables.
#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The database's directory
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// A SQLite file, new or LangGraph's, or the URL of a PostgreSQL database
    #[arg(long, value_name = "FILE|URL")]
    to: String,
    #[command(flatten)]
    what: What,
}

/// Moves from tables to a database.
pub(crate) fn import(args: &ImportArgs) -> Result<Answer, Failure> {
    let tables = Tables::to_read(&args.from)?;
    database::check_free(&args.to)?;
    let before = tables.bytes()?;
    if args.what.dry_run {
        let report = match args.to.exists() {
            true => {
                let db = database::look(&args.to)?;
                let report = transfer(&args.what, tables.place(), &Place::database(&db));
                db.close()?;
                report
            }
            false => transfer(&args.what, tables.place(), &Place::nowhere()),
        };
        return told::tell(&args.what, "Imported", &report?, (before, None));
    }
    let db = Db::open(&args.to)?;
    let report = transfer(&args.what, tables.place(), &Place::database(&db));
    db.close()?;
    let after = Some(size_of(&args.to)?);
    told::tell(&args.what, "Imported", &report?, (before, after))
}

/// Moves from a database to tables.
pub(crate) fn export(args: &ExportArgs) -> Result<Answer, Failure> {
    database::require(&args.from)?;
    let tables = Tables::to_write(&args.to, args.what.dry_run)?;
    let db = database::look(&args.from)?;
    let report = transfer(&args.what, &Place::database(&db), tables.place());
    db.close()?;
    let report = report?;
    let after = match args.what.dry_run {
        true => None,
        false => tables.bytes()?,
    };
    let before = Some(size_of(&args.from)?);
    told::tell(&args.what, "Exported", &report, (before, after))
}

fn transfer(what: &What, from: &Place, to: &Place) -> Result<TransferReport, TransferError> {
    let transfer = Transfer {
        threads: what.thread.clone(),
        dry_run: what.dry_run,
        verify: what.verify,
        skip_unreadable: what.skip_unreadable,
    };
    let mut progress = Progress::new();
    let report = block_on(transfer.run(from, to, &mut |at| {
        let stage = match at.stage {
            TransferStage::Items => "Items",
            TransferStage::Comparing => "Comparing",
            _ => "Checkpoints",
        };
        progress.tell(stage, at.done, at.of);
    }));
    progress.finish();
    report
}
