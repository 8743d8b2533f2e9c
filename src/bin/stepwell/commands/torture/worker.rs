//! The process that is killed: what it does, and how its parent starts, hears and kills it.

use std::env;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use stepwell::checkpoint::Checkpointer;
use stepwell::db::Db;

use super::acknowledged::{Acknowledged, say};
use super::content::{commit, cycle_of, thread as name_of};
use crate::failure::{Doing, Failure};

/// What earlier processes have committed is deleted when they are so many back.
const KEPT: u64 = 8;
/// Segments of so many bytes, so that there are changes of segments in each life.
const SEGMENT: u64 = 1 << 20;

/// What the parent tells the worker.
#[derive(clap::Args)]
pub(crate) struct WorkerArgs {
    #[arg(long)]
    pub(super) db: PathBuf,
    #[arg(long)]
    pub(super) cycle: u64,
    #[arg(long)]
    pub(super) writers: u8,
}

/// Commits for ever, and says what was acknowledged.
pub(crate) fn work(args: &WorkerArgs) -> Result<(), Failure> {
    let db = Db::options().segment_bytes(SEGMENT).open(&args.db)?;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..args.writers)
            .map(|writer| {
                let db = &db;
                scope.spawn(move || write(db, args.cycle, writer))
            })
            .collect();
        if let Some(old) = args.cycle.checked_sub(KEPT) {
            for thread in super::check::threads(&db)? {
                if cycle_of(&thread).is_some_and(|cycle| cycle <= old) {
                    db.checkpointer().delete_thread(&thread).wait()?;
                }
            }
        }
        for writer in writers {
            match writer.join() {
                Ok(ended) => ended?,
                Err(_) => return Err(Failure::new("a writer panicked")),
            }
        }
        Ok(())
    })
}

fn write(db: &Db, cycle: u64, writer: u8) -> Result<(), Failure> {
    let saver = db.checkpointer();
    let thread = name_of(cycle, writer);
    for number in 0.. {
        let (put, items) = commit(&thread, number);
        saver.put_with_items(put, items).wait()?;
        say(&thread, number)?;
    }
    Ok(())
}

/// A running worker. It is killed when this goes.
pub(super) struct Worker {
    child: Child,
    begun: Arc<AtomicBool>,
    listener: Option<JoinHandle<io::Result<Acknowledged>>>,
}

/// What is said, and that something was.
struct Heard<R> {
    from: R,
    begun: Arc<AtomicBool>,
}

impl<R: Read> Read for Heard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.begun.store(true, Ordering::Release);
        Ok(read)
    }
}

impl Worker {
    pub(super) fn start(db: &Path, cycle: u64, writers: u8) -> Result<Self, Failure> {
        let program = env::current_exe()?;
        let mut child = Command::new(&program)
            .arg("torture-worker")
            .arg("--db")
            .arg(db)
            .args([
                "--cycle",
                &cycle.to_string(),
                "--writers",
                &writers.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .doing("start", &program)?;
        let begun = Arc::new(AtomicBool::new(false));
        let listener = child.stdout.take().map(|from| {
            let begun = Arc::clone(&begun);
            let said = BufReader::new(Heard { from, begun });
            thread::spawn(move || Acknowledged::read(said))
        });
        Ok(Self {
            child,
            begun,
            listener,
        })
    }

    /// Whether anything was acknowledged.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// How the worker ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        Ok(self.child.try_wait()?)
    }

    /// Kills it: no signal handler, no destructor, no flush. What it has said.
    pub(super) fn kill(mut self) -> Result<Acknowledged, Failure> {
        self.child.kill()?;
        self.child.wait()?;
        match self.listener.take().map(JoinHandle::join) {
            Some(Ok(heard)) => Ok(heard?),
            _ => Err(Failure::new("what the process said was not heard")),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
