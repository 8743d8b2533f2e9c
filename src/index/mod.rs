//! The index: what the log says, in memory, by thread and by namespace.
//!
//! It is fed with [records](crate::codec::Record) in the order of the log, and the same records always make the same index,
//! whether they come from a writer or from replaying the log. It is generic over the handle `H` by which
//! a value is found again: the value itself for savers in memory, its place in the log for the database.
//!
//! This module must never know how records are encoded, or read a value.

mod checkpoints;
mod entry;
mod items;
#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "the database uses it next")
)]
mod layers;
mod names;
mod namespace;
mod refused;
#[cfg_attr(not(test), expect(dead_code, reason = "the database uses it next"))]
mod tables;
mod thread;

pub(crate) use checkpoints::{Checkpoints, Found, Selection};
pub(crate) use entry::{Entry, Held};
pub(crate) use items::{ItemEntry, Items};
pub(crate) use refused::Refused;
