//! The `stepwell` command: the demo, and a look into databases.

mod commands;
mod database;
mod demo;
mod failure;
mod format;
mod screen;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{diff, history, show, threads};
use failure::{Answer, EXIT_CODES};

/// An embedded checkpoint database for agent graphs: see it work, look into one.
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
        Command::DemoWorker(args) => demo::work(args).map(Answer::from),
    };
    match outcome {
        Ok(answer) => answer.exit_code(),
        // Whoever reads the output has seen enough, as `| head` has.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            screen::error(&failure);
            failure.exit_code()
        }
    }
}
