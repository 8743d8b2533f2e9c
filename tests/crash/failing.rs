//! Every call of the file system fails once: a typed error or none, nothing lost, and nobody hangs.

use std::io::ErrorKind;

use stepwell::db::{Compression, Durability};
use stepwell::testing::{Failing, Random, SimFs, Survival};

use crate::contents::Contents;
use crate::operation::Maker;
use crate::recovery::{Before, Expected, check};
use crate::run::{Run, Setup};

const SETUP: Setup = Setup {
    durability: Durability::Sync,
    segment_bytes: 4096,
    index_bytes: 16 << 10,
    hot_bytes: 4096,
    compression: Compression::Long,
};

/// How many operations each run has.
const OPERATIONS: u64 = 80;

/// What became of a run in which a call failed.
#[derive(Debug, Default)]
struct Outcomes {
    /// The operation failed.
    failed: u64,
    /// It did not need the call.
    unharmed: u64,
}

/// Runs the same operations with some calls failing. Whether the run came to its end; how many calls it took.
fn run(failing: Option<Failing>) -> (bool, u64) {
    let mut run = Run::new(SimFs::new(1), SETUP);
    run.fs.fail(failing);
    let mut maker = Maker::new(7);
    let mut random = Random::new(failing.map_or(0, |failing| failing.from));
    let mut before = Before::now(&run);
    let mut outcome = run.open();
    for _ in 0..OPERATIONS {
        if outcome.is_err() {
            break;
        }
        before = Before::now(&run);
        let operation = maker.operation(run.contents());
        // One that fails is not there, though later ones may be: it has to be known at once.
        outcome = run.run(&operation, true);
    }
    let calls = run.fs.calls();
    if failing.is_some() {
        settle(&mut run, &before, outcome.is_err(), &mut random);
    }
    (outcome.is_ok(), calls)
}

/// Looks at what there is after a failure: now, and after the process or the power has gone.
fn settle(run: &mut Run, before: &Before, failed: bool, random: &mut Random) {
    run.fs.fail(None);
    if let Some(db) = run.open_db().filter(|_| failed)
        && let Ok(found) = Contents::of(db)
    {
        let shown = run.states.iter().any(|state| state.contents == found);
        let difference = || found.difference(run.contents());
        assert!(shown, "what is shown was never so: {}", difference());
    }
    let moment = run.fs.moment();
    check(
        run,
        &moment.killed(),
        &Expected::killed(before, run),
        random,
    );
    let survival = Survival::Random(random.number());
    check(
        run,
        &moment.power_cut(&survival),
        &Expected::of(before, run),
        random,
    );
}

fn fail_each(stride: usize) -> Outcomes {
    let (ends, calls) = run(None);
    assert!(ends);
    let mut outcomes = Outcomes::default();
    for from in (1..=calls).step_by(stride) {
        for kind in [
            ErrorKind::Other,
            ErrorKind::StorageFull,
            ErrorKind::Interrupted,
        ] {
            for times in [1, u64::MAX] {
                if (kind, times) == (ErrorKind::Interrupted, u64::MAX) {
                    // It is to be tried again for ever.
                    continue;
                }
                let failing = Failing { from, times, kind };
                let outcome = std::panic::catch_unwind(|| run(Some(failing)));
                let (ended, _) = outcome.unwrap_or_else(|_| panic!("with {failing:?}"));
                match ended {
                    true => outcomes.unharmed += 1,
                    false => outcomes.failed += 1,
                }
            }
        }
    }
    outcomes
}

#[test]
fn some_calls_fail_and_nothing_is_lost() {
    let outcomes = fail_each(97);
    assert!(outcomes.failed > 0 && outcomes.unharmed > 0, "{outcomes:?}");
}

#[test]
#[ignore = "takes minutes"]
fn exhaustive_failures() {
    println!("{:?}", fail_each(1));
}
