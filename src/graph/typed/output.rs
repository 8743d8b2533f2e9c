//! What runs and threads of a typed graph give back.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt, TryStreamExt};

use super::{FromState, GraphState};
use crate::graph::error::GraphError;
use crate::graph::interrupt::Interrupt;
use crate::graph::state::State;
use crate::graph::thread::history::StateHistory;
use crate::graph::thread::snapshot::StateSnapshot;

/// What a run of a typed graph gives back: the state that it left, and the questions that it asks.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedOutput<S> {
    /// The state.
    pub state: S,
    /// The interrupts that wait for an answer; empty if the run came to its end.
    pub interrupts: Vec<Interrupt>,
}

impl<S> TypedOutput<S> {
    /// Whether the run stopped to ask.
    pub fn is_interrupted(&self) -> bool {
        !self.interrupts.is_empty()
    }
}

/// A [`StateSnapshot`] of a typed graph. It derefs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedSnapshot<S> {
    snapshot: StateSnapshot,
    of: PhantomData<fn() -> S>,
}

impl<S: GraphState> TypedSnapshot<S> {
    /// The state.
    ///
    /// # Errors
    /// [`GraphError::InvalidState`] if a field has no value yet that has no default either, as in a thread
    /// that does not exist, or if the checkpoint was written by another version of the struct and does
    /// not fit.
    pub fn state(&self) -> Result<S, GraphError> {
        S::from_state(State::from(self.snapshot.values.clone()))
    }

    /// The snapshot without its type.
    pub fn into_untyped(self) -> StateSnapshot {
        self.snapshot
    }
}

impl<S> From<StateSnapshot> for TypedSnapshot<S> {
    fn from(snapshot: StateSnapshot) -> Self {
        Self {
            snapshot,
            of: PhantomData,
        }
    }
}

impl<S> std::ops::Deref for TypedSnapshot<S> {
    type Target = StateSnapshot;

    fn deref(&self) -> &StateSnapshot {
        &self.snapshot
    }
}

/// The checkpoints of a thread of a typed graph, newest first: a stream of [`TypedSnapshot`]s.
pub struct TypedHistory<S> {
    history: StateHistory,
    of: PhantomData<fn() -> S>,
}

impl<S> TypedHistory<S> {
    pub(super) fn new(history: StateHistory) -> Self {
        Self {
            history,
            of: PhantomData,
        }
    }

    /// The next one.
    pub async fn next(&mut self) -> Option<Result<TypedSnapshot<S>, GraphError>> {
        StreamExt::next(self).await
    }

    /// All of them.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub async fn collect(self) -> Result<Vec<TypedSnapshot<S>>, GraphError> {
        self.try_collect().await
    }
}

impl<S> Stream for TypedHistory<S> {
    type Item = Result<TypedSnapshot<S>, GraphError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.history.poll_next_unpin(cx);
        next.map(|next| next.map(|snapshot| snapshot.map(TypedSnapshot::from)))
    }
}

impl<S> std::fmt::Debug for TypedHistory<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TypedHistory")
    }
}
