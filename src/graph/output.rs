//! What a node returns: an update of the state, commands, or nothing.

use serde_json::{Map, Value};

use crate::graph::command::Command;
use crate::graph::node_error::NodeError;
use crate::graph::state::State;

/// What a node returned.
#[derive(Clone, Debug, Default)]
pub enum NodeOutput {
    /// Nothing is written.
    #[default]
    Nothing,
    /// An object whose entries are written to the channels of the same names.
    Update(Value),
    /// An update together with where to go next.
    Command(Command),
    /// Several of these, in order.
    Many(Vec<NodeOutput>),
}

impl NodeOutput {
    /// Whether it names a next node, or the end.
    pub(super) fn says_where_to_go(&self) -> bool {
        match self {
            Self::Nothing | Self::Update(_) => false,
            Self::Command(command) => !command.goto.is_empty(),
            Self::Many(outputs) => outputs.iter().any(Self::says_where_to_go),
        }
    }
}

/// Whatever a node of a graph with the state `S` may return.
#[diagnostic::on_unimplemented(
    message = "a node of a graph with the state `{S}` cannot return `{Self}`",
    note = "it returns its state's update type, `Command`, `()`, or an Option, Vec or Result of these",
    note = "`E` of a Result is any `std::error::Error` or `NodeError`"
)]
pub trait IntoNodeOutput<S = State> {
    /// The output, or why the node failed.
    ///
    /// # Errors
    /// The node's own failure.
    fn into_node_output(self) -> Result<NodeOutput, NodeError>;
}

impl<S> IntoNodeOutput<S> for NodeOutput {
    fn into_node_output(self) -> Result<NodeOutput, NodeError> {
        Ok(self)
    }
}

impl<S> IntoNodeOutput<S> for () {
    fn into_node_output(self) -> Result<NodeOutput, NodeError> {
        Ok(NodeOutput::Nothing)
    }
}

impl IntoNodeOutput for Value {
    fn into_node_output(self) -> Result<NodeOutput, NodeError> {
        Ok(match self {
            Value::Null => NodeOutput::Nothing,
            update => NodeOutput::Update(update),
        })
    }
}

impl<S> IntoNodeOutput<S> for Command {
    fn into_node_output(self) -> Result<NodeOutput, NodeError> {
        Ok(NodeOutput::Command(self))
    }
}

impl<S, T: IntoNodeOutput<S>> IntoNodeOutput<S> for Option<T> {
    fn into_node_output(self) -> Result<NodeOutput, NodeError> {
        self.map_or(Ok(NodeOutput::Nothing), T::into_node_output)
    }
}

impl<S, T: IntoNodeOutput<S>> IntoNodeOutput<S> for Vec<T> {
    fn into_node_output(self) -> Result<NodeOutput, NodeError> {
        self.into_iter()
            .map(T::into_node_output)
            .collect::<Result<_, _>>()
            .map(NodeOutput::Many)
    }
}

impl<S, T: IntoNodeOutput<S>, E: Into<NodeError>> IntoNodeOutput<S> for Result<T, E> {
    fn into_node_output(self) -> Result<NodeOutput, NodeError> {
        self.map_err(Into::into)?.into_node_output()
    }
}

pub(super) const OVERWRITE: &str = "__overwrite__";

/// A write that replaces a channel's value instead of going through its reducer.
///
/// ```
/// use serde_json::json;
/// use stepwell::graph::overwrite;
/// let update = json!({"items": overwrite(json!(["C"]))});
/// # assert_eq!(update, json!({"items": {"__overwrite__": ["C"]}}));
/// ```
pub fn overwrite(value: impl Into<Value>) -> Value {
    let mut map = Map::new();
    map.insert(OVERWRITE.into(), value.into());
    Value::Object(map)
}

/// The value that an overwrite carries, or the write itself if it is none.
pub(super) fn as_overwrite(mut write: Value) -> Result<Value, Value> {
    match overwriting(&mut write) {
        Some(value) => Ok(value.take()),
        None => Err(write),
    }
}

/// The value that an overwrite carries. Both of LangGraph's wire forms count.
pub(super) fn overwriting(write: &mut Value) -> Option<&mut Value> {
    let map = write.as_object_mut()?;
    if map.len() == 1 {
        return map.get_mut(OVERWRITE);
    }
    let tagged = map.len() == 2 && map.get("type").and_then(Value::as_str) == Some(OVERWRITE);
    map.get_mut("value").filter(|_| tagged)
}
