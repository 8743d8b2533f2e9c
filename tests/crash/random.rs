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

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) operations: u64,
    pub(crate) crashes: u64,
    pub(crate) calls: u64,
}

/// One run: operations, with a crash now and then. Now and then what a crash would leave is looked at without one.
pub(crate) fn run(seed: u64) -> Done {
    random_run(seed, false, &mut |_| ())
}

/// As [`run`], with a trace of each file system that was used.
pub(crate) fn traced(seed: u64, trace: &mut dyn FnMut(&SimFs)) -> Done {
    random_run(seed, true, trace)
}

fn random_run(seed: u64, traces: bool, after: &mut dyn FnMut(&SimFs)) -> Done {
    let mut random = Random::new(seed);
    let setup = Setup::random(&mut random);
    let mut run = Run::new(SimFs::new(random.number()), setup);
    let mut maker = Maker::new(random.number());
    let mut done = Done::default();
    for _ in 0..=random.below(3) {
        run.fs.keep_moments();
        if traces {
            run.fs.keep_trace();
        }
        let mut before = Before::now(&run);
        run.open().unwrap();
        for _ in 0..random.below(60) {
            before = Before::now(&run);
            let operation = maker.operation(run.contents());
            run.run(&operation, random.one_in(2)).unwrap();
            done.operations += 1;
            let moments = run.fs.take_moments();
            if !random.one_in(4) {
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
            if random.one_in(20) {
                check_interrupted(&run, &moment, &survival, &expected, 0, &mut random);
            }
            (moment.power_cut(&survival), expected)
        };
        let state = check(&run, &image, &expected, &mut random);
        run.go_on(image, state);
        done.crashes += 1;
    }
    done
}

/// One seed of everything.
fn everything(seed: u64) -> Done {
    let done = run(seed);
    logs::run(seed);
    faults::fail(seed);
    faults::lie(seed);
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
#[ignore = "runs until it is told to stop: STEPWELL_SECONDS, for ever without; begins with seed STEPWELL_SEED"]
fn soak() {
    let first = number("STEPWELL_SEED").unwrap_or(1 << 32);
    let seconds = number("STEPWELL_SECONDS").unwrap_or(u64::MAX);
    let began = Instant::now();
    let until = began.checked_add(Duration::from_secs(seconds));
    let mut next = first;
    let mut total = Done::default();
    while until.is_none_or(|until| Instant::now() < until) {
        let (count, done) = seeds(next..next + 100, until, everything);
        next += count;
        total.operations += done.operations;
        total.crashes += done.crashes;
        total.calls += done.calls;
        println!(
            "{} seeds from {first} on in {} s: {} operations, {} crashes, {} calls of the file system",
            next - first,
            began.elapsed().as_secs(),
            total.operations,
            total.crashes,
            total.calls,
        );
    }
}
