//! [`Command`]: an update together with where to go next, or the answer to an interrupt. [`Send`]: a
//! task for a node with an argument of its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ItemChange;
use crate::graph::branch::Target;
use crate::graph::channels::locals::Locals;
use crate::graph::error::GraphError;
use crate::graph::run::call_site::check_key;
use crate::graph::typed::Update;

/// A task for a node, with an argument in place of the graph's state. Many of them fan out.
///
/// It is named as LangGraph names it; write `graph::Send` where the marker trait `Send` is also in
/// use.
#[derive(Clone, Debug, PartialEq)]
pub struct Send {
    /// The node to run.
    pub node: String,
    /// What it gets as its state.
    pub arg: Value,
    /// Which of the node's memories it uses, if it is a subgraph with a memory of its own.
    pub key: Option<String>,
}

impl Send {
    /// A task for `node` with `arg` as its state.
    pub fn new(node: impl Into<String>, arg: impl Into<Value>) -> Self {
        Self {
            node: node.into(),
            arg: arg.into(),
            key: None,
        }
    }

    /// Gives the task a memory of its own: what subgraphs it runs saves below `key` instead of below the
    /// node alone. So tasks that are sent to one subgraph with `with_checkpointer(true)` can run at once, and each
    /// goes on with its memory the next time that something is sent with its key.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwell::graph;
    /// let send = graph::Send::new("expert", json!({"ask": "apples"})).key("fruit");
    /// ```
    ///
    /// The key is a level of the namespace, written `:key` (`expert|:fruit`), so it cannot be empty or
    /// contain `|` or `:`; the node that sends such a one fails.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// # Errors
    /// Its key cannot be part of a namespace.
    pub(super) fn check(&self) -> Result<(), GraphError> {
        self.key.as_deref().map_or(Ok(()), check_key)
    }

    pub(super) fn to_packet(&self) -> Value {
        let mut packet = json!({"node": self.node, "arg": self.arg});
        if let (Some(key), Value::Object(entries)) = (&self.key, &mut packet) {
            entries.insert("key".into(), key.as_str().into());
        }
        packet
    }

    pub(super) fn from_packet(packet: &Value) -> Option<Self> {
        Some(Self {
            node: packet.get("node")?.as_str()?.to_owned(),
            arg: packet.get("arg")?.clone(),
            key: packet.get("key").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

/// The key under which an input carries a command; no channel can have its name.
const COMMAND: &str = "__command__";

/// What a node returns to update the state and choose the next nodes at once, or what a run is given
/// to answer an interrupt.
///
/// ```
/// use serde_json::json;
/// use stepwell::graph::{self, Command};
/// let fan_out = Command::new()
///     .update(json!({"status": "working"}))
///     .goto(graph::Send::new("worker", json!({"item": 1})))
///     .goto(graph::Send::new("worker", json!({"item": 2})));
/// let answer = Command::resume("approved");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Command {
    pub(super) update: Option<Value>,
    pub(super) goto: Vec<Target>,
    pub(super) resume: Option<Resume>,
    pub(super) to_parent: bool,
    /// What tokens in the update stand for.
    pub(super) locals: Locals,
    /// Of one for the parent graph: what the task that returned it did to the store.
    pub(super) store_changes: Box<[ItemChange]>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Resume {
    Value(Value),
    ById(BTreeMap<String, Value>),
}

impl Command {
    /// A command that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the one pending interrupt.
    pub fn resume(answer: impl Into<Value>) -> Self {
        Self {
            resume: Some(Resume::Value(answer.into())),
            ..Self::default()
        }
    }

    /// Answers some or all pending interrupts, by their ids.
    pub fn resume_by_id<I, K, V>(answers: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<String>,
        V: Into<Value>,
    {
        let answers = answers
            .into_iter()
            .map(|(id, answer)| (id.into(), answer.into()))
            .collect();
        Self {
            resume: Some(Resume::ById(answers)),
            ..Self::default()
        }
    }

    /// Writes the entries of the object `update` to the channels of the same names; a typed state's update
    /// is such an object.
    #[must_use]
    pub fn update(mut self, update: impl Into<Update>) -> Self {
        let Update { values, locals } = update.into();
        self.update = Some(values);
        self.locals = locals;
        self
    }

    /// Runs this node, or this [`Send`], next. May be called several times.
    #[must_use]
    pub fn goto(mut self, target: impl Into<Target>) -> Self {
        self.goto.push(target.into());
        self
    }

    /// The command as an input for a thread without a past, if it does more than answer.
    pub(super) fn as_input(&self) -> Option<Value> {
        if self.update.is_none() && self.goto.is_empty() {
            return None;
        }
        let goto: Vec<Value> = self
            .goto
            .iter()
            .map(|target| match target {
                Target::Node(node) => Value::from(node.as_str()),
                Target::Send(send) => send.to_packet(),
            })
            .collect();
        Some(json!({COMMAND: {"update": self.update, "goto": goto}}))
    }

    /// Removes what would be taken for a command: values that were given as an input carry none, whatever their keys.
    pub(super) fn remove_from(values: &mut Value) {
        if let Value::Object(entries) = values {
            entries.remove(COMMAND);
        }
    }

    /// The command that an input carries, if it carries one.
    pub(super) fn from_input(input: &Value) -> Option<Self> {
        let carried = input.get(COMMAND)?;
        let goto = carried.get("goto").and_then(Value::as_array);
        let target = |value: &Value| match value {
            Value::String(node) => Some(Target::Node(node.clone())),
            packet => Send::from_packet(packet).map(Target::Send),
        };
        Some(Self {
            update: carried.get("update").filter(|u| !u.is_null()).cloned(),
            goto: goto.into_iter().flatten().filter_map(target).collect(),
            ..Self::default()
        })
    }

    /// Applies the command to the graph that this graph is a node of; the subgraph stops and its own
    /// writes of this step are dropped.
    #[must_use]
    pub fn to_parent(mut self) -> Self {
        self.to_parent = true;
        self
    }
}
