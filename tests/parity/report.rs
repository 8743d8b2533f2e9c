//! Runs all scenarios of a directory and reports what came of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;

use crate::backend::Backend;
use crate::harness::{self, Outcome};
use crate::scenario;

/// A scenario that is known to fail.
pub(crate) struct ExpectedFailure {
    pub(crate) scenario: &'static str,
    /// A part of what its failure says.
    pub(crate) says: &'static str,
}

/// How many scenarios run at a time.
const AT_ONCE: usize = 8;

/// How long one may take on one backend.
const PATIENCE: Duration = Duration::from_secs(60);

/// How all scenarios went.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<String>,
    scenarios: usize,
    passed: usize,
    expected: usize,
    failed: usize,
}

impl Report {
    /// Whether nothing failed that was not expected to, and nothing passed that was.
    pub(crate) fn is_good(&self) -> bool {
        self.failed == 0 && self.scenarios > 0
    }

    pub(crate) fn summary(&self) -> String {
        format!(
            "{} scenarios x {} backends: {} passed, {} expected failures, {} failed",
            self.scenarios,
            Backend::ALL.len(),
            self.passed,
            self.expected,
            self.failed
        )
    }

    fn add(&mut self, name: &str, backend: Backend, outcome: Outcome, says: Option<&str>) -> bool {
        for quirk in outcome.quirks {
            self.lines.push(format!(
                "{name} [{}]: differs where it may: {quirk}",
                backend.name()
            ));
        }
        let line = match (outcome.failure, says) {
            (None, None) => {
                self.passed += 1;
                return true;
            }
            (Some(failure), Some(says)) if failure.contains(says) => {
                self.expected += 1;
                format!("expected failure: {failure}")
            }
            (None, Some(_)) => {
                self.failed += 1;
                "FAILED: it is expected to fail and passes; take it off the list".into()
            }
            (Some(failure), _) => {
                self.failed += 1;
                format!("FAILED: {failure}")
            }
        };
        self.lines
            .push(format!("{name} [{}]: {line}", backend.name()));
        false
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        f.write_str(&self.summary())
    }
}

/// Runs every scenario in `directory` on every backend. If the list of expected failures is
/// `complete` for the directory, all of its names must be there.
pub(crate) async fn run_all(
    directory: &Path,
    expected: &[ExpectedFailure],
    complete: bool,
) -> Result<Report, String> {
    let mut report = Report::default();
    let files = scenario::files(directory)?;
    if files.is_empty() {
        return Err(format!("there are no scenarios in {}", directory.display()));
    }
    let names: Vec<String> = files.iter().map(|file| name_of(file)).collect();
    if complete {
        for missing in expected
            .iter()
            .filter(|e| !names.iter().any(|n| n == e.scenario))
        {
            report.failed += 1;
            let name = missing.scenario;
            let line = format!("{name}: FAILED: it is on the list of failures and has no file");
            report.lines.push(line);
        }
    }
    let runs = futures::stream::iter(files.into_iter().map(run_on_all)).buffered(AT_ONCE);
    let outcomes: Vec<_> = runs.collect().await;
    for (name, outcomes) in names.iter().zip(outcomes) {
        report.scenarios += 1;
        let says = expected.iter().find(|e| e.scenario == name).map(|e| e.says);
        let mut passed = true;
        for (backend, outcome) in outcomes {
            passed &= report.add(name, backend, outcome, says);
        }
        if passed {
            report.lines.push(format!("{name}: passed"));
        }
    }
    Ok(report)
}

async fn run_on_all(file: PathBuf) -> Vec<(Backend, Outcome)> {
    let mut outcomes = Vec::new();
    for &backend in Backend::ALL {
        // A task of its own, so that a panic is a failure of this scenario alone.
        let running = tokio::spawn(tokio::time::timeout(
            PATIENCE,
            run_file(file.clone(), backend),
        ));
        let outcome = match running.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => failure(format!("it took more than {} s", PATIENCE.as_secs())),
            Err(panic) => failure(panic.to_string()),
        };
        outcomes.push((backend, outcome));
    }
    outcomes
}

async fn run_file(file: PathBuf, backend: Backend) -> Outcome {
    match scenario::load(&file) {
        Ok(scenario) if scenario.name != name_of(&file) => {
            failure(format!("the file calls itself `{}`", scenario.name))
        }
        Ok(scenario) => harness::run(&scenario, backend).await,
        Err(error) => failure(error),
    }
}

fn failure(text: String) -> Outcome {
    Outcome {
        failure: Some(text),
        quirks: Vec::new(),
    }
}

fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
