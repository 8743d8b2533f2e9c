//! What is written: conversations that grow, and rows of one size.

mod conversation;
mod encoding;
mod message;
mod random;
pub(crate) mod rows;
mod text;

pub(crate) use conversation::{Conversation, Step};
pub(crate) use encoding::Encoding;
pub(crate) use random::Random;
