//! Checkpoints as LangGraph's savers keep them in tables: what is in a column, and what it is here.
//!
//! This module must never know which database has the tables.

mod checkpoint;
mod error;
mod metadata;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use checkpoint::{
    checkpoint_json, inline_checkpoint, read_checkpoint_json, read_inline_checkpoint,
    unknown_channels,
};
pub(crate) use error::ColumnError;
pub(crate) use metadata::{metadata_json, read_metadata};
pub(crate) use value::{Reading, read_value, value_column};
