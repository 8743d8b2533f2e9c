//! Graphs whose state is a struct.

mod chat;
mod evolution;
mod lists;
mod reducers;
mod subgraphs;
mod untracked;
