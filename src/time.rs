//! Times as they are kept: microseconds since the Unix epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `time` in whole microseconds; 0 if it is before the epoch.
pub(crate) fn to_micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The time that is `micros` after the epoch.
pub(crate) fn from_micros(micros: u64) -> SystemTime {
    UNIX_EPOCH
        .checked_add(Duration::from_micros(micros))
        .unwrap_or(UNIX_EPOCH)
}

/// The microseconds since the Unix epoch of a time in RFC 3339; `None` if it is none, or before the epoch.
pub(crate) fn parse_micros(text: &str) -> Option<u64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_microsecond()).ok()
}

/// A time in microseconds since the Unix epoch in RFC 3339; `None` if it is too late for that.
pub(crate) fn text(micros: u64) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(i64::try_from(micros).ok()?).ok()?;
    Some(time.to_string())
}
