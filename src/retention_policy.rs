//! [`RetentionPolicy`]: what of a thread goes with time.

use std::time::Duration;

/// What of a thread goes with time. The default keeps everything.
///
/// The latest checkpoint of each namespace stays, and so do those with a tag; every value of what stays stays too.
///
/// ```
/// use std::time::Duration;
/// use stepwell::checkpoint::RetentionPolicy;
///
/// let day = Duration::from_secs(24 * 3600);
/// let policy = RetentionPolicy {
///     keep_last: Some(20),
///     older_than: Some(7 * day),
///     idle: Some(90 * day),
///     ..RetentionPolicy::default()
/// };
/// # let _ = policy;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// The latest so many checkpoints of each namespace stay, at least one. The others go; if
    /// [`older_than`](Self::older_than) is set, only once they are that old.
    pub keep_last: Option<u64>,
    /// Checkpoints that were made longer ago than this go, but for the [`keep_last`](Self::keep_last) latest.
    pub older_than: Option<Duration>,
    /// What subgraphs that keep no memory between calls have left behind goes once the graph that called them
    /// has gone on, the latest included.
    pub finished_subgraphs: bool,
    /// A thread whose newest checkpoint was made longer ago than this is deleted, unless one of its checkpoints has a
    /// tag.
    pub idle: Option<Duration>,
}

impl RetentionPolicy {
    /// The policy as it is kept: times are whole microseconds.
    pub(crate) fn in_micros(self) -> Self {
        let micros = |time: Duration| {
            Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
        };
        Self {
            older_than: self.older_than.map(micros),
            idle: self.idle.map(micros),
            ..self
        }
    }

    /// Whether anything ever goes.
    pub(crate) fn keeps_everything(&self) -> bool {
        *self == Self::default()
    }
}
