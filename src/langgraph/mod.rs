//! Checkpoints as LangGraph's savers keep them in tables: what is in a column, and what it is here.
//!
//! This module must never know which database has the tables.

#[cfg_attr(
    not(feature = "sqlite"),
    expect(dead_code, reason = "only SQLite has columns with all")
)]
mod checkpoint;
mod error;
mod metadata;
mod old;
mod value;

#[cfg(test)]
mod tests;

#[cfg(any(feature = "postgres", test))]
pub(crate) use checkpoint::checkpoint_json;
#[cfg(test)]
pub(crate) use checkpoint::read_checkpoint_json;
pub(crate) use checkpoint::{
    inline_checkpoint, inline_form, read_inline_checkpoint, unknown_channels,
};
pub(crate) use error::ColumnError;
pub(crate) use metadata::{metadata_json, read_metadata};
pub(crate) use old::{FORM, TASKS, form_of, give_sent, note_form, sent};
pub(crate) use value::{Reading, read_value, value_column};
