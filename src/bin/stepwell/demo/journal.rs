//! The journal: a line whenever a task starts, finishes, or has its result acknowledged, in a plain file
//! outside the database.
//!
//! It is what the demo believes instead of the database's word: nothing that the database loses or
//! repeats can hide from it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Start,
    Finish,
    /// The database has acknowledged the result.
    Saved,
}

/// One line of the journal.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Milliseconds since 1970.
    pub(super) at: u64,
    pub(super) pid: u32,
    pub(super) event: Event,
    pub(super) task: String,
    /// What the task is. The line that says that it was saved does not know.
    pub(super) work: Option<Work>,
}

/// What a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    /// The pass over the files that it belongs to, from 1.
    pub(super) pass: u64,
    /// How many tasks the pass has.
    pub(super) of: usize,
    pub(super) file: String,
}

/// The journal, open for appending.
pub(super) struct Journal(File);

impl Journal {
    /// Opens the journal at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(file))
    }

    /// Notes that this process starts or has finished a task.
    pub(super) fn note(&self, event: Event, task: &str, work: &Work) -> io::Result<()> {
        let Work { pass, of, file } = work;
        let file = file.replace(['\n', '\t'], "?");
        self.append(event, &format!("{task}\t{pass}\t{of}\t{file}"))
    }

    /// Notes that a task's result was acknowledged.
    pub(super) fn note_saved(&self, task: &str) -> io::Result<()> {
        self.append(Event::Saved, task)
    }

    /// Appends a line. It is in the file, kill or no kill, when this returns.
    fn append(&self, event: Event, what: &str) -> io::Result<()> {
        let event = match event {
            Event::Start => "start",
            Event::Finish => "finish",
            Event::Saved => "saved",
        };
        let line = format!("{}\t{}\t{event}\t{what}\n", now(), process::id());
        // One write, so that the lines of concurrent tasks do not mix.
        (&self.0).write_all(line.as_bytes())
    }
}

/// All whole lines of the journal at `path`.
pub(super) fn read(path: &Path) -> io::Result<Vec<Line>> {
    let text = fs::read_to_string(path)?;
    let whole = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    Ok(whole.filter_map(parse).collect())
}

fn parse(line: &str) -> Option<Line> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    Some(Line {
        at: next()?.parse().ok()?,
        pid: next()?.parse().ok()?,
        event: match next()? {
            "start" => Event::Start,
            "finish" => Event::Finish,
            "saved" => Event::Saved,
            _ => return None,
        },
        task: next()?.to_owned(),
        work: match next() {
            None => None,
            Some(pass) => Some(Work {
                pass: pass.parse().ok()?,
                of: next()?.parse().ok()?,
                file: next()?.to_owned(),
            }),
        },
    })
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
