//! [`ChannelVersion`]: how often a channel has changed, as its writer counts.
//!
//! This module must never know what a channel holds.

/// The version of a channel: grows each time the channel changes.
///
/// Stepwell's executor counts with integers. LangGraph's savers use strings of the form
/// `{counter:032}.{random:016}`, which compare by their text; both are kept as they come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(untagged)]
pub enum ChannelVersion {
    /// A plain counter.
    Int(u64),
    /// A version made by another implementation, ordered by its text.
    Text(String),
}
