//! What ids of checkpoints tell: when they were made.

use uuid::Uuid;

use crate::compact::uuid_of;

/// 100-ns ticks between the start of the Gregorian calendar and the Unix epoch.
const UNIX_TICKS: u64 = 0x01B2_1DD2_1381_4000;

/// The microseconds since the Unix epoch at which `id` was made, if it is a version 6 UUID in the form whose text
/// grows with time.
pub(crate) fn made_at(id: &str) -> Option<u64> {
    let parsed = Uuid::from_bytes(uuid_of(id)?);
    let (ticks, _) = parsed.get_timestamp()?.to_gregorian();
    (parsed.get_version_num() == 6).then(|| ticks.saturating_sub(UNIX_TICKS) / 10)
}

/// Whether a checkpoint was made no later than `cutoff`, if their ids can tell.
pub(crate) fn precedes(id: &str, cutoff: &str) -> Option<bool> {
    (is_v6(id) && is_v6(cutoff)).then(|| id <= cutoff)
}

/// Whether `id` is a version 6 UUID in the form whose text grows with time.
pub(crate) fn is_v6(id: &str) -> bool {
    made_at(id).is_some()
}
