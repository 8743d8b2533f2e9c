//! `stepwell import` and `stepwell export`: threads and items from LangGraph's tables into a database, and back.

use std::path::{Path, PathBuf};

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::Checkpointer;
use stepwell::db::Db;
use stepwell::store::Store;
use stepwell::transfer::{Place, Transfer, TransferError, TransferReport, TransferStage};

use crate::database;
use crate::failure::{Answer, Doing, Failure};
use crate::format::{bytes, count};
use crate::progress::Progress;
use crate::screen::Screen;

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

/// LangGraph's tables, wherever they are.
struct Tables {
    checkpoints: Box<dyn Checkpointer>,
    items: Box<dyn Store>,
    /// The file, if it is one.
    file: Option<PathBuf>,
}

impl Tables {
    /// How many bytes they take, as far as that can be told.
    fn bytes(&self) -> Option<u64> {
        let file = self.file.as_ref()?;
        let log = file.with_file_name(format!("{}-wal", file.file_name()?.display()));
        let length = |path: &Path| path.metadata().map_or(0, |of| of.len());
        Some(length(file) + length(&log))
    }
}

/// Opens the tables at a place. To be read they have to be there.
fn open(place: &str, is_source: bool) -> Result<Tables, Failure> {
    if place.starts_with("postgres://") || place.starts_with("postgresql://") {
        return Err(Failure::usage("this `stepwell` cannot reach PostgreSQL"));
    }
    open_file(Path::new(place), is_source)
}

#[cfg(feature = "sqlite")]
fn open_file(path: &Path, is_source: bool) -> Result<Tables, Failure> {
    use stepwell::sqlite::{SqliteSaver, SqliteStore};

    if is_source && !path.is_file() {
        return Err(Failure::unreadable(format!(
            "there is no file `{}`",
            path.display()
        )));
    }
    Ok(Tables {
        checkpoints: Box::new(SqliteSaver::open(path)?.as_kept()),
        items: Box::new(SqliteStore::open(path)?),
        file: Some(path.to_owned()),
    })
}

#[cfg(not(feature = "sqlite"))]
fn open_file(_: &Path, _: bool) -> Result<Tables, Failure> {
    Err(Failure::usage(
        "this `stepwell` was built without SQLite; install it with `--features sqlite`",
    ))
}

/// Moves from tables to a database.
pub(crate) fn import(args: &ImportArgs) -> Result<Answer, Failure> {
    let tables = open(&args.from, true)?;
    database::check_free(&args.to)?;
    let dry = args.what.dry_run && !args.to.exists();
    let nowhere = tempdir(dry)?;
    let db = Db::open(nowhere.as_deref().unwrap_or(&args.to))?;
    let outcome = {
        let (checkpoints, items) = (db.checkpointer(), db.store());
        let to = Place {
            checkpoints: &checkpoints,
            items: &items,
        };
        let from = Place {
            checkpoints: &*tables.checkpoints,
            items: &*tables.items,
        };
        transfer(&args.what, from, to)
    };
    db.close()?;
    if let Some(nowhere) = nowhere {
        std::fs::remove_dir_all(&nowhere).doing("remove", &nowhere)?;
    }
    let after = if dry { None } else { Some(size_of(&args.to)?) };
    tell(&args.what, "Imported", &outcome?, tables.bytes(), after)
}

/// Moves from a database to tables.
pub(crate) fn export(args: &ExportArgs) -> Result<Answer, Failure> {
    database::require(&args.from)?;
    let db = database::look(&args.from)?;
    let is_new = !Path::new(&args.to).exists();
    let dry = args.what.dry_run && is_new;
    let nowhere = tempdir(dry)?;
    let place = nowhere
        .as_ref()
        .map(|of| of.join("export.sqlite").display().to_string());
    let tables = open(place.as_ref().unwrap_or(&args.to), false)?;
    let outcome = {
        let (checkpoints, items) = (db.checkpointer(), db.store());
        let from = Place {
            checkpoints: &checkpoints,
            items: &items,
        };
        let to = Place {
            checkpoints: &*tables.checkpoints,
            items: &*tables.items,
        };
        transfer(&args.what, from, to)
    };
    let after = if dry { None } else { tables.bytes() };
    drop(tables);
    db.close()?;
    if let Some(nowhere) = nowhere {
        std::fs::remove_dir_all(&nowhere).doing("remove", &nowhere)?;
    }
    tell(
        &args.what,
        "Exported",
        &outcome?,
        Some(size_of(&args.from)?),
        after,
    )
}

/// A place for what a dry run would otherwise make.
fn tempdir(is_needed: bool) -> Result<Option<PathBuf>, Failure> {
    if !is_needed {
        return Ok(None);
    }
    let path = std::env::temp_dir().join(format!("stepwell-dry-run-{}", std::process::id()));
    std::fs::create_dir_all(&path).doing("make", &path)?;
    Ok(Some(path))
}

fn transfer(what: &What, from: Place<'_>, to: Place<'_>) -> Result<TransferReport, TransferError> {
    let transfer = Transfer {
        threads: what.thread.clone(),
        dry_run: what.dry_run,
        verify: what.verify,
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

fn tell(
    what: &What,
    verb: &str,
    report: &TransferReport,
    before: Option<u64>,
    after: Option<u64>,
) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let answer = if report.is_complete() {
        Answer::Yes
    } else {
        Answer::No
    };
    if what.json {
        screen.json(&json!({
            "dry_run": what.dry_run,
            "threads": report.threads,
            "checkpoints": report.checkpoints,
            "present": report.present,
            "writes": report.writes,
            "items": report.items,
            "present_items": report.present_items,
            "conflicts": report.conflicts,
            "compared": what.verify.then_some(report.compared),
            "differences": report.differences,
            "bytes_before": before,
            "bytes_after": after,
        }))?;
        return Ok(answer);
    }
    let number = |of: u64| usize::try_from(of).unwrap_or(usize::MAX);
    screen.line(format_args!(
        "{} {}: {} ({} there already), {}, {} ({} there already)",
        if what.dry_run {
            "Would have moved"
        } else {
            verb
        },
        count(number(report.threads), "thread"),
        count(number(report.checkpoints), "checkpoint"),
        report.present,
        count(number(report.writes), "pending write"),
        count(number(report.items), "item"),
        report.present_items,
    ))?;
    if let (Some(before), Some(after)) = (before, after) {
        screen.line(format_args!(
            "{} before, {} after",
            bytes(before),
            bytes(after)
        ))?;
    }
    for thread in &report.conflicts {
        screen.line(format_args!(
            "Thread `{thread}` was left alone: the target has checkpoints of it that the source has not"
        ))?;
    }
    if what.verify && !what.dry_run {
        screen.line(format_args!(
            "Compared {}: {}",
            count(number(report.compared), "record"),
            if report.differences.is_empty() {
                "all say the same"
            } else {
                "some differ"
            },
        ))?;
    }
    for difference in &report.differences {
        screen.line(format_args!("Differs: {difference}"))?;
    }
    Ok(answer)
}

/// The bytes of all files below a directory.
fn size_of(directory: &Path) -> Result<u64, Failure> {
    let mut sum = 0;
    for entry in directory.read_dir().doing("list", directory)? {
        let entry = entry.doing("list", directory)?;
        let metadata = entry.metadata().doing("look at", &entry.path())?;
        sum += if metadata.is_dir() {
            size_of(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(sum)
}
