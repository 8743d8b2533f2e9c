//! First act: the workflow is started, killed with SIGKILL in the middle of a super-step, looked at, and started
//! again.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::desk::Pace;
use super::journal::{self, Event, Line};
use super::opened::Opened;
use super::places::Places;
use super::progress::{Done, Progress};
use super::worker::Worker;
use crate::failure::{Doing, Failure};
use crate::format::count;
use crate::screen::Screen;

/// How often the journal is read.
const LOOK: Duration = Duration::from_millis(15);
/// A worker that takes longer than this is stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the kill interrupted.
pub(super) struct Crash {
    /// The process that was killed.
    pub(super) pid: u32,
    /// How far the super-step was, by the journal.
    pub(super) done: Done,
}

/// What the database holds after the kill.
pub(super) struct Halt {
    /// The tasks whose results the database has.
    pub(super) held: BTreeSet<String>,
}

/// Starts the workflow in a process of its own and kills that in the middle of the fan-out.
pub(super) fn run_and_kill(screen: &Screen, places: &Places) -> Result<Crash, Failure> {
    let pace = Pace::of(places.files()?.len());
    let mut worker = Worker::start(places, false)?;
    let pid = worker.pid();
    screen.section("1  Run it, and kill it")?;
    screen.indented(format_args!(
        "Process {pid} runs the graph, {} at a time.",
        count(pace.seats, "file")
    ))?;
    let mut progress = Progress::new(screen);
    let began = Instant::now();
    loop {
        let lines = read(places)?;
        let passes = Done::by_pass(&lines, pid);
        progress.show(&passes)?;
        if let Some(status) = worker.ended()? {
            return Err(Failure::new(format!(
                "the workflow ended ({status}) before it could be killed; run the demo again, \
                 or on more files with --input"
            )));
        }
        if is_time(&lines, passes.get(&1), pace) {
            break;
        }
        not_stuck(began)?;
        sleep(LOOK);
    }
    worker.kill()?;
    progress.end();
    let done = Done::by_pass(&read(places)?, pid);
    let done = done.get(&1).copied().unwrap_or_default();
    screen.indented(format_args!(
        "{} after {}, with {} still running.",
        screen.bad("SIGKILL"),
        finished(done.finished, done.of),
        count(done.running, "task"),
    ))?;
    Ok(Crash { pid, done })
}

/// Whether to kill now: some tasks have finished, others run.
fn is_time(lines: &[Line], done: Option<&Done>, pace: Pace) -> bool {
    let Some(done) = done else {
        return false;
    };
    let enough = (done.of * 2 / 5).max(1).min(done.of.saturating_sub(1));
    if done.finished < enough || done.running == 0 {
        return false;
    }
    // A task that finished this very moment is not saved yet and would run again: rightly so, but it would
    // blur the picture. So wait for a quiet moment, though not for ever.
    let since = |line: &Line| journal::now().saturating_sub(line.at);
    let quiet = lines.last().map_or(0, since);
    let finishes = lines.iter().filter(|line| line.event == Event::Finish);
    let waited = finishes.skip(enough.saturating_sub(1)).map(since).next();
    let pause = u64::try_from(pace.pause.as_millis()).unwrap_or(u64::MAX);
    quiet > pause / 3 || waited.is_some_and(|waited| waited > pause * 3)
}

/// Opens the database that the kill left behind and says where the thread stands.
pub(super) fn look(screen: &Screen, places: &Places, crash: &Crash) -> Result<Halt, Failure> {
    let opened = Opened::new(places)?;
    let recovery = opened.db.recovery().clone();
    let state = opened.wait(opened.graph.get_state(&opened.config))?;
    let finished_tasks = state.tasks.iter().filter(|task| task.result.is_some());
    let held: BTreeSet<String> = finished_tasks.map(|task| task.id.clone()).collect();
    let step = state.metadata.as_ref().and_then(|m| m.step).unwrap_or(-1) + 1;
    opened.close()?;

    screen.section("2  What the database remembers")?;
    let tail = match recovery.torn_tail {
        None => "nothing was torn".to_owned(),
        Some(torn) => format!(
            "{} that were being written and never acknowledged were cut off",
            count(usize::try_from(torn.bytes).unwrap_or(usize::MAX), "byte")
        ),
    };
    screen.indented(format_args!(
        "It was not closed. Opening it recovered {}; {tail}.\n\
         The thread stands in super-step {step}, with the results of {} saved.",
        count(
            usize::try_from(recovery.frames).unwrap_or(usize::MAX),
            "commit"
        ),
        finished(held.len(), crash.done.of),
    ))?;
    Ok(Halt { held })
}

/// Starts the workflow again, in a new process, and waits until it asks.
pub(super) fn carry_on(screen: &Screen, places: &Places) -> Result<(), Failure> {
    let mut worker = Worker::start(places, true)?;
    let pid = worker.pid();
    screen.section("3  Start it again")?;
    screen.indented(format_args!("Process {pid} continues the same thread."))?;
    let mut progress = Progress::new(screen);
    let began = Instant::now();
    loop {
        // Looked at before the journal is read, so that its last lines are shown.
        let ended = worker.ended()?;
        let lines = read(places)?;
        if lines.iter().any(|line| line.pid == pid) {
            progress.show(&Done::by_pass(&lines, pid))?;
        }
        match ended {
            None => {}
            Some(status) if status.success() => break,
            Some(status) => {
                return Err(Failure::new(format!(
                    "the workflow failed ({status}) when it was started again; what it printed \
                     says why"
                )));
            }
        }
        not_stuck(began)?;
        sleep(LOOK);
    }
    progress.end();
    Ok(())
}

fn read(places: &Places) -> Result<Vec<Line>, Failure> {
    let path = places.journal();
    journal::read(&path).doing("read", &path)
}

fn not_stuck(began: Instant) -> Result<(), Failure> {
    if began.elapsed() < PATIENCE {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the workflow got nowhere within {} seconds; is the disk stuck?",
        PATIENCE.as_secs()
    )))
}

fn finished(n: usize, of: usize) -> String {
    format!("{n} of {}", count(of, "task"))
}
