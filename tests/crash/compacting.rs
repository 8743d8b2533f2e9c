//! The power goes at every operation of compactions.

use stepwell::db::{Compression, Durability};
use stepwell::testing::{Random, SimFs, Survival};

use crate::operation::{Maker, Operation};
use crate::recovery::{Before, Expected, check};
use crate::run::{Run, Setup};

const SETUP: Setup = Setup {
    durability: Durability::Sync,
    segment_bytes: 2048,
    index_bytes: 16 << 10,
    hot_bytes: 1 << 20,
    compression: Compression::None,
};

/// Fills a database, removes what is in it, and compacts it, twice. How many crashes were tried.
pub(crate) fn run() -> u64 {
    let mut run = Run::new(SimFs::new(1), SETUP);
    let mut maker = Maker::new(2);
    let mut random = Random::new(3);
    let mut tried = 0;
    run.open().unwrap();
    for round in 0..2 {
        for _ in 0..60 {
            let operation = maker.operation(run.contents());
            if !matches!(operation, Operation::Compact) {
                run.run(&operation, true).unwrap();
            }
        }
        run.run(&Operation::Prune("0".into(), 1), true).unwrap();
        run.run(&Operation::Delete("1".into()), true).unwrap();
        let before = Before::now(&run);
        run.fs.keep_moments();
        run.fs.take_moments();
        run.run(&Operation::Compact, true).unwrap();
        let expected = Expected::of(&before, &run);
        let moments = run.fs.take_moments();
        assert!(moments.len() > 20, "round {round} compacted nothing");
        for moment in moments {
            let mut survivals = vec![Survival::Nothing, Survival::Random(random.number())];
            if moment.pending() <= 3 {
                survivals.extend((1..1 << moment.pending()).map(Survival::Chosen));
            }
            for survival in survivals {
                check(&run, &moment.power_cut(&survival), &expected, &mut random);
                tried += 1;
            }
        }
    }
    tried
}

#[test]
fn a_compaction_may_end_anywhere() {
    run();
}
