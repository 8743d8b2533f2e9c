//! [`CrashCase`]: which points of a test kill the process, as text and back; [`Trial`]: what outlives its deaths.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::memory::Memory;
use crate::testing::{Moment, Random, SimFs, Survival};

/// One case of a [`CrashTest`](super::CrashTest). Its text, such as `0/7` or `2/7/3/cut`, is the seed, the point of the first
/// death, that of a second one, counted from the first, and whether the power was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashCase {
    pub(super) seed: u64,
    /// Counted from 1, each since the death before.
    pub(super) points: Vec<usize>,
    pub(super) cut: bool,
}

/// A text that names no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no case; it is a seed and points, such as `0/7` or `0/7/3/cut`")]
pub struct NoCrashCase(String);

impl CrashCase {
    /// That in which nobody dies.
    pub(super) fn of(seed: u64) -> Self {
        Self {
            seed,
            points: Vec::new(),
            cut: false,
        }
    }
}

impl fmt::Display for CrashCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seed)?;
        for point in &self.points {
            write!(f, "/{point}")?;
        }
        f.write_str(if self.cut { "/cut" } else { "" })
    }
}

impl FromStr for CrashCase {
    type Err = NoCrashCase;

    fn from_str(text: &str) -> Result<Self, NoCrashCase> {
        let none = |_| NoCrashCase(text.to_owned());
        let (numbers, cut) = match text.strip_suffix("/cut") {
            Some(numbers) => (numbers, true),
            None => (text, false),
        };
        let mut numbers = numbers.split('/');
        let seed = numbers.next().unwrap_or_default().parse().map_err(none)?;
        let points = numbers.map(|number| number.parse().map_err(none));
        Ok(Self {
            seed,
            points: points.collect::<Result<_, _>>()?,
            cut,
        })
    }
}

/// What a case has beside the process: the disk, the outside world, those who remember.
pub(super) struct Trial<W> {
    pub(super) fs: SimFs,
    pub(super) seed: u64,
    pub(super) random: Random,
    pub(super) deaths: usize,
    pub(super) outside: Arc<W>,
    pub(super) memory: Arc<Memory>,
    /// How often which node has begun.
    pub(super) begun: Arc<Mutex<BTreeMap<String, u64>>>,
    /// What was made up and need not be the same in another run.
    pub(super) made_up: Arc<Mutex<BTreeSet<String>>>,
}

impl<W: Default> Trial<W> {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            fs: SimFs::new(random.number()),
            seed,
            random,
            deaths: 0,
            outside: Arc::default(),
            memory: Arc::default(),
            begun: Arc::default(),
            made_up: Arc::default(),
        }
    }

    /// The process has died at this moment.
    pub(super) fn die(&mut self, moment: &Moment, cut: bool) {
        self.deaths += 1;
        self.fs = match cut {
            true => moment.power_cut(&Survival::Nothing),
            false => moment.killed(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_a_text_and_back() {
        for text in ["0", "0/7", "12/7/3", "2/7/3/cut"] {
            let case: CrashCase = text.parse().unwrap();
            assert_eq!(case.to_string(), text);
        }
        for text in ["", "a", "1/", "1/b", "/cut"] {
            let none = text.parse::<CrashCase>();
            assert_eq!(none, Err(NoCrashCase(text.to_owned())));
        }
    }
}
