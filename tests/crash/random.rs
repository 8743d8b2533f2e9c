//! Random operations with crashes, by the seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use stepwell::testing::{Random, SimFs, Survival};

use crate::operation::Maker;
use crate::recovery::{Before, Expected, check, check_interrupted};
use crate::run::{Run, Setup};
use crate::{faults, logs};

/// How many seeds a usual test run takes.
const SEEDS: u64 = 40;

/// How much a run does, at most.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// How often the database is opened after a crash and goes on.
    pub(crate) lives: u64,
    /// How many operations there are in each life.
    pub(crate) operations: u64,
    /// One time in so many operations it is looked at what a crash would leave.
    looks: u32,
    /// One time in so many crashes the recovery is cut off at each of its calls.
    interrupted: u32,
}

/// Runs that are long enough to come everywhere.
pub(crate) const LONG: Size = Size {
    lives: 3,
    operations: 60,
    looks: 4,
    interrupted: 20,
};

/// Runs of which there can be a great many.
const SHORT: Size = Size {
    lives: 2,
    operations: 16,
    looks: 8,
    interrupted: 100,
};

/// In the soak, one run in so many is a long one.
const LONG_ONE_IN: u64 = 25;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) operations: u64,
    pub(crate) crashes: u64,
    pub(crate) calls: u64,
}

/// One run: operations, with a crash now and then. Now and then what a crash would leave is looked at without one.
pub(crate) fn run(seed: u64) -> Done {
    random_run(seed, LONG, false, &mut |_| ())
}

/// As [`run`], with a trace of each file system that was used.
pub(crate) fn traced(seed: u64, trace: &mut dyn FnMut(&SimFs)) -> Done {
    random_run(seed, LONG, true, trace)
}

fn random_run(seed: u64, size: Size, traces: bool, after: &mut dyn FnMut(&SimFs)) -> Done {
    let mut random = Random::new(seed);
    let setup = Setup::random(&mut random);
    let mut run = Run::new(SimFs::new(random.number()), setup);
    let mut maker = Maker::new(random.number());
    let mut done = Done::default();
    for _ in 0..=random.below(size.lives) {
        run.fs.keep_moments();
        if traces {
            run.fs.keep_trace();
        }
        let mut before = Before::now(&run);
        run.open().unwrap();
        for _ in 0..random.below(size.operations) {
            before = Before::now(&run);
            let operation = maker.operation(run.contents());
            run.run(&operation, random.one_in(2)).unwrap();
            done.operations += 1;
            let moments = run.fs.take_moments();
            if !random.one_in(size.looks) {
                continue;
            }
            if let Some(moment) = random.pick(&moments) {
                let image = moment.power_cut(&Survival::Random(random.number()));
                check(&run, &image, &Expected::of(&before, &run), &mut random);
                done.crashes += 1;
            }
        }
        done.calls += run.fs.calls();
        after(&run.fs);
        let moments = run.fs.take_moments();
        let moment = random
            .pick(&moments)
            .cloned()
            .unwrap_or_else(|| run.fs.moment());
        let (image, expected) = if random.one_in(4) {
            (moment.killed(), Expected::killed(&before, &run))
        } else {
            let survival = Survival::Random(random.number());
            let expected = Expected::of(&before, &run);
            if random.one_in(size.interrupted) {
                check_interrupted(&run, &moment, &survival, &expected, 0, &mut random);
            }
            (moment.power_cut(&survival), expected)
        };
        let state = check(&run, &image, &expected, &mut random);
        done.crashes += 1;
        if !run.is_certain(state, &expected) {
            return done;
        }
        run.go_on(image, state);
    }
    done
}

/// One seed of everything, most of them short.
pub(crate) fn everything(seed: u64) -> Done {
    let size = match seed.is_multiple_of(LONG_ONE_IN) {
        true => LONG,
        false => SHORT,
    };
    let done = random_run(seed, size, false, &mut |_| ());
    logs::run(seed);
    faults::fail(seed, size);
    faults::lie(seed, size);
    done
}

fn seeds(
    seeds: impl Iterator<Item = u64>,
    until: Option<Instant>,
    run: fn(u64) -> Done,
) -> (u64, Done) {
    let mut all = (0, Done::default());
    for seed in seeds {
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        match catch_unwind(AssertUnwindSafe(|| run(seed))) {
            Ok(done) => {
                all.0 += 1;
                all.1.operations += done.operations;
                all.1.crashes += done.crashes;
                all.1.calls += done.calls;
            }
            Err(_) => panic!("seed {seed} fails; again with STEPWELL_SEED={seed}"),
        }
    }
    all
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_is_lost_or_half_done_whenever_the_power_goes() {
    match number("STEPWELL_SEED") {
        Some(seed) => drop(seeds(seed..=seed, None, everything)),
        None => drop(seeds(0..SEEDS, None, run)),
    }
}

#[test]
fn a_deletion_that_nobody_can_see_may_be_lost() {
    // Of a thread that was not there; what comes after it may be refused or not.
    for seed in [10_002_787, 10_003_638] {
        everything(seed);
    }
}

#[test]
fn a_sync_in_the_background_that_fails_makes_nothing_durable() {
    everything(30_005_111);
}

#[test]
fn a_superblock_that_is_read_as_it_was_costs_no_more_than_a_recovery() {
    // Of one slot the medium gave what was there before, of the other one damaged bytes: the log had been closed, and that is not known.
    everything(4_074_572);
}

#[test]
fn an_index_file_whose_writes_were_lost_does_not_end_the_process() {
    // redb panicked while it panicked, when a database that could not be opened let go of the file.
    everything(725_306);
}

#[test]
fn what_is_put_on_a_checkpoint_whose_put_has_failed_has_what_was_put() {
    // And not what it would have inherited. The value that the first one was compared with could not be read.
    everything(803_344);
}

#[test]
fn a_slot_that_has_what_the_medium_has_of_another_superblock_does_not_count() {
    everything(867_771);
}

#[test]
fn a_write_of_the_index_file_that_the_medium_has_lost_is_found_by_verifying() {
    everything(2_021_325);
}

#[test]
fn what_is_appended_to_a_checkpoint_that_was_put_again_follows_the_new_one() {
    everything(20_005_875);
}

#[test]
#[ignore = "runs until it is told to stop: STEPWELL_SECONDS, for ever without; begins with seed STEPWELL_SEED"]
fn soak() {
    let first = number("STEPWELL_SEED").unwrap_or(1 << 32);
    let seconds = number("STEPWELL_SECONDS").unwrap_or(u64::MAX);
    let began = Instant::now();
    let until = began.checked_add(Duration::from_secs(seconds));
    let mut next = first;
    let mut total = Done::default();
    while until.is_none_or(|until| Instant::now() < until) {
        let (count, done) = seeds(next..next + 500, until, everything);
        next += count;
        total.operations += done.operations;
        total.crashes += done.crashes;
        total.calls += done.calls;
        println!(
            "{} seeds from {first} on in {:.0} s ({:.1} a second): {} operations, {} crashes, {} calls of the file system",
            next - first,
            began.elapsed().as_secs_f64(),
            (next - first) as f64 / began.elapsed().as_secs_f64(),
            total.operations,
            total.crashes,
            total.calls,
        );
    }
}
