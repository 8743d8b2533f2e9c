//! Reads of what was just written.

use std::time::Instant;

use bytes::Bytes;

use super::Run;
use crate::report::Figure;
use crate::rounds::tell;
use crate::workload::{Random, Steps, THREADS, VALUE_BYTES};

const STEPS_PER_COMMIT: u64 = 8;

pub(crate) fn hot(run: &Run<'_>) {
    let engine = run.engine.open(run.dir, false);
    let mut steps = Steps::new(0, 1);
    let (count, reads) = run.size((100_000, 20_000), (20_480, 20_000), (2_048, 1_000));
    for _ in 0..count / STEPS_PER_COMMIT {
        engine.append(&steps.batch(STEPS_PER_COMMIT));
    }
    let mut random = Random(42);
    tell(
        Figure::LatestUs,
        median(reads, || engine.latest(random.next() % THREADS)),
    );
    let per_thread = count / THREADS;
    let mut any = || (random.next() % THREADS, random.next() % per_thread + 1);
    let mut by_id = |read: &dyn Fn(u64, u64) -> Option<Bytes>| {
        median(reads, || {
            let (thread, number) = any();
            read(thread, number)
        })
    };
    tell(
        Figure::ByIdUs,
        by_id(&|thread, number| engine.by_id(thread, number)),
    );
    if engine.step_by_id(0, 1).is_some() {
        tell(
            Figure::StepByIdUs,
            by_id(&|thread, number| engine.step_by_id(thread, number)),
        );
    }
    engine.close();
}

/// The median of the times of `read`, in microseconds.
fn median(reads: usize, mut read: impl FnMut() -> Option<Bytes>) -> f64 {
    let mut us: Vec<f64> = (0..reads)
        .map(|_| {
            let start = Instant::now();
            let value = std::hint::black_box(read());
            let us = start.elapsed().as_secs_f64() * 1e6;
            assert_eq!(value.map(|value| value.len()), Some(VALUE_BYTES));
            us
        })
        .collect();
    us.sort_by(f64::total_cmp);
    us[us.len() / 2]
}
