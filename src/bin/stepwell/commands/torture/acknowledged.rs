//! [`Acknowledged`]: what a process was told, one line for each acknowledgement: the thread, and the number of the commit.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

/// How many commits of each thread were acknowledged.
#[derive(Default)]
pub(super) struct Acknowledged {
    pub(super) threads: BTreeMap<String, u64>,
    pub(super) commits: u64,
}

impl Acknowledged {
    /// Reads lines until there are no more. One that was cut off does not count.
    pub(super) fn read(mut lines: impl BufRead) -> io::Result<Self> {
        let mut all = Self::default();
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            all.hear(&line);
            line.clear();
        }
        Ok(all)
    }

    fn hear(&mut self, line: &str) {
        let Some((thread, number)) = line.trim_end().split_once(' ') else {
            return;
        };
        if let Ok(number) = number.parse::<u64>() {
            let count = self.threads.entry(thread.to_owned()).or_default();
            *count = (*count).max(number + 1);
            self.commits += 1;
        }
    }
}

/// Says that a commit was acknowledged, with one write, so that lines do not mix.
pub(super) fn say(thread: &str, number: u64) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{thread} {number}\n").as_bytes())?;
    out.flush()
}
