//! Operations on a database that the input chooses, with power cuts, against the model of `tests/crash`.

use stepwell::testing::{Random, SimFs, Survival};

use crate::operation::Maker;
use crate::recovery::{Before, Expected, check};
use crate::run::{Run, Setup};

/// After how many operations a run ends.
const OPERATIONS: usize = 40;

/// Every two bytes of the input are a decision. What a power cut leaves is one of the states that it may be.
pub fn operations(input: &[u8]) {
    let mut random = Random::chosen(input.get(..16).unwrap_or(input));
    let setup = Setup::random(&mut random);
    let mut run = Run::new(SimFs::new(1), setup);
    let mut maker = Maker::new(1);
    maker.random = Random::chosen(input.get(16..).unwrap_or_default());
    run.fs.keep_moments();
    let mut before = Before::now(&run);
    run.open().unwrap();
    for _ in 0..(input.len() / 16).min(OPERATIONS) {
        before = Before::now(&run);
        // Only during the last one the power is cut.
        drop(run.fs.take_moments());
        let operation = maker.operation(run.contents());
        let wait = maker.random.one_in(2);
        run.run(&operation, wait).unwrap();
    }
    let moments = run.fs.take_moments();
    let moment = random.pick(&moments).cloned();
    let moment = moment.unwrap_or_else(|| run.fs.moment());
    let image = moment.power_cut(&Survival::Random(random.number()));
    check(&run, &image, &Expected::of(&before, &run), &mut random);
}
