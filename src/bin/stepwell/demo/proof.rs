//! Third act: the journal is set against the claim that no task ran again whose result was saved.

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
    let evidence = Evidence::read(&lines, crash.pid, &halt.held);

    screen.section("5  The evidence")?;
    screen.indented(
        "The journal is a file outside the database. Each task writes to it when it\n\
         starts, when it finishes, and when its result is acknowledged as saved:",
    )?;
    screen.line("")?;
    let row = |what: &str, n: usize, then: &str, of: usize| {
        screen.indented(format_args!("  {what:<40}{n:>4}   {then}: {of}"))
    };
    let Evidence {
        saved,
        unsaved,
        in_flight,
        ..
    } = evidence;
    let again = evidence.saved_again;
    row(
        "finished and saved before the kill",
        saved,
        "run again",
        again,
    )?;
    if unsaved > 0 {
        let again = evidence.unsaved_again;
        row("finished, but not saved yet", unsaved, "run again", again)?;
    }
    let again = evidence.in_flight_again;
    row("in flight when killed", in_flight, "started again", again)?;
    let later = evidence.later;
    screen.indented(format_args!(
        "  {:<40}{later:>4}",
        "not started before the kill"
    ))?;
    let once = evidence.once;
    row(
        "tasks in all",
        evidence.tasks,
        "finished exactly once",
        once,
    )?;
    screen.line("")?;
    if evidence.holds() {
        screen.indented(format_args!(
            "{} No task whose result was saved ran again, and none was left out.",
            screen.good("It holds.")
        ))?;
        return Ok(());
    }
    screen.indented(screen.bad("It does not hold."))?;
    Err(Failure::new(format!(
        "tasks ran again that had been saved, or were lost; this is a bug: please report it with `{}`",
        path.display()
    )))
}
