//! The `stepwell` command: the demo, and a look into databases.

mod database;
mod demo;
mod failure;
mod format;
mod history;
mod screen;
mod show;
mod threads;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An embedded checkpoint database for agent graphs: see it work, look into one.
#[derive(Parser)]
#[command(version, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a workflow on real files, kill it in the middle, and watch it carry on
    Demo(demo::Args),
    /// List the threads of a database
    Threads(threads::Args),
    /// Print a thread's checkpoints as a tree
    History(history::Args),
    /// Print the channel values of a checkpoint as JSON
    Show(show::Args),
    /// The process that the demo kills
    #[command(hide = true)]
    DemoWorker(demo::WorkerArgs),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(args) => demo::run(args),
        Command::Threads(args) => threads::run(&args),
        Command::History(args) => history::run(&args),
        Command::Show(args) => show::run(&args),
        Command::DemoWorker(args) => demo::work(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough, as `| head` has.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            screen::error(&failure);
            ExitCode::FAILURE
        }
    }
}
