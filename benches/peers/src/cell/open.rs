//! Opening a database of a million rows.

use std::time::Instant;

use super::Run;
use crate::engine::Engine;
use crate::machine::peak_memory;
use crate::report::Figure;
use crate::rounds::{die, tell};
use crate::workload::{Steps, THREADS};

/// One step in each conversation.
const STEPS_PER_COMMIT: u64 = THREADS;

fn commits(run: &Run<'_>) -> u64 {
    // Three rows a step.
    run.size(1_000_000, 100_000, 30_000) / 3 / STEPS_PER_COMMIT + 1
}

fn fill(run: &Run<'_>) -> Box<dyn Engine> {
    let engine = run.engine.open(run.dir, true);
    let mut steps = Steps::new(0, 1);
    for _ in 0..commits(run) {
        engine.append(&steps.batch(STEPS_PER_COMMIT));
    }
    tell(Figure::PeakMiB, peak_memory());
    engine
}

pub(crate) fn load(run: &Run<'_>) {
    fill(run).close();
}

pub(crate) fn load_and_die(run: &Run<'_>) {
    let _engine = fill(run);
    die()
}

pub(crate) fn open(run: &Run<'_>) {
    let start = Instant::now();
    let engine = run.engine.open(run.dir, true);
    tell(Figure::OpenMs, start.elapsed().as_secs_f64() * 1e3);
    let found = engine.latest(7);
    tell(Figure::FirstReadMs, start.elapsed().as_secs_f64() * 1e3);
    assert!(
        found.is_some() && found == engine.by_id(7, commits(run)),
        "the last step is not there"
    );
    engine.close();
}
