//! The codec: between records and the bytes of a frame's payload.
//!
//! A payload is a sequence of records, each preceded by its length, kind and flags. This is the only
//! module that knows bincode and the compression of records; it must never know what a record means or where its frame is. Places of other
//! values are numbers to it.

mod body;
mod checkpoint;
mod checkpoint_put;
mod compression;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod item_put;
mod payload;
mod place;
mod record;
mod skim;
#[cfg(test)]
mod tests;
mod value;
mod wire;

pub(crate) use checkpoint_put::{
    Changed, ChannelVersions, CheckpointPut, VersionChanges, Versions,
};
pub use compression::Compression;
pub(crate) use error::CodecError;
pub(crate) use item_put::{ItemPut, Moved, Ranked, fields_of, words_of};
pub(crate) use payload::{
    decode, decode_all, decode_one, encode, encode_into, is_compressed, thread_of, values_to,
};
pub(crate) use place::{FramePlace, Place};
pub(crate) use record::{
    CheckpointsPruned, ItemDeleted, ItemExpired, ItemHistorySet, ItemTouched, Record, Remnant,
    Removed, TagRemoved, TagSet, TaskWrite, ThreadCopied, ThreadDeleted, ThreadPolicySet, Touched,
    WritesPut,
};
pub(crate) use value::{Alias, Delta, Numbered, Stored, Value};
