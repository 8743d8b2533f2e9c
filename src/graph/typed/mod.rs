//! The typed face: a graph whose channels are the fields of a struct.
//!
//! The engine underneath is the dynamic one. A struct that derives [`State`](derive@super::State) says
//! which channels there are and how to read them ([`GraphState`]); its update type turns into writes to
//! them. This module must never know how a run works.
//!
//! # A state
//!
//! ```
//! use std::collections::BTreeMap;
//! use serde::{Deserialize, Serialize};
//! use stepwell::graph::{Message, State};
//!
//! #[derive(State, Clone, Serialize, Deserialize)]
//! struct Chat {
//!     #[state(messages)]
//!     messages: Vec<Message>,
//!     #[state(append)]
//!     notes: Vec<String>,
//!     #[state(merge)]
//!     facts: BTreeMap<String, String>,
//!     topic: Option<String>, // no reducer: the last value written
//!     #[state(default = 3)]
//!     attempts_left: u32,
//! }
//!
//! // What a node returns: only what it changes.
//! let update = ChatUpdate::new()
//!     .messages([Message::assistant("hello")])
//!     .topic("greetings")
//!     .overwrite_notes(["start over"]);
//! ```
//!
//! The attributes of a field:
//!
//! | `#[state(...)]` | several writes | the field's type |
//! |---|---|---|
//! | none | the last one; two in one super-step are an error | any that serde knows |
//! | `append` | are appended | `Vec`, `VecDeque`, any [`ListField`] |
//! | `messages` | are told apart by id: replaced, removed, appended | a list of [`Message`]s, or of other objects with an `id` |
//! | `add` | are added up | a number, or another [`AddField`] |
//! | `concat` | are joined | `String` |
//! | `merge` | are merged, key by key | a map, or another [`MergeField`] |
//! | `max`, `min` | the largest, the smallest | a number, `String` or other [`OrdField`], or an `Option` of it |
//! | `custom = path::to_function` | `fn(T, T) -> T`: what is there, and the write | any that serde knows, or an `Option` of it |
//! | `any` | one of them; empty after a super-step without a write | `Option` |
//! | `ephemeral` | as without a reducer; empty after a super-step without a write | `Option` |
//! | `topic`, `topic(accumulate)` | the list of those of the last super-step, or of all | a [`ListField`] |
//!
//! `untracked` keeps the field for the run only and never saves it: it need not be serialisable, only `Clone`, `Send`
//! and `Sync` (a session, a client, a handle). Whoever starts or resumes a run gives it, in the input or with
//! [`Command::update`](super::Command::update); subgraphs see it under the same name. What is read from a
//! checkpoint has no value in it.
//!
//! `default` and `default = expression`
//! (or serde's `default`) say what the field is where the channel has no value; for a reducer it is also the
//! value that it starts from. A field that is no `Option` and has neither a default nor a reducer with a start of
//! its own has to be written before a node reads the state; if it was not, the error names it.
//!
//! # When the struct changes
//!
//! Channels are named as serde names the fields, `rename` and `rename_all` included. A checkpoint that was written
//! by an earlier version of the struct is read field by field: one that was added takes its default, one that was
//! removed is left alone, one that was renamed is found under `#[serde(alias = "former name")]`. Whatever does not
//! fit is an [error](super::GraphError::InvalidState) that names the channel, when the state is first read.

mod fields;
mod graph;
mod input;
mod list;
mod message;
mod output;
#[doc(hidden)]
pub mod support;
mod update;
mod writes;

pub use fields::{
    AddField, ChannelValue, ConcatField, ListField, MergeField, OrdField, SavedField,
    UntrackedField,
};
pub use graph::{SubgraphOf, TypedGraph};
pub use input::TypedInput;
pub use list::List;
pub use message::{Message, Role};
pub use output::{TypedHistory, TypedOutput, TypedSnapshot};
pub use update::Update;
pub(super) use writes::refuse_unserializable;

use serde_json::Value;

use super::channels::channel::Channel;
use super::error::GraphError;
use super::output::IntoNodeOutput;
use super::state::State;

/// A struct whose fields are the channels of a graph. Derive it with
/// [`#[derive(State)]`](derive@super::State); what the attributes are is told [here](self).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no graph state",
    note = "put `#[derive(State)]` (of `stepwell::graph`) on the struct"
)]
pub trait GraphState: Sized + Send + 'static {
    /// The update type: each field may be written or left alone.
    type Update: Default
        + IntoNodeOutput<Self>
        + Into<Value>
        + Into<Update>
        + Into<TypedInput<Self>>;

    /// The channels by name.
    fn channels() -> Vec<(String, Channel)>;

    /// The struct as the engine's state has it.
    ///
    /// # Errors
    /// [`GraphError::InvalidState`] if a field cannot be read or has no value.
    fn read(state: &State) -> Result<Self, GraphError>;
}

/// Whatever nodes and conditional edges can see of a graph's state: the dynamic
/// [`State`](struct@State), or any [`GraphState`].
#[diagnostic::on_unimplemented(
    message = "a node cannot take `{Self}` as its state",
    note = "put `#[derive(State)]` (of `stepwell::graph`) on the struct"
)]
pub trait FromState: Sized {
    /// What `state` is in this form.
    ///
    /// # Errors
    /// [`GraphError::InvalidState`] if a field cannot be read or has no value.
    fn from_state(state: State) -> Result<Self, GraphError>;
}

impl FromState for State {
    fn from_state(state: State) -> Result<Self, GraphError> {
        Ok(state)
    }
}

impl<S: GraphState> FromState for S {
    fn from_state(state: State) -> Result<Self, GraphError> {
        S::read(&state)
    }
}
