//! Checkpoint ids: UUIDs of version 6, whose text grows with time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use uuid::{Timestamp, Uuid};

use crate::vfs::{Host, OsHost};

/// Makes checkpoint ids that grow.
///
/// An id is a version 6 UUID, as LangGraph's are: its text begins with the time, in units of 100 ns, so
/// that comparing ids as text compares their age. One generator never gives the same time twice, and
/// never one before `floor`, so a clock that is set back cannot put a new checkpoint before its parent.
#[derive(Debug, Default)]
pub struct CheckpointIds {
    last: AtomicU64,
}

/// The time now, as checkpoints keep it: RFC 3339, UTC.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// The last time that an id can say, in the year 5236.
const LAST_TICKS: u64 = (1 << 60) - 1;

/// 100-ns ticks between the UUID epoch (1582-10-15) and the Unix epoch (RFC 9562 §5.1).
const UNIX_TICKS: u64 = 0x01B2_1DD2_1381_4000;

impl CheckpointIds {
    /// A generator that has given no id yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An id greater than all that this generator has given and than `floor`, if that is a version 6
    /// UUID and not of the last moment that one can say. `step` goes into its clock sequence, as in LangGraph.
    pub fn next(&self, floor: Option<&str>, step: i64) -> String {
        self.next_of(&OsHost, floor, step)
    }

    /// As [`next`](Self::next), with time and randomness from a host.
    fn next_of(&self, host: &dyn Host, floor: Option<&str>, step: i64) -> String {
        let now = host
            .system_time()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() / 100);
        let now = u64::try_from(now).unwrap_or(u64::MAX / 2) + UNIX_TICKS;
        let floor = floor.and_then(ticks_of).unwrap_or(0);
        let least = now.max(floor.saturating_add(1));
        let mut given = least;
        let _ = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                given = least.max(last.saturating_add(1)).min(LAST_TICKS);
                Some(given)
            });
        let clock_sequence = u16::try_from(step.rem_euclid(0x4000)).unwrap_or(0);
        let random = host.unique().into_bytes();
        let node = [
            random[0], random[1], random[2], random[3], random[4], random[5],
        ];
        Uuid::new_v6(Timestamp::from_gregorian_time(given, clock_sequence), &node).to_string()
    }
}

/// The cutoff of a deletion: what was made until now, and whatever there is up to `greatest`, is gone. It follows nothing else, as
/// the ids of another thread may be of a clock that was ahead.
pub(crate) fn cutoff_after(host: &dyn Host, greatest: Option<&str>) -> String {
    CheckpointIds::new().next_of(host, greatest, 0)
}

/// The time of a version 6 UUID in 100-ns ticks.
fn ticks_of(id: &str) -> Option<u64> {
    let uuid = Uuid::try_parse(id).ok()?;
    if uuid.get_version_num() != 6 {
        return None;
    }
    uuid.get_timestamp().map(|t| t.to_gregorian().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_time_that_an_id_can_say_is_not_passed() {
        let last = "ffffffff-ffff-6fff-bfff-ffffffffffff";
        let ids = CheckpointIds::new();
        for _ in 0..2 {
            let next = ids.next(Some(last), 0);
            assert_eq!(ticks_of(&next), ticks_of(last));
        }
    }
}
