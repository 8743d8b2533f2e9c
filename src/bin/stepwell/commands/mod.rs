//! The commands that look into a database: one file each, and what several of them share.
//!
//! A command is an `Args` and a `run`, which prints on a [`Screen`](crate::screen::Screen) and says how it went.

pub(crate) mod diff;
mod find;
pub(crate) mod history;
mod json;
pub(crate) mod show;
pub(crate) mod threads;
