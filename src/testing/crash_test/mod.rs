//! [`CrashTest`]: stops a graph of one's own wherever it can be stopped, has it recovered, and says what has become of it.
//!
//! It must never know what the graph does.

mod case;
mod client;
mod ending;
mod life;
mod memory;
mod report;
mod session;

use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde_json::Value;

pub use case::{CrashCase, NoCrashCase};
pub use client::Client;
pub use report::{CrashFailure, CrashFinding, CrashReport, Rerun};

use crate::db::{Db, DbOptions};
use crate::graph::{CompiledGraph, GraphError};
use case::Trial;
use life::{Lived, live};
use report::Tally;

use super::Random;

/// What a scenario runs into.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Build<W> = Box<dyn Fn(&Db, &Arc<W>) -> Result<CompiledGraph, GraphError>>;
type Scenario<W> = Box<dyn Fn(Client<W>) -> LocalBoxFuture<'static, Result<(), BoxError>>>;
type Invariant<W> = Box<dyn Fn(&W, &Value) -> Result<(), String>>;
type Normalize = Box<dyn Fn(&mut Value)>;
type Options = Box<dyn Fn(DbOptions) -> DbOptions>;

/// A test that stops a graph wherever it can be stopped, and checks what comes of it.
///
/// It needs a function that builds the graph on a database, and a scenario that drives it through a [`Client`]. The scenario runs
/// once undisturbed. Then it runs again for each *point* that it passes: before a node begins, after a node has returned, and
/// after each write and sync of the log. There the process "dies": the run ends, the database is opened anew on what was written,
/// the graph is built anew, [`resume_all`](CompiledGraph::resume_all) sweeps, and the scenario goes on where it was. All of that once more
/// with a second death during the recovery, at a point that the seed draws. In the end
/// - the state of every thread, and every item of the store, must be what it was in the undisturbed run,
/// - the [invariants](Self::invariant) must hold: what the graph did to the outside world, for example, which the test models as a `W`,
/// - nothing may hang or panic, and no error may come that did not come before.
///
/// Which nodes began more often than in the undisturbed run is told by the [`CrashReport`]; it is no mistake by itself. A failure
/// names the smallest case that fails, which [`only`](Self::only) runs again.
///
/// All of it is on a [`SimFs`](super::SimFs), in one thread, with tokio's clock [paused](tokio::time::pause), so the same test takes the same course
/// each time. A graph that does not, because a node looks at the time of day, at random numbers or at what another thread does, is
/// told of: two undisturbed runs differ. Ids that Stepwell makes up itself (of messages, tasks and checkpoints) do not count as differences.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use serde_json::{Value, json};
/// use stepwell::db::Db;
/// use stepwell::graph::{Channel, CompiledGraph, Config, GraphError, START, State, StateGraph};
/// use stepwell::testing::CrashTest;
///
/// type Printer = Mutex<Vec<String>>;
///
/// fn graph(db: &Db, printer: &Arc<Printer>) -> Result<CompiledGraph, GraphError> {
///     let printer = printer.clone();
///     let print = move |state: State| {
///         printer.lock().unwrap().push(state["text"].to_string());
///         async { json!({"printed": 1}) }
///     };
///     StateGraph::new()
///         .add_channel("text", Channel::last())
///         .add_channel("printed", Channel::last())
///         .add_node("print", print)
///         .add_edge(START, "print")
///         .with_checkpointer(db.checkpointer())
///         .compile()
/// }
///
/// let test = CrashTest::new(graph, |client| async move {
///     client.invoke(json!({"text": "hello"}), &Config::thread("a")).await?;
///     Ok(())
/// });
/// let once = |printer: &Printer, _: &Value| match printer.lock().unwrap().len() {
///     1 => Ok(()),
///     times => Err(format!("printed {times} times")),
/// };
/// let failure = test.invariant("it is printed once", once).run().unwrap_err();
/// assert!(failure.to_string().contains("printed 2 times"), "{failure}");
/// ```
pub struct CrashTest<W> {
    build: Build<W>,
    scenario: Scenario<W>,
    invariants: Vec<(String, Invariant<W>)>,
    normalize: Option<Normalize>,
    options: Options,
    seeds: u64,
    every_change: bool,
    power_cuts: bool,
    only: Option<CrashCase>,
}

impl<W: Default + Send + Sync + 'static> CrashTest<W> {
    /// A test of the graph that `build` builds, driven by `scenario`.
    ///
    /// `build` is given the database, whose [checkpointer](Db::checkpointer) and [store](Db::store) the graph is to use, and a model of the
    /// outside world, which is made anew for each case. It is called after each death, as a new process would.
    ///
    /// `scenario` is run again from its beginning after each death; what its client has done before is then answered from
    /// memory. So it must make the same calls each time.
    pub fn new<G, F>(
        build: impl Fn(&Db, &Arc<W>) -> Result<G, GraphError> + 'static,
        scenario: impl Fn(Client<W>) -> F + 'static,
    ) -> Self
    where
        G: Into<CompiledGraph>,
        F: Future<Output = Result<(), BoxError>> + 'static,
    {
        Self {
            build: Box::new(move |db, outside| build(db, outside).map(Into::into)),
            scenario: Box::new(move |client| scenario(client).boxed_local()),
            invariants: Vec::new(),
            normalize: None,
            options: Box::new(|options| options),
            seeds: 3,
            every_change: false,
            power_cuts: false,
            only: None,
        }
    }

    /// Something that must hold at the end of each case, of the outside world and of the end state: an object with the `threads`, each with
    /// `values`, `next` and `questions`, and the `items` of the store, by namespace and key.
    #[must_use]
    pub fn invariant(
        mut self,
        name: impl Into<String>,
        holds: impl Fn(&W, &Value) -> Result<(), String> + 'static,
    ) -> Self {
        self.invariants.push((name.into(), Box::new(holds)));
        self
    }

    /// Changes each end state before it is compared, to take out what may differ.
    #[must_use]
    pub fn normalize(mut self, normalize: impl Fn(&mut Value) + 'static) -> Self {
        self.normalize = Some(Box::new(normalize));
        self
    }

    /// How the database is opened, such as with another durability.
    #[must_use]
    pub fn options(mut self, options: impl Fn(DbOptions) -> DbOptions + 'static) -> Self {
        self.options = Box::new(options);
        self
    }

    /// How many seeds are tried; 3 unless said otherwise. The seed says which tasks of a super-step are faster, and when the database's background
    /// jobs get to work. With the first, tasks take their turns and jobs work only when somebody waits for them.
    #[must_use]
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = seeds.max(1);
        self
    }

    /// Stops after every change of the file system, not only after those of the log.
    #[must_use]
    pub fn at_every_change(mut self) -> Self {
        self.every_change = true;
        self
    }

    /// Cuts the power at each point as well, which takes everything that was not synced.
    #[must_use]
    pub fn power_cuts(mut self) -> Self {
        self.power_cuts = true;
        self
    }

    /// Runs this case only, after the undisturbed run: what a failure has told.
    #[must_use]
    pub fn only(mut self, case: CrashCase) -> Self {
        self.only = Some(case);
        self
    }

    /// Runs the test. It makes a runtime of its own, so it is not for async functions.
    ///
    /// # Errors
    /// What was found, with the smallest case of it. Its `Debug` output reads as its `Display` output, so that
    /// `unwrap` tells it well.
    pub fn run(&self) -> Result<CrashReport, Box<CrashFailure>> {
        let mut tally = Tally::default();
        let expected = self.undisturbed(0, None, &mut tally)?;
        let again = self.undisturbed(0, Some(&expected), &mut tally)?;
        if let Some(differs) = expected.course_differs(&again) {
            let found = CrashFinding::Unsteady(differs);
            let failure = CrashFailure::of(CrashCase::of(0), found, &expected);
            return Err(Box::new(failure));
        }
        tally.undisturbed(&expected);
        if let Some(case) = &self.only {
            self.undisturbed(case.seed, Some(&expected), &mut tally)?;
            self.case(case, &expected, &mut tally);
            return tally.settle();
        }
        for seed in 0..self.seeds {
            let own = match seed {
                0 => expected.points(),
                _ => self
                    .undisturbed(seed, Some(&expected), &mut tally)?
                    .points(),
            };
            self.seed(seed, own, &expected, &mut tally);
        }
        tally.settle()
    }

    fn seed(&self, seed: u64, points: usize, expected: &Lived, tally: &mut Tally) {
        let mut random = Random::new(seed);
        let mut twice = Vec::new();
        for point in 1..=points {
            for cut in [false, true] {
                if cut && !self.power_cuts {
                    continue;
                }
                let case = CrashCase {
                    seed,
                    points: vec![point],
                    cut,
                };
                let later = self.case(&case, expected, tally);
                let later = u64::try_from(later).unwrap_or(u64::MAX);
                if let Ok(second) = usize::try_from(random.below(later))
                    && later > 0
                {
                    twice.push(CrashCase {
                        points: vec![point, second + 1],
                        ..case
                    });
                }
            }
        }
        for case in twice {
            self.case(&case, expected, tally);
        }
    }

    /// A run that nobody disturbs.
    fn undisturbed(
        &self,
        seed: u64,
        expected: Option<&Lived>,
        tally: &mut Tally,
    ) -> Result<Lived, Box<CrashFailure>> {
        let case = CrashCase::of(seed);
        let lived = live(self, &mut Trial::new(seed), None);
        tally.cases += 1;
        match lived.finding(expected) {
            None => Ok(lived),
            Some(found) => {
                let found = match (found, seed) {
                    (CrashFinding::EndDiffers(differs), _) => CrashFinding::Unsteady(differs),
                    (found, _) => found,
                };
                Err(Box::new(CrashFailure::of(case, found, &lived)))
            }
        }
    }

    /// One case. How many points there were after the last death.
    fn case(&self, case: &CrashCase, expected: &Lived, tally: &mut Tally) -> usize {
        let mut trial = Trial::new(case.seed);
        let mut course = Vec::new();
        for point in &case.points {
            let lived = live(self, &mut trial, Some(*point));
            course.extend(lived.course.last().cloned());
            let Some(moment) = lived.died else {
                // It has come to its end before.
                tally.add(case, &lived, lived.finding(Some(expected)), &course);
                return 0;
            };
            trial.die(&moment, case.cut);
            tally.deaths += 1;
        }
        let lived = live(self, &mut trial, None);
        tally.add(case, &lived, lived.finding(Some(expected)), &course);
        lived.points()
    }
}

impl<W> std::fmt::Debug for CrashTest<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrashTest").finish_non_exhaustive()
    }
}
