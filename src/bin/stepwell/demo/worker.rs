//! The worker: the process that runs the workflow and gets killed. Both ends of it: what it does, and how the
//! parent starts, watches and ends it.

use std::env;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::json;
use stepwell::db::Db;
use stepwell::graph::{Config, Input};

use super::desk::Desk;
use super::places::{self, Places};
use super::workflow;
use crate::failure::{Doing, Failure};

/// What the parent tells the worker.
#[derive(clap::Args)]
pub(crate) struct WorkerArgs {
    #[arg(long)]
    input: PathBuf,
    #[arg(long)]
    db: PathBuf,
    #[arg(long)]
    thread: String,
    /// Go on where the thread stands instead of starting it.
    #[arg(long)]
    carry_on: bool,
}

/// Runs the workflow until it ends or asks.
pub(crate) fn work(args: WorkerArgs) -> Result<(), Failure> {
    let places = Places {
        input: args.input,
        db: places::trimmed(&args.db),
        thread: args.thread,
    };
    let input = if args.carry_on {
        Input::Continue
    } else {
        Input::Values(json!({
            "title": "Review of the documentation",
            "sentence_limit": 30,
            "report": places.report(),
        }))
    };
    let db = Db::open(&places.db)?;
    let desk = Desk::new(&places, places.files()?.len())?;
    let graph = workflow::build(db.checkpointer(), &desk)?;
    let config = Config::thread(&places.thread);
    super::runtime()?.block_on(graph.invoke(input, &config))?;
    db.close()?;
    Ok(())
}

/// A running worker. It is killed when this goes, so that none outlives a demo that failed.
pub(super) struct Worker(Child);

impl Worker {
    pub(super) fn start(places: &Places, carry_on: bool) -> Result<Self, Failure> {
        let program = env::current_exe()?;
        let mut command = Command::new(&program);
        command
            .arg("demo-worker")
            .arg("--input")
            .arg(&places.input)
            .arg("--db")
            .arg(&places.db)
            .arg("--thread")
            .arg(&places.thread)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if carry_on {
            command.arg("--carry-on");
        }
        Ok(Self(command.spawn().doing("start", &program)?))
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// How the worker ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        Ok(self.0.try_wait()?)
    }

    /// Ends the worker as the out-of-memory killer would: no signal handler, no destructor, no flush.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has ended already, unless the demo failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
