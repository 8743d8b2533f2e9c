//! How far the tasks of each pass are, read from the journal: a bar on a terminal, a few lines elsewhere.

use std::collections::BTreeMap;
use std::io;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::journal::{Event, Line};
use crate::screen::Screen;

/// How many lines are printed per pass where there is no terminal.
const LINES: usize = 4;

/// How far the tasks of a pass are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) of: usize,
    pub(super) finished: usize,
    /// Being run by the process that is looked at.
    pub(super) running: usize,
}

impl Done {
    /// How far each pass is, by its number. What `pid` has not started or finished itself is not running.
    pub(super) fn by_pass(journal: &[Line], pid: u32) -> BTreeMap<u64, Self> {
        let mut tasks: BTreeMap<(u64, &str), (usize, bool, bool)> = BTreeMap::new();
        for line in journal {
            let Some(work) = &line.work else {
                continue;
            };
            let (of, finished, running) = tasks.entry((work.pass, &line.task)).or_default();
            *of = work.of;
            *finished |= line.event == Event::Finish;
            *running = line.event == Event::Start && line.pid == pid;
        }
        let mut passes: BTreeMap<u64, Self> = BTreeMap::new();
        for ((pass, _), (of, finished, running)) in tasks {
            let done = passes.entry(pass).or_default();
            done.of = of;
            done.finished += usize::from(finished);
            done.running += usize::from(running && !finished);
        }
        passes
    }
}

/// Shows how far the passes are, each below the one before.
pub(super) struct Progress<'a> {
    screen: &'a Screen,
    pass: u64,
    bar: ProgressBar,
    printed: usize,
}

impl<'a> Progress<'a> {
    pub(super) fn new(screen: &'a Screen) -> Self {
        Self {
            screen,
            pass: 0,
            bar: ProgressBar::hidden(),
            printed: 0,
        }
    }

    /// Shows `passes` as they are now.
    pub(super) fn show(&mut self, passes: &BTreeMap<u64, Done>) -> io::Result<()> {
        for (pass, done) in passes {
            if *pass > self.pass {
                self.begin(*pass, done);
            }
            if *pass == self.pass {
                self.update(done)?;
            }
        }
        Ok(())
    }

    /// Leaves the last state on the screen.
    pub(super) fn end(self) {
        self.bar.abandon();
    }

    fn begin(&mut self, pass: u64, done: &Done) {
        self.bar.abandon();
        self.pass = pass;
        // What an earlier process has finished is no news.
        self.printed = LINES * done.finished / done.of.max(1);
        if self.screen.is_terminal() {
            let target = ProgressDrawTarget::stdout();
            self.bar = ProgressBar::with_draw_target(Some(done.of as u64), target);
            let look = format!(
                "  {}  [{{bar:30}}] {{pos:>3}} of {{len}}  {{msg}}",
                name(pass)
            );
            if let Ok(style) = ProgressStyle::with_template(&look) {
                self.bar.set_style(style.progress_chars("=> "));
            }
        }
    }

    fn update(&mut self, done: &Done) -> io::Result<()> {
        let Done {
            of,
            finished,
            running,
        } = *done;
        let now = match running {
            0 => String::new(),
            n => format!("{n} being read"),
        };
        if self.screen.is_terminal() {
            self.bar.set_position(finished as u64);
            self.bar.set_message(now);
        } else if LINES * finished / of.max(1) > self.printed {
            self.printed = LINES * finished / of.max(1);
            let line = format!("{}  {finished:>3} of {of} files  {now}", name(self.pass));
            self.screen.indented(line)?;
        }
        Ok(())
    }
}

fn name(pass: u64) -> &'static str {
    if pass == 1 {
        "quick look"
    } else {
        "deep look "
    }
}
