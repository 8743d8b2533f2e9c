//! [`Pace`]: how fast a compaction goes, so that those who commit meanwhile hardly notice.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::db::compaction::engine::Engine;
use crate::log::Lsn;

/// After this much was read or written it is looked whether it is time for a rest.
const PIECE: u64 = 64 << 10;
/// What has no length, such as a row of the index, counts as so many bytes.
const ROW: u64 = 64;
/// For so long it makes up for rests that were longer than they had to be.
const MADE_UP: Duration = Duration::from_millis(100);
/// While others commit, it rests so many times as long as it worked.
const YIELDED: u32 = 1;
/// The longest of those rests.
const YIELDED_MAX: Duration = Duration::from_millis(100);

/// How long to rest, as times since some moment and bytes say.
#[derive(Debug)]
struct Throttle {
    bytes_per_second: u64,
    /// When all that was moved so far is due.
    due: Duration,
    /// When the last rest was over.
    since: Duration,
}

/// Holds the pace of a compaction.
pub(super) struct Pace<'p> {
    engine: &'p Engine,
    begun: Instant,
    throttle: Throttle,
    /// Since the last look.
    moved: u64,
    /// The log's next LSN at the last look.
    next_lsn: Lsn,
}

impl Throttle {
    fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            due: Duration::ZERO,
            since: Duration::ZERO,
        }
    }

    /// How long to rest `now` that so much more was moved; not for the sake of the rate if somebody waits for the end of it.
    fn rest(&mut self, moved: u64, now: Duration, others: bool, hurry: bool) -> Duration {
        let worked = now.saturating_sub(self.since);
        let took = u128::from(moved) * 1_000_000 / u128::from(self.bytes_per_second.max(1));
        let took = Duration::from_micros(u64::try_from(took).unwrap_or(u64::MAX));
        self.due = (self.due.max(now.saturating_sub(MADE_UP))).saturating_add(took);
        let mut rest = if hurry {
            Duration::ZERO
        } else {
            self.due.saturating_sub(now)
        };
        if others {
            rest = rest.max(worked.saturating_mul(YIELDED).min(YIELDED_MAX));
        }
        self.since = now.saturating_add(rest);
        rest
    }
}

impl<'p> Pace<'p> {
    pub(super) fn new(engine: &'p Engine, bytes_per_second: u64) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "without a rate, and with nobody who commits meanwhile, the time changes nothing"
        )]
        let begun = Instant::now();
        Self {
            engine,
            begun,
            throttle: Throttle::new(bytes_per_second),
            moved: 0,
            next_lsn: Lsn::new(0),
        }
    }

    /// Takes note that so many rows were looked at. Whether to go on.
    pub(super) fn rows(&mut self, rows: u64) -> ControlFlow<()> {
        self.hold(rows.saturating_mul(ROW))
    }

    /// Takes note that so many bytes were read or written, and rests if it is time to. Whether to go on.
    pub(super) fn hold(&mut self, moved: u64) -> ControlFlow<()> {
        self.moved = self.moved.saturating_add(moved);
        if self.moved < PIECE {
            return ControlFlow::Continue(());
        }
        let moved = std::mem::take(&mut self.moved);
        let now = self.begun.elapsed();
        let Some(next_lsn) = self.engine.next_lsn() else {
            return ControlFlow::Break(());
        };
        let others = std::mem::replace(&mut self.next_lsn, next_lsn) != next_lsn;
        let hurry = self.engine.is_awaited();
        let rest = self.throttle.rest(moved, now, others, hurry);
        let goes_on = self.engine.rest(rest);
        self.throttle.since = self.begun.elapsed();
        if goes_on {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Moves so many pieces, each of which takes a while, and tells how long it takes.
    fn moved(throttle: &mut Throttle, mut now: Duration, pieces: u64, others: bool) -> Duration {
        let begun = now;
        for _ in 0..pieces {
            now += Duration::from_micros(500);
            now += throttle.rest(PIECE, now, others, false);
        }
        now - begun
    }

    #[test]
    fn no_more_is_moved_than_the_rate_allows() {
        for rate in [MIB, 10 * MIB, 100 * MIB] {
            let mut throttle = Throttle::new(rate);
            let took = moved(&mut throttle, Duration::ZERO, 10_000, false);
            let least = Duration::from_secs(10_000 * PIECE / rate);
            assert!(took >= least && took < least * 2, "{took:?}");
        }
    }

    #[test]
    fn a_long_pause_is_not_made_up_for() {
        let mut throttle = Throttle::new(10 * MIB);
        let later = Duration::from_secs(1_000);
        let took = moved(&mut throttle, later, 1_000, false);
        assert!(took + MADE_UP >= Duration::from_micros(1_000 * PIECE * 1_000_000 / (10 * MIB)));
    }

    #[test]
    fn it_leaves_as_much_time_to_others_as_it_takes() {
        let mut throttle = Throttle::new(u64::MAX);
        let alone = moved(&mut throttle, Duration::ZERO, 1_000, false);
        assert_eq!(alone, Duration::from_millis(500));
        let beside = moved(&mut throttle, alone, 1_000, true);
        assert_eq!(beside, alone * (YIELDED + 1));
    }

    #[test]
    fn who_waits_for_it_waits_for_no_rate() {
        let mut throttle = Throttle::new(MIB);
        let rest = throttle.rest(100 * MIB, Duration::from_secs(1), false, true);
        assert_eq!(rest, Duration::ZERO);
    }
}
