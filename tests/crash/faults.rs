//! A medium that fails now and then, and one that lies.

use std::ops::ControlFlow;
use std::path::Path;

use stepwell::checkpoint::CheckpointTuple;
use stepwell::db::{Db, VerifyOptions};
use stepwell::testing::{Faults, Random, SimFs, Survival};
use stepwell::vfs::Vfs;

use crate::contents::Contents;
use crate::operation::{Maker, Operation};
use crate::random::{LONG, Size};
use crate::recovery::{Before, Expected, check};
use crate::run::{PATH, Run, Setup};

/// What a medium may do that says so.
fn honest(random: &mut Random) -> Faults {
    let often = *random.pick(&[20, 100, 400]).unwrap();
    let mut some = || if random.one_in(2) { often } else { 0 };
    Faults {
        reads: some(),
        writes: some(),
        syncs: some(),
        names: some(),
        short: some(),
        interrupted: some(),
        full: some(),
        ..Faults::default()
    }
}

/// What one may do that does not.
fn lying(random: &mut Random) -> Faults {
    let often = *random.pick(&[20, 100, 400]).unwrap();
    let mut some = || if random.one_in(2) { often } else { 0 };
    Faults {
        lost: some(),
        misdirected: some(),
        stale: some(),
        rotten: some(),
        ..Faults::default()
    }
}

/// Operations while calls fail; nothing is lost then, whether the process or the power goes.
pub(crate) fn fail(seed: u64, size: Size) {
    let mut random = Random::new(seed);
    let setup = Setup::random(&mut random);
    let mut run = Run::new(SimFs::new(random.number()), setup);
    let mut maker = Maker::new(random.number());
    for _ in 0..size.lives {
        let mut before = Before::now(&run);
        run.fs.set_faults(honest(&mut random));
        run.fs.keep_moments();
        let mut outcome = run.open();
        let mut moments = run.fs.take_moments();
        for _ in 0..random.below(size.operations) {
            if outcome.is_err() {
                break;
            }
            before = Before::now(&run);
            let operation = maker.operation(run.contents());
            // One that fails is not there, though later ones may be: it has to be known at once.
            outcome = run.run(&operation, true);
            if matches!(operation, Operation::Rest(_)) {
                // A sync that failed then is told of by the next commit.
                run.durable = before.durable();
            }
            moments = run.fs.take_moments();
        }
        run.fs.set_faults(Faults::default());
        if let Some(db) = run.open_db()
            && let Ok(found) = Contents::of(db)
        {
            let shown = run.states.iter().any(|state| state.contents == found);
            let difference = || found.difference(run.contents());
            assert!(shown, "what is shown was never so: {}", difference());
        }
        moments.push(run.fs.moment());
        let moment = random.pick(&moments).unwrap();
        let (image, expected) = if random.one_in(2) {
            (moment.killed(), Expected::killed(&before, &run))
        } else {
            let survival = Survival::Random(random.number());
            (moment.power_cut(&survival), Expected::of(&before, &run))
        };
        let state = check(&run, &image, &expected, &mut random);
        if !run.is_certain(state, &expected) {
            return;
        }
        run.go_on(image, state);
    }
}

/// Operations while the medium lies; whatever is answered then or later is what was put there once.
pub(crate) fn lie(seed: u64, size: Size) {
    let mut random = Random::new(seed);
    let setup = Setup::random(&mut random);
    let mut run = Run::new(SimFs::new(random.number()), setup);
    let mut maker = Maker::new(random.number());
    run.open().unwrap();
    run.lies = true;
    run.fs.set_faults(lying(&mut random));
    let mut failed = false;
    for _ in 0..random.below(size.operations) {
        let operation = maker.operation(run.contents());
        failed = run.run(&operation, random.one_in(2)).is_err();
        if failed {
            break;
        }
    }
    let failed = failed || run.wait().is_err();
    run.fs.set_faults(Faults::default());
    let moment = run.fs.moment();
    for image in [
        moment.killed(),
        moment.power_cut(&Survival::Everything),
        moment.power_cut(&Survival::Random(random.number())),
    ] {
        let Some((db, found)) = answered(&setup, &image) else {
            continue;
        };
        if let Err(unknown) = is_known(&run, &found, failed) {
            // Whoever reads does not notice that the medium has lost a write of the index file. Who verifies does, and the log has
            // it all.
            let verified = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
            assert!(!verified.is_ok_and(|report| report.is_clean()), "{unknown}");
            drop(db);
            let index = Path::new(PATH).join("index.redb");
            image.remove(&index).unwrap();
            if let Some((_, found)) = answered(&setup, &image) {
                is_known(&run, &found, failed).unwrap();
            }
        }
    }
}

/// A database and what it answers, if it does.
fn answered(setup: &Setup, image: &SimFs) -> Option<(Db, Contents)> {
    let db = setup.open(image, PATH).ok()?;
    let found = Contents::of(&db).ok()?;
    Some((db, found))
}

/// Whether all that was found was put once.
fn is_known(run: &Run, found: &Contents, failed: bool) -> Result<(), String> {
    for checkpoint in &found.checkpoints {
        let mut known = (run.states.iter().rev()).flat_map(|state| &state.contents.checkpoints);
        if !known.any(|known| known == checkpoint || failed && inherits_less(checkpoint, known)) {
            return Err(format!("this was never there: {checkpoint:?}"));
        }
    }
    for item in &found.items {
        let mut states = run.states.iter();
        if !states.any(|state| state.contents.items.contains(item)) {
            return Err(format!("this was never there: {item:?}"));
        }
    }
    Ok(())
}

/// Whether a checkpoint is what was put, but for values that it has not: it may have been put on one whose own put had failed, for which nobody
/// had waited yet.
fn inherits_less(found: &CheckpointTuple, known: &CheckpointTuple) -> bool {
    let mut known = known.clone();
    let found_values = &found.checkpoint.channel_values;
    (known.checkpoint.channel_values).retain(|channel, _| found_values.contains_key(channel));
    known == *found
}

#[test]
fn nothing_is_lost_when_calls_fail() {
    for seed in 0..40 {
        let outcome = std::panic::catch_unwind(|| fail(seed, LONG));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

#[test]
fn nothing_wrong_is_answered_when_the_medium_lies() {
    for seed in 0..40 {
        let outcome = std::panic::catch_unwind(|| lie(seed, LONG));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
