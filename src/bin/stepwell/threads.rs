//! `stepwell threads`: the threads of a database.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::StreamExt;
use stepwell::checkpoint::{Checkpointer, ListQuery};

use crate::database;
use crate::failure::Failure;
use crate::screen::Screen;

/// Which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The database's directory
    #[arg(long, value_name = "DIR")]
    db: PathBuf,
}

/// What is printed of a thread.
#[derive(Default)]
struct Thread {
    checkpoints: usize,
    namespaces: usize,
    last: String,
}

/// Prints the threads, the one that changed last first.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let screen = Screen::new();
    let db = database::open(&args.db)?;
    let threads = futures::executor::block_on(read(&db))?;
    db.close()?;
    if threads.is_empty() {
        screen.line("The database has no threads yet.")?;
        return Ok(());
    }
    let width = threads.iter().map(|(id, _)| id.chars().count()).max();
    let width = width.unwrap_or(0).max("THREAD".len());
    let head = format!("{:<width$}  CHECKPOINTS  SUBGRAPHS  LAST CHANGED", "THREAD");
    screen.line(screen.bold(head))?;
    for (id, thread) in threads {
        let Thread {
            checkpoints,
            namespaces,
            last,
        } = thread;
        screen.line(format_args!(
            "{id:<width$}  {checkpoints:>11}  {namespaces:>9}  {last}"
        ))?;
    }
    Ok(())
}

async fn read(db: &stepwell::db::Db) -> Result<Vec<(String, Thread)>, Failure> {
    let mut threads: BTreeMap<String, Thread> = BTreeMap::new();
    let mut namespaces = std::collections::BTreeSet::new();
    let mut all = db.checkpointer().list(ListQuery::default());
    while let Some(found) = all.next().await {
        let found = found?;
        let thread = threads.entry(found.thread.clone()).or_default();
        thread.checkpoints += 1;
        thread.last = thread.last.clone().max(found.checkpoint.ts);
        let is_subgraph = !found.namespace.is_empty();
        if is_subgraph && namespaces.insert((found.thread, found.namespace)) {
            thread.namespaces += 1;
        }
    }
    let mut threads: Vec<_> = threads.into_iter().collect();
    threads.sort_by(|(_, a), (_, b)| b.last.cmp(&a.last));
    for (_, thread) in &mut threads {
        // Seconds are exact enough here.
        if let Some((seconds, _)) = thread.last.split_once('.') {
            thread.last = format!("{seconds}Z").replace('T', " ");
        }
    }
    Ok(threads)
}
