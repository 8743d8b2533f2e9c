//! Commits, one step each.

use std::time::{Duration, Instant};

use super::Run;
use crate::engine::Engine;
use crate::machine::{cpu_seconds, device_flushes, disk_bytes, peak_memory};
use crate::probe::Probe;
use crate::report::Figure;
use crate::rounds::tell;
use crate::workload::{STEP_BYTES, Steps};

/// One raw write and sync after so many steps.
const STEPS_PER_PROBE: usize = 8;
/// The records of the raw loop that shares syncs.
const GROUP: usize = 64;

/// One writer; a raw write and sync of the same bytes between its steps.
pub(crate) fn durable_alone(run: &Run<'_>) {
    let engine = run.engine.open(run.dir, true);
    let mut probe = Probe::new(run.dir, STEP_BYTES);
    let mut steps = Steps::new(0, 1);
    let (mut probing, mut probes) = (Duration::ZERO, 0_u64);
    let usage = Usage::now(run);
    let (start, mut latencies) = (Instant::now(), Vec::new());
    while start.elapsed() < run.slice() {
        for _ in 0..STEPS_PER_PROBE {
            latencies.push(append(&*engine, &mut steps));
        }
        probing += probe.once();
        probes += 1;
    }
    usage.tell(run, latencies.len(), probes);
    let mean = mean(&latencies);
    tell(Figure::StepsPerSecond, 1.0 / mean);
    tell(
        Figure::OfRawSync,
        mean / (probing.as_secs_f64() / probes as f64),
    );
    tell_latencies(latencies);
    engine.close();
}

/// Several writers; between them, in turns, a raw loop with [`GROUP`] records per sync.
pub(crate) fn durable_together(run: &Run<'_>, writers: u64) {
    const TURNS: u32 = 4;
    let engine = run.engine.open(run.dir, true);
    let mut probe = Probe::new(run.dir, STEP_BYTES * GROUP);
    let mut steps: Vec<_> = (0..writers)
        .map(|writer| Steps::new(writer, writers))
        .collect();
    let usage = Usage::now(run);
    let (mut stepping, mut probing, mut probes) = (Duration::ZERO, Duration::ZERO, 0_u64);
    let mut latencies = Vec::new();
    for _ in 0..TURNS {
        let start = Instant::now();
        latencies.extend(turn(&*engine, &mut steps, run.slice() / TURNS));
        stepping += start.elapsed();
        let start = Instant::now();
        while start.elapsed() < run.slice() / (4 * TURNS) {
            probing += probe.once();
            probes += 1;
        }
    }
    usage.tell(run, latencies.len(), probes);
    let rate = latencies.len() as f64 / stepping.as_secs_f64();
    let raw_rate = (GROUP as u64 * probes) as f64 / probing.as_secs_f64();
    tell(Figure::StepsPerSecond, rate);
    tell(Figure::OfRawGroups, rate / raw_rate);
    tell_latencies(latencies);
    engine.close();
}

/// All writers at once for as long as `slice`; the latencies of their steps.
fn turn(engine: &dyn Engine, steps: &mut [Steps], slice: Duration) -> Vec<f64> {
    let start = Instant::now();
    std::thread::scope(|scope| {
        let writers: Vec<_> = steps
            .iter_mut()
            .map(|steps| {
                scope.spawn(move || {
                    let mut latencies = Vec::new();
                    while start.elapsed() < slice {
                        latencies.push(append(engine, steps));
                    }
                    latencies
                })
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    })
}

/// One writer that waits for no device; what it takes on disk at the end.
pub(crate) fn unsynced(run: &Run<'_>) {
    let engine = run.engine.open(run.dir, false);
    let mut steps = Steps::new(0, 1);
    let count = run.size(100_000, 20_000, 2_000);
    let usage = Usage::now(run);
    let start = Instant::now();
    let latencies: Vec<f64> = (0..count).map(|_| append(&*engine, &mut steps)).collect();
    tell(
        Figure::StepsPerSecond,
        count as f64 / start.elapsed().as_secs_f64(),
    );
    usage.tell(run, count, 0);
    tell_latencies(latencies);
    engine.close();
    let disk = disk_bytes(run.dir) as f64 / count as f64;
    tell(Figure::DiskBytesPerStep, disk);
    tell(Figure::DiskOfPut, disk / STEP_BYTES as f64);
    tell(Figure::PeakMiB, peak_memory());
}

/// Commits the next step; how many microseconds that took. Making it up does not count.
fn append(engine: &dyn Engine, steps: &mut Steps) -> f64 {
    let batch = steps.batch(1);
    let start = Instant::now();
    engine.append(&batch);
    start.elapsed().as_secs_f64() * 1e6
}

/// In seconds.
fn mean(us: &[f64]) -> f64 {
    us.iter().sum::<f64>() / 1e6 / us.len() as f64
}

fn tell_latencies(mut us: Vec<f64>) {
    us.sort_by(f64::total_cmp);
    tell(Figure::MedianUs, us[us.len() / 2]);
    tell(Figure::P99Us, us[us.len() * 99 / 100]);
}

/// What the process and the device had done when a measurement began.
struct Usage {
    cpu: f64,
    flushes: u64,
}

impl Usage {
    fn now(run: &Run<'_>) -> Self {
        Self {
            cpu: cpu_seconds(),
            flushes: device_flushes(run.dir),
        }
    }

    /// Per step, without the flushes of the probe. Its processor time, a few per cent, stays in.
    fn tell(self, run: &Run<'_>, steps: usize, probes: u64) {
        let flushes = device_flushes(run.dir).saturating_sub(self.flushes + probes);
        tell(
            Figure::CpuUsPerStep,
            (cpu_seconds() - self.cpu) * 1e6 / steps as f64,
        );
        tell(Figure::FlushesPerStep, flushes as f64 / steps as f64);
    }
}
