//! [`Channel`]: one key of a graph's state, and how writes to it are applied.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::graph::channels::reducer::{self, ReduceError, Reducer};

/// One key of a graph's state: what it holds before the first write, and how the writes of a
/// super-step are applied to it.
///
/// ```
/// use stepwell::graph::{Channel, StateGraph};
/// let _ = StateGraph::new()
///     .add_channel("question", Channel::last())
///     .add_channel("answers", Channel::append());
/// ```
#[derive(Clone, Debug)]
pub struct Channel {
    pub(in crate::graph) kind: Kind,
    /// The names that it had before.
    pub(in crate::graph) aliases: Vec<String>,
}

#[derive(Clone, Debug)]
pub(in crate::graph) enum Kind {
    Last,
    Any,
    Ephemeral,
    Untracked,
    Topic {
        accumulate: bool,
    },
    Reduce(Reducer),
    /// Triggers a node in the next step.
    Trigger,
    /// Triggers a deferred node once nothing else is left to run.
    DeferredTrigger,
    /// Triggers a node once all of `names` have written.
    Barrier {
        names: Arc<BTreeSet<String>>,
        deferred: bool,
    },
}

impl Channel {
    /// Holds the last value written. Two writes in one super-step are an invalid update.
    pub fn last() -> Self {
        Kind::Last.into()
    }

    /// A number that writes are added to; 0 at first.
    pub fn add() -> Self {
        Reducer::new("add", Some(Value::from(0)), reducer::add).into()
    }

    /// A list that lists of new elements are appended to; empty at first.
    pub fn append() -> Self {
        Reducer::append().into()
    }

    /// A string that strings are appended to; empty at first.
    pub fn concat() -> Self {
        Reducer::new("concat", Some(Value::from("")), reducer::concat).into()
    }

    /// An object that objects are merged into, key by key, the write winning; empty at first.
    pub fn merge() -> Self {
        Reducer::new(
            "merge",
            Some(Value::Object(serde_json::Map::new())),
            reducer::merge,
        )
        .into()
    }

    /// The largest number or string written.
    pub fn max() -> Self {
        Reducer::new("max", None, reducer::max).into()
    }

    /// The smallest number or string written.
    pub fn min() -> Self {
        Reducer::new("min", None, reducer::min).into()
    }

    /// A list of messages, objects with an `id`: a known id is replaced in place, an unknown one
    /// appended, a missing one made up. `{"role": "remove", "id": X}` removes message X, and all of them
    /// if X is `__remove_all__`.
    pub fn messages() -> Self {
        Reducer::messages().into()
    }

    /// The last of several values written in one super-step; empty after a super-step without a write.
    pub fn any() -> Self {
        Kind::Any.into()
    }

    /// Seen only in the super-step after the one that wrote it.
    pub fn ephemeral() -> Self {
        Kind::Ephemeral.into()
    }

    /// Like [`last`](Self::last), but kept for the run only and never saved: for what cannot or
    /// must not be stored.
    pub fn untracked() -> Self {
        Kind::Untracked.into()
    }

    /// The list of what was written in the last super-step or, if `accumulate`, in all of them. A
    /// list that is written counts as its elements.
    pub fn topic(accumulate: bool) -> Self {
        Kind::Topic { accumulate }.into()
    }

    /// A channel with a reducer of your own: `reduce(current, write)` is the new value. Without an
    /// `initial` value the first write is taken as it is.
    pub fn custom<F>(initial: Option<Value>, reduce: F) -> Self
    where
        F: Fn(Value, Value) -> Result<Value, ReduceError> + std::marker::Send + Sync + 'static,
    {
        Reducer::new("custom", initial, reduce).into()
    }

    /// Another name that the channel had when checkpoints were written that must still be read. What was
    /// saved, sent or is written under it goes to this channel.
    ///
    /// ```
    /// use stepwell::graph::{Channel, StateGraph};
    /// let _ = StateGraph::new().add_channel("city", Channel::last().alias("town"));
    /// ```
    #[must_use]
    pub fn alias(mut self, former_name: impl Into<String>) -> Self {
        self.aliases.push(former_name.into());
        self
    }

    /// The same channel with another value before its first write, if it has a reducer.
    pub(in crate::graph) fn starting_from(mut self, initial: Value) -> Self {
        if let Kind::Reduce(reducer) = &mut self.kind {
            reducer.initial = Some(Arc::new(initial));
        }
        self
    }

    pub(in crate::graph) fn is_untracked(&self) -> bool {
        matches!(self.kind, Kind::Untracked)
    }
}

impl From<Kind> for Channel {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            aliases: Vec::new(),
        }
    }
}

impl From<Reducer> for Channel {
    fn from(reducer: Reducer) -> Self {
        Kind::Reduce(reducer).into()
    }
}
