//! What came of it.

use serde_json::json;

use super::acknowledged::Acknowledged;
use super::check::Found;
use super::flushes::Flushes;
use crate::failure::{Answer, Failure};
use crate::format::{count, plain};
use crate::screen::Screen;

/// So many problems are printed.
const PRINTED: usize = 10;

/// What came of it.
#[derive(Default)]
pub(super) struct Report {
    pub(super) cycles: u64,
    pub(super) seconds: f64,
    pub(super) power_cut: bool,
    /// Whether everything was found whole in the end.
    pub(super) verified: Option<bool>,
    pub(super) flushes: Option<Flushes>,
    acknowledged: u64,
    found: u64,
    torn: u64,
    problems: Vec<String>,
}

impl Report {
    /// A process has died.
    pub(super) fn add(&mut self, acknowledged: &Acknowledged, found: Found) {
        self.cycles += 1;
        self.acknowledged += acknowledged.commits;
        self.found += found.commits;
        self.torn += u64::from(found.torn);
        self.problems.extend(found.problems);
    }

    fn is_good(&self) -> bool {
        self.problems.is_empty() && self.verified != Some(false)
    }

    pub(super) fn print(&self, screen: &Screen, as_json: bool) -> Result<Answer, Failure> {
        match as_json {
            true => self.print_json(screen)?,
            false => self.print_text(screen)?,
        }
        Ok(match self.is_good() {
            true => Answer::Yes,
            false => Answer::No,
        })
    }

    fn print_json(&self, screen: &Screen) -> std::io::Result<()> {
        let flushes = self.flushes.as_ref();
        screen.json(&json!({
            "kept": self.is_good(),
            "cycles": self.cycles,
            "seconds": self.seconds,
            "power_cut": self.power_cut,
            "acknowledged": self.acknowledged,
            "found": self.found,
            "torn_tails": self.torn,
            "verified": self.verified,
            "problems": self.problems,
            "sync_fast_us": flushes.map(|of| of.fast.as_secs_f64() * 1e6),
            "sync_median_us": flushes.map(|of| of.median.as_secs_f64() * 1e6),
            "sync_slowest_us": flushes.map(|of| of.slowest.as_secs_f64() * 1e6),
            "sync_suspicious": flushes.map(Flushes::is_suspicious),
        }))
    }

    fn print_text(&self, screen: &Screen) -> std::io::Result<()> {
        let n = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let what = match self.power_cut {
            true => "The power was cut".to_owned(),
            false => format!(
                "Killed {} in {:.0} s",
                count(n(self.cycles), "time"),
                self.seconds
            ),
        };
        screen.line(format_args!(
            "{what}: {} acknowledged, {} found, {} torn off",
            count(n(self.acknowledged), "commit"),
            self.found,
            count(n(self.torn), "tail"),
        ))?;
        for problem in self.problems.iter().take(PRINTED) {
            screen.line(format_args!("{}: {}", screen.bad("wrong"), plain(problem)))?;
        }
        if let Some(more) = self
            .problems
            .len()
            .checked_sub(PRINTED)
            .filter(|more| *more > 0)
        {
            screen.line(format_args!("and {more} more"))?;
        }
        screen.line(match self.is_good() {
            true => screen
                .good("All that was acknowledged is there, whole; the rest is whole or absent."),
            false => screen.bad("Something is missing or not whole."),
        })?;
        if let Some(flushes) = &self.flushes {
            self.print_flushes(screen, flushes)?;
        }
        Ok(())
    }

    fn print_flushes(&self, screen: &Screen, flushes: &Flushes) -> std::io::Result<()> {
        let us = |time: std::time::Duration| time.as_secs_f64() * 1e6;
        screen.line(format_args!(
            "A sync of 4 KiB takes {:.0} us here (the fastest tenth {:.0} us, the slowest {:.0} us){}",
            us(flushes.median),
            us(flushes.fast),
            us(flushes.slowest),
            match flushes.is_suspicious() {
                true => ": too fast for a disk, unless its cache survives a power cut. It is memory, or does not flush.",
                false => ", as long as a device may take that does flush.",
            }
        ))?;
        if self.power_cut {
            return Ok(());
        }
        screen.line("A killed process leaves its writes to the system. Whether the device keeps what it says is proved only")?;
        screen.line("by cutting the power: see --before-power-cut.")
    }
}
