//! What a crash may leave: one of the states that it may be, whole, and the same again when it is opened again.

use std::ops::RangeInclusive;

use stepwell::db::DbError;
use stepwell::log::LogError;
use stepwell::testing::{Moment, Random, SimFs, Survival};

use crate::contents::Contents;
use crate::run::{BACKUP, PATH, Run};

/// What is expected of what a crash leaves.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// Which states it may be.
    pub(crate) states: RangeInclusive<usize>,
    /// Which states the backup may be; `None` if there need not be one.
    pub(crate) backup: Option<RangeInclusive<usize>>,
    /// The backup is being brought up to date, and may have no superblock meanwhile.
    pub(crate) backing_up: bool,
}

impl Expected {
    /// After the power was cut during what the run has done since `before`.
    pub(crate) fn of(before: &Before, run: &Run) -> Self {
        let begun = run.begun();
        Self {
            states: before.durable..=begun,
            backup: before.backup.map(|(least, _)| least..=begun),
            backing_up: run.backing_up,
        }
    }

    /// After a process was killed.
    pub(crate) fn killed(before: &Before, run: &Run) -> Self {
        Self {
            states: before.acknowledged..=run.begun(),
            ..Self::of(before, run)
        }
    }
}

/// What must be there after a crash from now on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    durable: usize,
    acknowledged: usize,
    backup: Option<(usize, usize)>,
}

impl Before {
    /// After how many operations nothing could be lost if the power was cut.
    pub(crate) fn durable(self) -> usize {
        self.durable
    }

    pub(crate) fn now(run: &Run) -> Self {
        Self {
            durable: run.durable,
            acknowledged: run.acknowledged,
            backup: run.backup,
        }
    }
}

/// Opens what a crash has left; which state it is.
pub(crate) fn recover(run: &Run, fs: &SimFs, expected: &Expected) -> usize {
    recover_at(run, fs, PATH, &expected.states)
}

/// Opens what a crash has left at a path; which state it is.
pub(crate) fn recover_at(
    run: &Run,
    fs: &SimFs,
    path: &str,
    expected: &RangeInclusive<usize>,
) -> usize {
    let db = run.setup.open(fs, path);
    let db = db.unwrap_or_else(|error| panic!("{path} is not opened: {error:?}"));
    let found = Contents::of(&db);
    let found = found.unwrap_or_else(|error| panic!("{path} is not read: {error}"));
    let state = which(run, &found, expected);
    state.unwrap_or_else(|| {
        let near = &run.states.get(*expected.end()).unwrap().contents;
        let any = which(run, &found, &(0..=run.begun()));
        panic!(
            "{path} is none of the states {expected:?}, but {any:?}; it differs from the last in {}",
            found.difference(near)
        )
    })
}

fn is_unfinished(error: &DbError) -> bool {
    matches!(error, DbError::Log(LogError::SuperblockDamaged { .. }))
}

fn which(run: &Run, found: &Contents, expected: &RangeInclusive<usize>) -> Option<usize> {
    let mut states = expected.clone().rev();
    states.find(|state| {
        run.states
            .get(*state)
            .is_some_and(|state| state.contents == *found)
    })
}

/// Checks what a crash at this moment leaves, and that recovery, which may be interrupted as well, comes to the
/// same. Which state it is.
pub(crate) fn check(run: &Run, image: &SimFs, expected: &Expected, random: &mut Random) -> usize {
    let moment = image.moment();
    let state = recover(run, image, expected);
    // What was believed is durable.
    let again = image.moment().power_cut(&Survival::Random(random.number()));
    let only = Expected {
        states: state..=state,
        backup: None,
        backing_up: false,
    };
    recover(run, &again, &only);
    if let Some(backup) = &expected.backup {
        let path = BACKUP;
        let image = moment.killed();
        match run.setup.open(&image, path) {
            Err(error) if expected.backing_up && is_unfinished(&error) => {}
            opened => {
                drop(opened);
                recover_at(run, &moment.killed(), path, backup);
            }
        }
    }
    state
}

/// Checks that recovery may be interrupted at every operation, and the recovery from that as well, so many deep.
pub(crate) fn check_interrupted(
    run: &Run,
    moment: &Moment,
    survival: &Survival,
    expected: &Expected,
    depth: u32,
    random: &mut Random,
) -> u64 {
    let image = moment.power_cut(survival);
    image.keep_moments();
    recover(run, &image, expected);
    let mut recoveries = 1;
    for moment in image.take_moments() {
        let survival = Survival::Random(random.number());
        recoveries += match depth {
            0 => {
                check(run, &moment.power_cut(&survival), expected, random);
                1
            }
            _ => check_interrupted(run, &moment, &survival, expected, depth - 1, random),
        };
    }
    recoveries
}
