//! The codec: between records and the bytes of a frame's payload.
//!
//! A payload is a sequence of records, each preceded by its length, kind and flags. This is the only
//! module that knows bincode and the compression of records; it must never know what a record means or where its frame is. Places of other
//! values are numbers to it.

mod body;
mod checkpoint;
mod compression;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod payload;
mod place;
mod record;
mod skim;
#[cfg(test)]
mod tests;
mod value;
mod wire;

pub use compression::Compression;
pub(crate) use error::CodecError;
pub(crate) use payload::{
    decode, decode_all, decode_one, encode, encode_into, is_compressed, thread_of, values_to,
};
pub(crate) use place::{FramePlace, Place};
pub(crate) use record::{
    Changed, ChannelVersions, CheckpointPut, CheckpointsPruned, ItemDeleted, ItemExpired,
    ItemHistorySet, ItemPut, ItemTouched, Moved, Ranked, Record, Remnant, Removed, TagRemoved,
    TagSet, TaskWrite, ThreadCopied, ThreadDeleted, ThreadPolicySet, Touched, VersionChanges,
    Versions, WritesPut, fields_of, words_of,
};
pub(crate) use value::{Alias, Delta, Numbered, Stored, Value};
