//! Graphs whose state is a struct.

mod chat;
mod evolution;
mod reducers;
mod subgraphs;
