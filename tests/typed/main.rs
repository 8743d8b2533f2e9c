//! Graphs whose state is a struct.

mod chat;
mod reducers;
