//! Texts that are mostly one of a few known forms, as the few bytes that they say: ids, times, versions, metadata.
//!
//! Every form stands for exactly one text. It is found only in a text that it gives back to the byte, so whoever
//! keeps the form has kept the text. This module must never know how forms are written.

mod id;
mod kept_metadata;
mod kept_time;
mod metadata;
mod time;
mod version;

pub(crate) use id::{uuid_of, uuid_text};
pub(crate) use kept_metadata::KeptMetadata;
pub(crate) use kept_time::KeptTime;
pub(crate) use metadata::Step;
pub(crate) use time::Time;
pub(crate) use version::Counted;
