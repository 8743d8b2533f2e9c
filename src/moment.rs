//! [`Moment`]: when something was as it is asked for.

use std::time::SystemTime;

use crate::time;

/// A moment in the past of a store.
///
/// That of a checkpoint, which its [`Db`](crate::db::Db::moment) tells, is a place in the log: what was put before it, and together with it, was
/// there; what was put behind it was not. It is about that database only.
///
/// One by time goes by the clock of those who wrote: if that was set back, what was put then is taken for older than it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What was put before this LSN was there.
    pub(crate) lsn: Option<u64>,
    /// Microseconds since the Unix epoch.
    pub(crate) at: u64,
}

impl Moment {
    /// The moment at `time`, to the microsecond: what was put then was there.
    pub fn at(time: SystemTime) -> Self {
        Self {
            lsn: None,
            at: time::to_micros(time),
        }
    }

    /// The same by time alone, for a store that the log is not about.
    pub(crate) fn by_time(self) -> Self {
        Self { lsn: None, ..self }
    }

    /// When that was, by the clock of whoever wrote then.
    pub fn time(self) -> SystemTime {
        time::from_micros(self.at)
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self::at(time)
    }
}
