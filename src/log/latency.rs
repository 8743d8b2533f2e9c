//! [`Latency`]: how long something took that was done many times, in constant memory.

use std::time::Duration;

/// Times in nanoseconds by their highest bit and the two below it.
const BUCKETS: usize = 4 * 64;

/// How long something took that was done `count` times.
///
/// The percentiles are exact to an eighth: they are kept in buckets whose width is a quarter of a power of two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many times it was done.
    pub count: u64,
    /// All times together.
    pub sum: Duration,
    /// Of all times.
    pub mean: Duration,
    /// Half of the times were no longer.
    pub p50: Duration,
    /// All but one in a hundred were no longer.
    pub p99: Duration,
}

/// Times, as they come.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    nanos: u128,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS].into_boxed_slice(),
            count: 0,
            nanos: 0,
        }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(nanos)) {
            *bucket += 1;
        }
        self.count += 1;
        self.nanos += u128::from(nanos);
    }

    pub(super) fn summary(&self) -> Latency {
        let mean = self.nanos / u128::from(self.count.max(1));
        Latency {
            count: self.count,
            sum: Duration::from_nanos(u64::try_from(self.nanos).unwrap_or(u64::MAX)),
            mean: Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)),
            p50: self.percentile(50),
            p99: self.percentile(99),
        }
    }

    /// The middle of the bucket that the percentile is in.
    fn percentile(&self, percent: u64) -> Duration {
        let rank = self.count.saturating_mul(percent).div_ceil(100);
        let mut passed = 0;
        for (bucket, count) in (0..).zip(&self.buckets) {
            passed += count;
            if passed >= rank && passed > 0 {
                return Duration::from_nanos(middle_of(bucket));
            }
        }
        Duration::ZERO
    }
}

fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.max(4);
    let highest = nanos.ilog2();
    let quarter = (nanos >> (highest - 2)) & 3;
    usize::try_from(u64::from(highest) * 4 + quarter).unwrap_or(BUCKETS)
}

fn middle_of(bucket: u32) -> u64 {
    let (highest, quarter) = (bucket / 4, u64::from(bucket % 4));
    // Halves of a quarter, of which there are eight to a power of two.
    let eighths = 8 + 2 * quarter + 1;
    match highest.checked_sub(3) {
        Some(shift) => eighths << shift,
        None => 4 + quarter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_to_an_eighth() {
        for scale in [10, 1_000, 1_000_000, 10_000_000_000] {
            let mut times = Histogram::default();
            (1..=100).for_each(|n| times.add(Duration::from_nanos(n * scale)));
            let found = times.summary();
            assert_eq!(found.count, 100);
            assert_eq!(found.sum, Duration::from_nanos(5050 * scale));
            assert_eq!(found.mean, Duration::from_nanos(101 * scale / 2));
            for (found, expected) in [(found.p50, 50 * scale), (found.p99, 99 * scale)] {
                let found = u64::try_from(found.as_nanos()).unwrap();
                assert!(
                    found.abs_diff(expected) <= expected / 8 + 1,
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn nothing_takes_no_time_and_any_time_has_a_bucket() {
        assert_eq!(Histogram::default().summary(), Latency::default());
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let mut times = Histogram::default();
            times.add(time);
            assert_eq!(times.summary().count, 1);
            assert!(times.summary().p50 <= Duration::from_nanos(u64::MAX));
        }
    }
}
