//! Which segments to compact.

use std::collections::BTreeMap;

use crate::db::compaction::CompactionOptions;
use crate::index::SegmentUse;
use crate::log::{SegmentKind, SegmentStats};

/// So many adjacent short segments are made into one.
const SHORT_RUN: usize = 4;

/// In the background at most so many bytes are read for one that comes back.
const READ_FOR_GAIN: u64 = 10;

/// Which segments are worth it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Those in which anything is dead, and those that are not packed yet.
    Any,
    /// Those in which much is dead, and short ones.
    Much(CompactionOptions),
}

/// A sealed segment, and what is known of its use.
#[derive(Clone, Copy, Debug)]
pub(in crate::db) struct Candidate {
    pub(in crate::db) stats: SegmentStats,
    pub(in crate::db) used: SegmentUse,
}

impl Candidate {
    /// About what would be left of it.
    pub(super) fn rest(&self) -> u64 {
        self.stats.unpacked.saturating_sub(self.used.dead)
    }
}

/// The segments of the log and what is known of their use, which may have been noted for segments that they were made from.
pub(in crate::db) fn with_use(
    segments: &[SegmentStats],
    noted: &[(u64, SegmentUse)],
) -> Vec<Candidate> {
    let noted: BTreeMap<u64, SegmentUse> = noted.iter().copied().collect();
    let with_use = segments.iter().map(|stats| {
        let mut used = SegmentUse::default();
        for (_, of) in
            noted.range(stats.id.base().get()..stats.end.get().max(stats.id.base().get()))
        {
            used.dead = used.dead.saturating_add(of.dead);
            used.bound = used.bound.saturating_add(of.bound);
        }
        Candidate {
            stats: *stats,
            used,
        }
    });
    with_use.collect()
}

/// The sealed segments that are worth it, in order.
pub(super) fn choose(segments: &[Candidate], worth: Worth, segment_bytes: u64) -> Vec<Candidate> {
    let sealed: Vec<_> = (segments.iter())
        .filter(|segment| segment.stats.kind != SegmentKind::Active)
        .copied()
        .collect();
    let is_much = |of: &Candidate| match worth {
        Worth::Any => {
            let is_packed = of.stats.kind == SegmentKind::Compacted;
            !is_packed || of.used.dead > 0 || of.used.bound > 0
        }
        Worth::Much(options) => {
            let (dead, percent) = (of.used.dead, u128::from(options.dead_percent));
            dead > 0 && u128::from(dead) * 100 >= u128::from(of.stats.unpacked) * percent
        }
    };
    if worth == Worth::Any {
        // Whoever asks for it wants it all, whatever has to be read.
        return sealed.into_iter().filter(is_much).collect();
    }
    let is_short = |of: &Candidate| of.rest() < segment_bytes / 8;
    let runs = sealed.chunk_by(|a, b| is_short(a) && is_short(b));
    // What each of those gives that are worth it by themselves: space, or one file less.
    let gains = runs.flat_map(|run| {
        let short = run.len() >= SHORT_RUN;
        run.iter().map(move |of| match (short, is_much(of)) {
            (true, _) => Some(of.stats.bytes),
            (false, true) => Some(of.used.dead),
            (false, false) => None,
        })
    });
    let gains: Vec<Option<u64>> = gains.collect();
    let from = match worth {
        Worth::Any => 0,
        Worth::Much(_) => worth_from(&sealed, &gains),
    };
    let chosen = sealed.iter().zip(gains).skip(from);
    let chosen = chosen.filter(|(_, gain)| gain.is_some());
    chosen.map(|(of, _)| *of).collect()
}

/// From which segment on it is worth it: all that is newer has to be read.
fn worth_from(sealed: &[Candidate], gains: &[Option<u64>]) -> usize {
    let (mut read, mut gained, mut from) = (0_u64, 0_u64, sealed.len());
    for (number, (of, gain)) in sealed.iter().zip(gains).enumerate().rev() {
        read = read.saturating_add(of.stats.bytes);
        gained = gained.saturating_add(gain.unwrap_or_default());
        if gain.is_some() && gained.saturating_mul(READ_FOR_GAIN) >= read {
            from = number;
        }
    }
    from
}

/// Runs of adjacent segments, newest first, of which each makes about one segment.
pub(super) fn runs(chosen: &[Candidate], segment_bytes: u64) -> Vec<Vec<Candidate>> {
    let mut runs: Vec<Vec<Candidate>> = Vec::new();
    let mut rest = 0;
    for candidate in chosen {
        let of_one = candidate.rest();
        match runs.last_mut() {
            Some(run)
                if run.last().map(|last| last.stats.end) == Some(candidate.stats.id.base())
                    && of_one.saturating_add(rest) <= segment_bytes =>
            {
                rest += of_one;
                run.push(*candidate);
            }
            _ => {
                rest = of_one;
                runs.push(vec![*candidate]);
            }
        }
    }
    runs.reverse();
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Lsn, SegmentId};

    /// Segments of 100 bytes and 10 records with so many dead bytes, and an active one.
    fn segments(dead: &[u64]) -> Vec<Candidate> {
        let mut base = 1;
        let stats: Vec<_> = (0..=dead.len())
            .map(|number| {
                let id = SegmentId::new(Lsn::new(base));
                base += 10;
                let kind = if number == dead.len() {
                    SegmentKind::Active
                } else {
                    SegmentKind::Sealed
                };
                SegmentStats {
                    id,
                    end: Lsn::new(base),
                    bytes: 100,
                    unpacked: 100,
                    kind,
                }
            })
            .collect();
        let noted: Vec<_> = (stats.iter().zip(dead))
            .map(|(stats, dead)| {
                (
                    stats.id.base().get() + 3,
                    SegmentUse {
                        dead: *dead,
                        bound: 0,
                    },
                )
            })
            .collect();
        with_use(&stats, &noted)
    }

    fn bases(of: &[Candidate]) -> Vec<u64> {
        of.iter().map(|of| of.stats.id.base().get()).collect()
    }

    #[test]
    fn segments_with_much_that_is_dead_are_chosen() {
        let mut segments = segments(&[0, 50, 49, 90]);
        let much = Worth::Much(CompactionOptions::default());
        assert_eq!(bases(&choose(&segments, much, 100)), [11, 31]);
        assert_eq!(bases(&choose(&segments, Worth::Any, 100)), [1, 11, 21, 31]);
        for of in &mut segments {
            of.stats.kind = SegmentKind::Compacted;
        }
        assert_eq!(bases(&choose(&segments, Worth::Any, 100)), [11, 21, 31]);
    }

    #[test]
    fn little_that_is_dead_is_not_looked_for_in_much() {
        let much = Worth::Much(CompactionOptions::default());
        let mut dead = vec![60, 0, 0, 0, 0];
        assert_eq!(bases(&choose(&segments(&dead), much, 100)), [1]);
        dead.resize(49, 0);
        assert_eq!(bases(&choose(&segments(&dead), much, 100)), [0; 0]);
        dead[40] = 95;
        assert_eq!(bases(&choose(&segments(&dead), much, 100)), [401]);
    }

    #[test]
    fn several_short_segments_are_made_into_one() {
        let much = Worth::Much(CompactionOptions::default());
        let segments = segments(&[0, 0, 0, 0, 0]);
        assert_eq!(choose(&segments, much, 1000).len(), 5);
        assert_eq!(choose(&segments, much, 100).len(), 0);
        assert_eq!(choose(&segments[1..3], much, 1000).len(), 0);
    }

    #[test]
    fn a_run_makes_about_one_segment() {
        let segments = segments(&[50, 50, 50, 0, 90, 90]);
        let much = Worth::Much(CompactionOptions::default());
        let chosen = choose(&segments, much, 100);
        let runs: Vec<_> = runs(&chosen, 100).iter().map(|run| bases(run)).collect();
        assert_eq!(runs, [vec![41, 51], vec![21], vec![1, 11]]);
    }
}
