//! [`live`]: one life of a process, from opening the database to its end or its death.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::Value;

use super::case::Trial;
use super::client::Client;
use super::ending::{difference, ending, forget};
use super::report::CrashFinding;
use super::session::{Points, Session};
use super::{BoxError, CrashTest};
use crate::db::{CompactionOptions, Db};
use crate::probe::Watch;
use crate::testing::Moment;
use crate::vfs::Vfs;

/// After so much of simulated time nothing more is expected of a run. When all of it waits, that time has passed at once.
const PATIENCE: Duration = Duration::from_hours(24 * 1000);

/// What became of a life.
pub(super) struct Lived {
    /// The points that it has come to.
    pub(super) course: Vec<String>,
    /// The moment at which it died.
    pub(super) died: Option<Moment>,
    /// How often each node has begun, in this life and those before.
    pub(super) begun: BTreeMap<String, u64>,
    /// What was there in the end, or what went wrong.
    pub(super) end: Result<Value, CrashFinding>,
}

impl Lived {
    pub(super) fn points(&self) -> usize {
        self.course.len()
    }

    /// What is wrong with it.
    pub(super) fn finding(&self, expected: Option<&Self>) -> Option<CrashFinding> {
        match (&self.end, expected.map(|of| &of.end)) {
            (Err(found), _) => Some(found.clone()),
            (Ok(end), Some(Ok(expected))) => {
                difference(expected, end).map(CrashFinding::EndDiffers)
            }
            _ => None,
        }
    }

    /// Where another life with the same seed took another course.
    pub(super) fn course_differs(&self, other: &Self) -> Option<String> {
        let both = self.course.iter().zip(&other.course).enumerate();
        let mut differs = both.filter(|(_, (one, another))| one != another);
        if let Some((number, (one, another))) = differs.next() {
            let number = number + 1;
            return Some(format!("point {number} was {one}, and then {another}"));
        }
        let (one, another) = (self.points(), other.points());
        (one != another).then(|| format!("there were {one} points, and then {another}"))
    }
}

/// One life of a process, which dies at this point if it gets there.
pub(super) fn live<W: Default + Send + Sync + 'static>(
    test: &CrashTest<W>,
    trial: &mut Trial<W>,
    dies_at: Option<usize>,
) -> Lived {
    let random = crate::testing::Random::new(trial.random.number());
    let points = Arc::new(Points::new(random, dies_at, test.every_change));
    let shuffles = trial.seed > 0;
    let session = Session::new(&trial.fs, &points, shuffles, &trial.begun, &trial.made_up);
    let end = {
        let _watch = Watch::with(Arc::new(session));
        in_runtime(async {
            tokio::select! {
                biased;
                () = points.death() => Err(CrashFinding::Died),
                end = AssertUnwindSafe(act(test, trial)).catch_unwind() => end
                    .unwrap_or_else(|panic| Err(CrashFinding::Panicked(text_of(&*panic)))),
                () = tokio::time::sleep(PATIENCE) => Err(CrashFinding::Hangs),
            }
        })
    };
    Lived {
        course: points.course(),
        died: trial.fs.stopped(),
        begun: trial.begun.lock().clone(),
        end,
    }
}

fn in_runtime<T>(work: impl Future<Output = Result<T, CrashFinding>>) -> Result<T, CrashFinding> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    let runtime = runtime.map_err(|error| CrashFinding::Failed(error.to_string()))?;
    runtime.block_on(work)
}

async fn act<W: Default + Send + Sync + 'static>(
    test: &CrashTest<W>,
    trial: &Trial<W>,
) -> Result<Value, CrashFinding> {
    let recovers = trial.deaths > 0;
    let not_recovered = |error: &dyn std::error::Error| match recovers {
        true => CrashFinding::NotRecovered(chain(error)),
        false => CrashFinding::Failed(chain(error)),
    };
    let db = open(test, trial).map_err(|error| not_recovered(&error))?;
    let graph = (test.build)(&db, &trial.outside).map_err(|error| not_recovered(&error))?;
    let (outside, memory) = (Arc::clone(&trial.outside), Arc::clone(&trial.memory));
    let client = Client::new(graph.clone(), db.clone(), outside, memory, recovers).await;
    let client = client.map_err(|error| not_recovered(&error))?;
    let failed = |error: BoxError| CrashFinding::Failed(chain(&*error));
    (test.scenario)(client).await.map_err(failed)?;
    let mut end = ending(&db, &graph).await.map_err(failed)?;
    for (name, holds) in &test.invariants {
        if let Err(message) = holds(&trial.outside, &end) {
            return Err(CrashFinding::Invariant {
                name: name.clone(),
                message,
            });
        }
    }
    forget(&mut end, &trial.made_up.lock());
    if let Some(normalize) = &test.normalize {
        normalize(&mut end);
    }
    Ok(end)
}

fn open<W>(test: &CrashTest<W>, trial: &Trial<W>) -> Result<Db, crate::db::DbError> {
    let vfs: Arc<dyn Vfs> = Arc::new(trial.fs.clone());
    let by_itself = CompactionOptions {
        background: false,
        ..CompactionOptions::default()
    };
    let options = Db::options().segment_bytes(1 << 20).compaction(by_itself);
    (test.options)(options).vfs(vfs).open(Path::new("/db"))
}

/// An error with what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}
