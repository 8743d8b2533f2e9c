//! [`TypedInput`]: what a run of a typed graph is given.

use std::marker::PhantomData;

use super::writes::Writes;
use super::{GraphState, Update};
use crate::graph::channels::locals::Locals;
use crate::graph::command::Command;
use crate::graph::config::Config;
use crate::graph::input::Input;

/// What a run of a typed graph is given: an update of its state (the new input), a [`Command`], or
/// [`Input::Continue`].
#[derive(Clone, Debug, PartialEq)]
pub struct TypedInput<S> {
    input: Input,
    locals: Locals,
    of: PhantomData<fn(S)>,
}

impl<S: GraphState> TypedInput<S> {
    /// New input.
    #[doc(hidden)]
    pub fn from_writes(writes: Writes) -> Self {
        let Update { values, locals } = writes.into();
        Self {
            locals,
            ..Input::Values(values).into()
        }
    }

    /// The input as the engine takes it, and the config with the untracked values that came with it.
    pub(super) fn with_config(self, config: &Config) -> (Input, Config) {
        let mut config = config.clone();
        config.locals = self.locals;
        (self.input, config)
    }
}

impl<S> From<Input> for TypedInput<S> {
    fn from(input: Input) -> Self {
        Self {
            input,
            locals: Locals::default(),
            of: PhantomData,
        }
    }
}

impl<S> From<Command> for TypedInput<S> {
    fn from(command: Command) -> Self {
        Input::Command(command).into()
    }
}
