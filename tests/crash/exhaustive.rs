//! A crash at every operation of a workload, with every subset of few pending writes, and random ones of many.

use std::time::Duration;

use stepwell::db::{Compression, Durability};
use stepwell::testing::{Moment, Random, SimFs, Survival};

use crate::operation::Maker;
use crate::recovery::{Before, Expected, check, check_interrupted};
use crate::run::{Run, Setup};

/// How much is tried.
struct Effort {
    /// At one in so many moments.
    moments: usize,
    /// Random survivors at each.
    random: u64,
    /// At one in so many moments, recovery is interrupted at every operation.
    interrupted: usize,
    /// And the recovery from that, so many deep.
    depth: u32,
}

#[derive(Debug, Default)]
struct Tried {
    moments: u64,
    images: u64,
    interrupted: u64,
}

const SETUP: Setup = Setup {
    durability: Durability::Sync,
    segment_bytes: 8192,
    index_bytes: 40 << 10,
    hot_bytes: 1 << 20,
    compression: Compression::Long,
};

fn setups() -> impl Iterator<Item = Setup> {
    let interval = Durability::Interval(Duration::from_millis(20));
    let all = [Durability::Sync, interval, Durability::Os];
    all.into_iter().map(|durability| Setup {
        durability,
        ..SETUP
    })
}

/// Changes of the file system that the workload makes at least.
const CHANGES: u64 = 2000;

fn workload(setup: Setup, effort: &Effort) -> Tried {
    let mut run = Run::new(SimFs::new(1), setup);
    run.fs.keep_moments();
    let mut maker = Maker::new(2);
    let mut random = Random::new(3);
    let mut tried = Tried::default();
    let mut number = 0;
    let mut before = Before::now(&run);
    run.open().unwrap();
    loop {
        let expected = Expected::of(&before, &run);
        for moment in run.fs.take_moments() {
            number += 1;
            if number % effort.moments == 0 {
                try_all(&run, &moment, &expected, effort, &mut random, &mut tried);
            }
            if number % effort.interrupted == 0 {
                let survival = Survival::Random(random.number());
                let (depth, random) = (effort.depth, &mut random);
                tried.interrupted +=
                    check_interrupted(&run, &moment, &survival, &expected, depth, random);
            }
        }
        if run.fs.changes() >= CHANGES {
            return tried;
        }
        before = Before::now(&run);
        let operation = maker.operation(run.contents());
        run.run(&operation, random.one_in(2)).unwrap();
    }
}

fn try_all(
    run: &Run,
    moment: &Moment,
    expected: &Expected,
    effort: &Effort,
    random: &mut Random,
    tried: &mut Tried,
) {
    let pending = moment.pending();
    let mut survivals = vec![Survival::Nothing, Survival::Everything];
    if pending <= 3 {
        let subsets = 1..(1_u64 << pending).saturating_sub(1);
        survivals.extend(subsets.map(Survival::Chosen));
    } else {
        survivals.extend((0..8).map(|_| Survival::Chosen(random.number())));
    }
    survivals.extend((0..effort.random).map(|_| Survival::Random(random.number())));
    tried.moments += 1;
    for survival in survivals {
        check(run, &moment.power_cut(&survival), expected, random);
        tried.images += 1;
    }
}

#[test]
fn a_crash_at_some_operations_leaves_what_was_acknowledged() {
    for setup in setups() {
        workload(
            setup,
            &Effort {
                moments: 97,
                random: 1,
                interrupted: 1200,
                depth: 0,
            },
        );
    }
}

#[test]
#[ignore = "takes minutes"]
fn exhaustive() {
    let effort = Effort {
        moments: 1,
        random: 20,
        interrupted: 50,
        depth: 1,
    };
    for setup in setups() {
        println!("{:?}: {:?}", setup.durability, workload(setup, &effort));
    }
}
