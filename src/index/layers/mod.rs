//! The rows of a database: what changed lately in memory, over a file of redb.
//!
//! Its one job is to be an ordered map that takes changes at the speed of memory, holds more than fits into
//! it, opens at once, and lends consistent views of itself. The log is what is true: the file is a view of
//! it, written behind and never ahead of it, and thrown away on the slightest doubt. This module must never
//! know what keys and rows mean.

mod base;
mod file;
mod gate;
mod handover;
mod home;
mod in_order;
mod indexer;
mod layered;
mod lent;
mod options;
mod pages;
mod range;
mod ranked;
mod redb_file;
mod snapshot;
#[cfg(test)]
mod tests;
mod unusable;
mod watermark;
mod written;

pub(crate) use file::{Found, IndexFile};
pub(crate) use gate::{Gate, Stop, Waits};
pub(crate) use home::{FileReads, NAME as INDEX_FILE};
pub(crate) use indexer::{Indexer, Owner};
pub(crate) use layered::Layered;
pub(crate) use options::IndexOptions;
pub(crate) use snapshot::LayeredSnapshot;
#[cfg(test)]
pub(crate) use unusable::Unusable;
pub(crate) use watermark::{Identity, Watermark};
