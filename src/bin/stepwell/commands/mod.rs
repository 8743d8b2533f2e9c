//! The commands that look into a database, and those that look after it: one file each, and what several of them share.
//!
//! A command is an `Args` and a `run`, which prints on a [`Screen`](crate::screen::Screen) and says how it went.

pub(crate) mod backup;
pub(crate) mod compact;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod diff;
pub(crate) mod dump;
mod find;
pub(crate) mod history;
mod json;
pub(crate) mod prune;
pub(crate) mod salvage;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod store;
pub(crate) mod tag;
pub(crate) mod threads;
pub(crate) mod torture;
pub(crate) mod transfer;
pub(crate) mod verify;
