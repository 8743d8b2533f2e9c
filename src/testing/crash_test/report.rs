//! What a [`CrashTest`](super::CrashTest) tells.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use super::case::CrashCase;
use super::life::Lived;

/// How many of the points that led to a failure are told.
const TOLD: usize = 4;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrashFinding {
    /// Two runs that nobody disturbed differ: here.
    Unsteady(String),
    /// The end state is not that of the undisturbed run: here.
    EndDiffers(String),
    /// An invariant does not hold.
    Invariant {
        /// Which.
        name: String,
        /// What it says.
        message: String,
    },
    /// The scenario failed, and it does not if nobody disturbs it; or even then.
    Failed(String),
    /// The scenario, an invariant or the graph panicked.
    Panicked(String),
    /// Everything waits, and nothing will happen any more.
    Hangs,
    /// The database could not be opened, the graph not be built or the threads not be swept after a death.
    NotRecovered(String),
    /// It was stopped.
    #[doc(hidden)]
    Died,
}

impl Display for CrashFinding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsteady(how) => write!(
                f,
                "two runs that nobody disturbed differ: {how}\n  \
                 look for the time of day, random numbers, the order of a hash map, or an order of tasks that matters"
            ),
            Self::EndDiffers(how) => {
                write!(f, "the end is not that of the undisturbed run: {how}")
            }
            Self::Invariant { name, message } => write!(f, "not so: {name}: {message}"),
            Self::Failed(error) => write!(f, "the scenario failed: {error}"),
            Self::Panicked(message) => write!(f, "a panic: {message}"),
            Self::Hangs => f.write_str("everything waits, and nothing will happen any more"),
            Self::NotRecovered(error) => write!(f, "no recovery: {error}"),
            Self::Died => f.write_str("it was stopped"),
        }
    }
}

/// A node that began more often than in the undisturbed run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rerun {
    /// How often it begins if nobody disturbs it.
    pub usual: u64,
    /// How often it began at most.
    pub most: u64,
    /// In how many cases it began more often than usual.
    pub cases: u64,
}

/// What a test did that found nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashReport {
    /// How many cases there were, undisturbed ones included.
    pub cases: u64,
    /// How often the process died in them.
    pub deaths: u64,
    /// Which nodes began more often than in the undisturbed run, by their path.
    pub again: BTreeMap<String, Rerun>,
}

impl Display for CrashReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { cases, deaths, .. } = self;
        write!(
            f,
            "{cases} cases with {deaths} deaths, and all ended as the undisturbed run"
        )?;
        for (node, again) in &self.again {
            let Rerun { usual, most, cases } = again;
            write!(
                f,
                "\n  `{node}` began up to {most} times instead of {usual} (in {cases} cases)"
            )?;
        }
        Ok(())
    }
}

/// What a test found, and the smallest case of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashFailure {
    /// What was found in the smallest case.
    pub found: CrashFinding,
    /// That case, for [`only`](super::CrashTest::only).
    pub case: CrashCase,
    /// Where its deaths were, in order.
    pub deaths: Vec<String>,
    /// How often each node began in it.
    pub begun: BTreeMap<String, u64>,
    /// How many cases failed, of how many.
    pub failed: (u64, u64),
    /// What the others have told about nodes that began again.
    pub report: CrashReport,
}

impl CrashFailure {
    pub(super) fn of(case: CrashCase, found: CrashFinding, lived: &Lived) -> Self {
        Self {
            found,
            case,
            deaths: Vec::new(),
            begun: lived.begun.clone(),
            failed: (1, 1),
            report: CrashReport::default(),
        }
    }
}

impl std::error::Error for CrashFailure {}

impl Display for CrashFailure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (failed, cases) = self.failed;
        writeln!(f, "{}", self.found)?;
        for (number, death) in self.deaths.iter().take(TOLD).enumerate() {
            let then = if number > 0 { "and then again " } else { "" };
            let how = if self.case.cut {
                "the power went"
            } else {
                "the process died"
            };
            writeln!(f, "  {then}{how} {death}")?;
        }
        if self.deaths.is_empty() {
            writeln!(f, "  nobody died")?;
        }
        let begun = self.begun.iter();
        let begun: Vec<_> = begun
            .map(|(node, times)| format!("`{node}` {times}"))
            .collect();
        writeln!(f, "  nodes began so often: {}", begun.join(", "))?;
        let case = &self.case;
        write!(
            f,
            "  {failed} of {cases} cases failed; the smallest again: .only(\"{case}\".parse().unwrap())"
        )
    }
}

impl fmt::Debug for CrashFailure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What is told in the end, as it comes together.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) cases: u64,
    pub(super) deaths: u64,
    failed: u64,
    usual: BTreeMap<String, u64>,
    again: BTreeMap<String, Rerun>,
    smallest: Option<CrashFailure>,
}

impl Tally {
    /// How often nodes begin if nobody disturbs them.
    pub(super) fn undisturbed(&mut self, lived: &Lived) {
        self.usual.clone_from(&lived.begun);
    }

    /// A case has come to its end. Cases come with the smaller ones first.
    pub(super) fn add(
        &mut self,
        case: &CrashCase,
        lived: &Lived,
        found: Option<CrashFinding>,
        deaths: &[String],
    ) {
        self.cases += 1;
        for (node, times) in &lived.begun {
            let usual = self.usual.get(node).copied().unwrap_or_default();
            if *times > usual {
                let again = self.again.entry(node.clone()).or_default();
                again.usual = usual;
                again.most = again.most.max(*times);
                again.cases += 1;
            }
        }
        let Some(found) = found else { return };
        self.failed += 1;
        let is_smaller = (self.smallest.as_ref())
            .is_none_or(|smallest| case.points.len() < smallest.case.points.len());
        if is_smaller {
            let mut failure = CrashFailure::of(case.clone(), found, lived);
            failure.deaths = deaths.to_vec();
            self.smallest = Some(failure);
        }
    }

    /// The outcome of all cases.
    pub(super) fn settle(self) -> Result<CrashReport, Box<CrashFailure>> {
        let report = CrashReport {
            cases: self.cases,
            deaths: self.deaths,
            again: self.again,
        };
        match self.smallest {
            None => Ok(report),
            Some(mut failure) => {
                failure.failed = (self.failed, report.cases);
                failure.report = report;
                Err(Box::new(failure))
            }
        }
    }
}
