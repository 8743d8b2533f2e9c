//! The journal: one line for every start and finish of a task, in a plain file outside the database.
//!
//! It is what the demo believes instead of the database's word: nothing that the database loses or
//! repeats can hide from it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Start,
    Finish,
}

/// One line of the journal. The file's name at its end is for human readers.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Milliseconds since 1970.
    pub(super) at: u64,
    pub(super) pid: u32,
    pub(super) event: Event,
    /// The pass over the files that the task belongs to, from 1, and how many tasks that has.
    pub(super) pass: u64,
    pub(super) of: usize,
    pub(super) task: String,
}

/// The journal, open for appending.
pub(super) struct Journal(File);

impl Journal {
    /// Opens the journal at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(file))
    }

    /// Appends a line. It is in the file, kill or no kill, when this returns.
    pub(super) fn note(
        &self,
        event: Event,
        pass: u64,
        of: usize,
        task: &str,
        file: &str,
    ) -> io::Result<()> {
        let event = match event {
            Event::Start => "start",
            Event::Finish => "finish",
        };
        let pid = std::process::id();
        let at = now();
        let file = file.replace(['\n', '\t'], "?");
        let line = format!("{at}\t{pid}\t{event}\t{pass}\t{of}\t{task}\t{file}\n");
        // One write, so that the lines of concurrent tasks do not mix.
        (&self.0).write_all(line.as_bytes())
    }
}

/// All whole lines of the journal at `path`; none if there is no journal yet.
pub(super) fn read(path: &Path) -> io::Result<Vec<Line>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter_map(parse).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
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
            _ => return None,
        },
        pass: next()?.parse().ok()?,
        of: next()?.parse().ok()?,
        task: next()?.to_owned(),
    })
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
