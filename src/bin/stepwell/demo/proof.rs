//! Third act: the journal is set against the claim that no task that had finished ran twice.

use super::crash::{Crash, Halt};
use super::evidence::Evidence;
use super::journal;
use super::places::Places;
use crate::failure::{Doing, Failure};
use crate::screen::Screen;

/// Prints the evidence. Fails if the claim does not hold.
pub(super) fn show(
    screen: &Screen,
    places: &Places,
    crash: &Crash,
    halt: &Halt,
) -> Result<(), Failure> {
    let path = places.journal();
    let lines = journal::read(&path).doing("read", &path)?;
    let evidence = Evidence::read(&lines, crash.pid, &halt.saved);

    screen.section("5  The evidence")?;
    screen.indented(format_args!(
        "From the journal, which each task writes when it starts and when it\n\
         finishes, and which the database knows nothing of:\n "
    ))?;
    let row = |what: &str, n: usize, then: String| {
        let line = format!("  {what:<42}{n:>5}   {then}");
        screen.indented(line.trim_end())
    };
    let again = format!("run again: {}", evidence.saved_again);
    row("finished before the kill", evidence.saved, again)?;
    if evidence.unsaved > 0 {
        let again = "run again (allowed)".to_owned();
        row("finished too late to be saved", evidence.unsaved, again)?;
    }
    let again = format!("started again: {}", evidence.in_flight_again);
    row("in flight when killed", evidence.in_flight, again)?;
    row(
        "first started after the kill",
        evidence.later,
        String::new(),
    )?;
    let once = format!("finished exactly once: {}", evidence.once);
    row("tasks in all", evidence.tasks, once)?;
    screen.line("")?;
    if evidence.holds() {
        screen.indented(format_args!(
            "{} No task that had finished ran again, and none was left out.",
            screen.good("It holds.")
        ))?;
        return Ok(());
    }
    screen.indented(screen.bad("It does not hold."))?;
    Err(Failure::new(format!(
        "finished tasks ran again, or were left out; this is a bug: please report it with `{}`",
        path.display()
    )))
}
