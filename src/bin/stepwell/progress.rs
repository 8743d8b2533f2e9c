//! [`Progress`]: a bar on standard error for work that takes long, if somebody watches.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for work in several stages. It shows nothing if standard error is not a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    stage: &'static str,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg:<18} {bar:40} {percent:>3} %  {eta}")
        {
            bar.set_style(style);
        }
        Self { bar, stage: "" }
    }

    /// So much `of` a stage is done.
    pub(crate) fn tell(&mut self, stage: &'static str, done: u64, of: u64) {
        if self.stage != stage {
            self.stage = stage;
            self.bar.reset();
            self.bar.set_message(stage);
        }
        self.bar.set_length(of.max(done));
        self.bar.set_position(done);
    }

    /// All is done; the bar goes.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
