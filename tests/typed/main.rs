//! Graphs whose state is a struct.

mod chat;
mod compile_errors;
mod evolution;
mod lists;
mod reducers;
mod subgraphs;
mod untracked;
