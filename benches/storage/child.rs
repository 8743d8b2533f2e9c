//! Work in a process of its own: because its memory is measured, or because it is to be killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::figures;
use crate::workload::rows;

/// The first argument of a child.
pub(crate) const CHILD: &str = "--child";
/// What a child says that wants to be killed.
const KILL_ME: &str = "kill me";

/// Work that is done in a child.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Writes so many rows and closes the database.
    Fill,
    /// Writes so many rows and is killed.
    FillAndDie,
    /// Writes and reads so many checkpoints, and says what memory that took.
    Memory,
}

impl Work {
    const ALL: [Self; 3] = [Self::Fill, Self::FillAndDie, Self::Memory];

    fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::FillAndDie => "fill-and-die",
            Self::Memory => "memory",
        }
    }
}

/// Has a child do `work` on the database in `dir`; what it said, by line.
pub(crate) fn ask(work: Work, dir: &Path, count: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, work.name(), &count.to_string()])
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == KILL_ME {
            child.kill().unwrap();
            killed = true;
        } else {
            said.push(line);
        }
    }
    let status = child.wait().unwrap();
    assert!(
        killed || status.success(),
        "{} failed: {status}",
        work.name()
    );
    said
}

/// The child's side.
pub(crate) fn run(args: &[String]) {
    let work = Work::ALL
        .into_iter()
        .find(|work| work.name() == args[0])
        .unwrap();
    let (count, dir) = (args[1].parse().unwrap(), Path::new(&args[2]));
    match work {
        Work::Fill => rows::fill(dir, count, false).close().unwrap(),
        Work::FillAndDie => {
            let _db = rows::fill(dir, count, true);
            println!("{KILL_ME}");
            loop {
                std::thread::park();
            }
        }
        Work::Memory => figures::memory_of_child(dir, count),
    }
}
