//! The codec: between records and the bytes of a frame's payload.
//!
//! A payload is a sequence of records, each preceded by its length, kind and flags. This is the only
//! module that knows bincode; it must never know what a record means or where its frame is.

mod body;
mod error;
mod payload;
mod record;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use error::CodecError;
pub(crate) use payload::{decode, decode_one, encode};
pub(crate) use record::{
    Changed, CheckpointPut, CheckpointsPruned, ItemDeleted, ItemPut, Record, Removed, TagRemoved,
    TagSet, TaskWrite, ThreadCopied, ThreadDeleted, WritesPut,
};
#[cfg(test)]
use wire::Blob;
