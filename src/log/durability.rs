//! [`Durability`]: what an acknowledged commit survives.

use std::time::Duration;

/// What an acknowledged commit survives. A killed process loses nothing acknowledged in any of
/// the three; they differ in what a power cut or a crash of the operating system can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Acknowledged means on stable storage. A power cut takes nothing acknowledged.
    #[default]
    Sync,
    /// Acknowledged means written to the operating system; a sync follows within this time. A
    /// power cut takes at most the commits acknowledged during that time and the sync itself.
    Interval(Duration),
    /// Acknowledged means written to the operating system, which syncs when it likes. A power cut
    /// takes at most the commits since the last sync that another commit, a full segment or
    /// [`Log::sync`](super::Log::sync) asked for.
    Os,
}
