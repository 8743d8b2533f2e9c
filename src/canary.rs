//! [`Canary`]: deliberate bugs, to prove that the tests would find them.
//!
//! Without the feature `testing` there are none. With it, each is there for the thread that asks for it, and for as long as it
//! does; so only simulated runs, which have one thread, can have one.

/// A deliberate bug.
#[cfg_attr(
    not(feature = "testing"),
    expect(unreachable_pub, reason = "it is public with the feature")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// A commit is acknowledged without a sync.
    SkippedSync,
    /// The name of a new segment is not made durable.
    SkippedDirectorySync,
    /// A full segment is not synced before the next one is begun.
    SkippedSeal,
    /// Frames are valid in any segment.
    UnseededChecksum,
    /// The superblock says of records that they are durable before they are.
    EarlyWatermark,
    /// Frames that recovery keeps are not written again, though a sync of them may have failed.
    NotRewritten,
    /// Compaction takes a new segment's name for durable.
    SkippedPublishing,
    /// Readers do not see what was acknowledged since the index was told last.
    StaleIndex,
    /// Between a look at the log's state and the wait for another one, somebody may change it.
    LateRegistration,
}

#[cfg(feature = "testing")]
mod switch {
    use std::cell::Cell;

    use super::Canary;

    thread_local! {
        static SINGING: Cell<Option<Canary>> = const { Cell::new(None) };
    }

    impl Canary {
        /// Those that runs in one thread can find.
        pub const ALL: [Self; 8] = [
            Self::SkippedSync,
            Self::SkippedDirectorySync,
            Self::SkippedSeal,
            Self::UnseededChecksum,
            Self::EarlyWatermark,
            Self::NotRewritten,
            Self::SkippedPublishing,
            Self::StaleIndex,
        ];

        /// This thread has this bug, or none, from now on.
        pub fn sing(canary: Option<Self>) {
            SINGING.set(canary);
        }

        /// Whether this thread has this bug.
        pub(crate) fn sings(self) -> bool {
            SINGING.get() == Some(self)
        }
    }
}

#[cfg(not(feature = "testing"))]
impl Canary {
    /// Never.
    pub(crate) const fn sings(self) -> bool {
        let _ = self;
        false
    }
}
