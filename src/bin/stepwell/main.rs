//! The `stepwell` command: the demo, a look into databases, and looking after them.

mod commands;
mod database;
mod demo;
mod failure;
mod format;
mod progress;
mod screen;
mod tree;

use std::env;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{
    backup, compact, copy, delete, diff, dump, history, prune, salvage, show, stats, store, tag,
    threads, torture, transfer, verify,
};
use failure::{Answer, EXIT_CODES};

/// An embedded checkpoint database for agent graphs: see it work, look into one, look after one.
///
/// `threads`, `history`, `show`, `diff`, `dump`, `stats`, `verify` and what reads of `store` also work while another process has the database
/// open: they read its log as it is at that moment, and change nothing.
#[derive(Parser)]
#[command(version, max_term_width = 80, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a workflow on real files, kill it in the middle, and watch it carry on
    Demo(demo::Args),
    /// List the threads of a database, and whether they wait for somebody
    #[command(after_help = EXIT_CODES)]
    Threads(threads::Args),
    /// Print a thread's checkpoints as a tree
    #[command(after_help = EXIT_CODES)]
    History(history::Args),
    /// Print the channel values of a checkpoint as JSON
    #[command(after_help = EXIT_CODES)]
    Show(show::Args),
    /// Print what differs between two checkpoints of a thread
    #[command(after_help = EXIT_CODES)]
    Diff(diff::Args),
    /// Print every record of the log as JSON lines, as `tools/read_stepwell.py` does without this program
    #[command(after_help = EXIT_CODES)]
    Dump(dump::Args),
    /// Say how large a database is, and what takes the space
    #[command(after_help = EXIT_CODES)]
    Stats(stats::Args),
    /// Read everything and check it
    #[command(after_help = EXIT_CODES)]
    Verify(verify::Args),
    /// Make a new database of what is whole in a damaged one
    #[command(after_help = EXIT_CODES)]
    Salvage(salvage::Args),
    /// Make a backup, or bring one up to date; opening it restores it
    #[command(after_help = EXIT_CODES)]
    Backup(backup::Args),
    /// Give back the space of what was deleted, pruned or replaced
    #[command(after_help = EXIT_CODES)]
    Compact(compact::Args),
    /// Copy a thread: both go on independently
    #[command(after_help = EXIT_CODES)]
    Copy(copy::Args),
    /// Remove old checkpoints
    #[command(after_help = EXIT_CODES)]
    Prune(prune::Args),
    /// Delete a thread
    #[command(after_help = EXIT_CODES)]
    Delete(delete::Args),
    /// Give a checkpoint a name, which keeps it from being pruned; or list names
    #[command(after_help = EXIT_CODES)]
    Tag(tag::Args),
    /// Look into the long-term memory, and change it
    Store(store::Args),
    /// Move threads and items from LangGraph's tables into a database
    #[command(after_help = EXIT_CODES)]
    Import(transfer::ImportArgs),
    /// Move threads and items from a database to LangGraph's tables
    #[command(after_help = EXIT_CODES)]
    Export(transfer::ExportArgs),
    /// Kill a process that commits, again and again, and look for what it was promised
    #[command(after_help = EXIT_CODES)]
    Torture(torture::Args),
    /// The process that `torture` kills
    #[command(hide = true)]
    TortureWorker(torture::WorkerArgs),
    /// The process that the demo kills
    #[command(hide = true)]
    DemoWorker(demo::WorkerArgs),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(args) => demo::run(args).map(Answer::from),
        Command::Threads(args) => threads::run(&args),
        Command::History(args) => history::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Dump(args) => dump::run(&args),
        Command::Stats(args) => stats::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Salvage(args) => salvage::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Compact(args) => compact::run(&args),
        Command::Copy(args) => copy::run(&args),
        Command::Prune(args) => prune::run(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Tag(args) => tag::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Import(args) => transfer::import(&args),
        Command::Export(args) => transfer::export(&args),
        Command::Torture(args) => torture::run(&args),
        Command::TortureWorker(args) => torture::work(&args).map(Answer::from),
        Command::DemoWorker(args) => demo::work(args).map(Answer::from),
    };
    match outcome {
        Ok(answer) => answer.exit_code(),
        // Whoever reads the output has seen enough, as `| head` has.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            match env::args_os().any(|argument| argument == "--json") {
                true => screen::json_error(&failure),
                false => screen::error(&failure),
            }
            failure.exit_code()
        }
    }
}
