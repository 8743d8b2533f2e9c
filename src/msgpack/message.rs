//! Messages of LangChain, and ours.

use serde_json::{Map, Value};

use crate::msgpack::object::{MODEL_1, MODEL_2, Object, fields_of};
use crate::msgpack::to_json::{Mode, Shown};

/// A class of messages: its name, the last part of its module, the `type` that it has, our role. A chunk of a message is
/// of a class of its own.
struct Class {
    name: &'static str,
    module: &'static str,
    kind: &'static str,
    role: &'static str,
}

const MODULE: &str = "langchain_core.messages.";
const CHUNK: &str = "Chunk";

const CLASSES: &[Class] = &[
    Class {
        name: "HumanMessage",
        module: "human",
        kind: "human",
        role: "user",
    },
    Class {
        name: "AIMessage",
        module: "ai",
        kind: "ai",
        role: "assistant",
    },
    Class {
        name: "SystemMessage",
        module: "system",
        kind: "system",
        role: "system",
    },
    Class {
        name: "ToolMessage",
        module: "tool",
        kind: "tool",
        role: "tool",
    },
    Class {
        name: "FunctionMessage",
        module: "function",
        kind: "function",
        role: "function",
    },
    Class {
        name: "RemoveMessage",
        module: "modifier",
        kind: "remove",
        role: "remove",
    },
    Class {
        name: "ChatMessage",
        module: "chat",
        kind: "chat",
        role: "",
    },
];

/// What suffices for Python to have the field: it has this by itself.
fn is_default(field: &str, value: &[u8]) -> bool {
    match field {
        "name" | "id" | "usage_metadata" | "artifact" => value == [0xc0],
        "additional_kwargs" | "response_metadata" => value == [0x80],
        "tool_calls" | "invalid_tool_calls" | "tool_call_chunks" => value == [0x90],
        "example" => value == [0xc2],
        _ => false,
    }
}

/// The fields of an object of Python as those of a message of ours, if it is a message.
pub(super) fn to_fields<'a>(
    object: &Object<'a>,
    whole: &'a [u8],
    mode: Mode,
) -> Option<Vec<(&'a str, Shown<'a>)>> {
    matches!(object.code, MODEL_1 | MODEL_2).then_some(())?;
    let fields = object.fields()?;
    let text = |name: &str| {
        let (_, value) = fields.iter().find(|(key, _)| *key == name)?;
        crate::msgpack::Reader::new(value)
            .expect_text("a field")
            .ok()
    };
    let is_known = object.module.starts_with(MODULE) || object.module == "langchain_core.messages";
    let class = match is_known {
        true => class_named(object.name).map(|(class, _)| class),
        false => {
            let kind =
                text("type").filter(|_| text("content").is_some() || text("id").is_some())?;
            CLASSES.iter().find(|class| class.kind == kind)
        }
    }?;
    let role = text("role")
        .filter(|role| !role.is_empty())
        .unwrap_or(class.role);
    let mut shown = vec![("role", Shown::Text(role))];
    let inner = if is_known { mode } else { Mode::Show };
    let is_removal = class.kind == "remove";
    for (name, value) in &fields {
        let is_ours = matches!(*name, "type" | "role" | "class");
        let is_idle = is_removal && *name == "content";
        if *name == "additional_kwargs"
            && let Some(calls) = lone_calls(value, &fields)
        {
            shown.push(("tool_calls", Shown::Value(calls, inner)));
        } else if !is_ours && !is_idle && !is_default(name, value) {
            shown.push((name, Shown::Value(value, inner)));
        }
    }
    let natural = class_of_role(role, text("tool_call_id").is_some(), text("name").is_some())?;
    if object.name != natural.name || !is_known {
        shown.push(("class", Shown::Text(object.name)));
        if !is_known && mode == Mode::Carry {
            shown.push((super::carried::FIELD, Shown::Carried(whole)));
        }
    }
    Some(shown)
}

/// Calls of tools in the form of a model's interface, which LangChain keeps apart from its own: see
/// [`Message::calls`].
fn lone_calls<'a>(more: &'a [u8], fields: &[(&str, &[u8])]) -> Option<&'a [u8]> {
    let has_own = fields
        .iter()
        .any(|(name, value)| *name == "tool_calls" && *value != [0x90]);
    match fields_of(more)?.as_slice() {
        [("tool_calls", calls)] if !has_own => Some(calls),
        _ => None,
    }
}

/// What a message of ours is to Python.
pub(super) struct Message<'a> {
    pub(super) module: String,
    pub(super) class: String,
    pub(super) kind: &'a str,
    /// A role that the class does not tell.
    pub(super) role: Option<&'a str>,
    /// All fields but those that the class tells.
    pub(super) fields: Vec<(&'a str, &'a Value)>,
}

impl<'a> Message<'a> {
    /// The calls of tools, if they are in the form of a model's interface, with a `function` each. LangChain makes its
    /// own form of those when it finds them among `additional_kwargs`, if that has nothing else.
    pub(super) fn calls(&self) -> Option<&'a Value> {
        let field = |name: &str| {
            self.fields
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        let calls = field("tool_calls").filter(|_| field("additional_kwargs").is_none())?;
        let list = calls.as_array().filter(|list| !list.is_empty())?;
        let is_foreign = |call: &Value| call.get("function").is_some_and(Value::is_object);
        (self.kind == "ai" && list.iter().all(is_foreign)).then_some(calls)
    }
}

/// The message that an object is: one with a role, an id, and a content if it is not to remove another.
pub(super) fn of_object(object: &Map<String, Value>) -> Option<Message<'_>> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let role = text("role").filter(|role| !role.is_empty())?;
    text("id")?;
    let has_content = match object.get("content") {
        Some(Value::String(_) | Value::Array(_)) => true,
        None | Some(Value::Null) => matches!(role, "remove" | "assistant" | "ai"),
        Some(_) => false,
    };
    if !has_content {
        return None;
    }
    let named = text("class").and_then(class_named);
    let is_named = named.is_some();
    let (class, is_chunk) = named.or_else(|| Some((natural_class(object, role)?, false)))?;
    let kind = match is_chunk {
        // Chunks have the name of their class for a type.
        true => text("class")?,
        false => class.kind,
    };
    if object.get("type").is_some_and(|own| own != kind) {
        return None;
    }
    let fields = object.iter().map(|(name, value)| (name.as_str(), value));
    let is_told = |name: &str| matches!(name, "role" | "type") || (is_named && name == "class");
    Some(Message {
        module: format!("{MODULE}{}", class.module),
        class: format!("{}{}", class.name, if is_chunk { CHUNK } else { "" }),
        kind,
        role: (role != class.role).then_some(role),
        fields: fields.filter(|(name, _)| !is_told(name)).collect(),
    })
}

/// A class by its name, and whether it is that of a chunk.
fn class_named(name: &str) -> Option<(&'static Class, bool)> {
    let base = name.strip_suffix(CHUNK).unwrap_or(name);
    let class = CLASSES.iter().find(|class| class.name == base)?;
    Some((class, base != name))
}

/// The class of a message with this role that names none.
fn natural_class(fields: &Map<String, Value>, role: &str) -> Option<&'static Class> {
    let has = |name: &str| fields.get(name).is_some_and(Value::is_string);
    class_of_role(role, has("tool_call_id"), has("name"))
}

fn class_of_role(role: &str, has_call: bool, has_name: bool) -> Option<&'static Class> {
    let name = match role {
        "user" | "human" => "HumanMessage",
        "assistant" | "ai" => "AIMessage",
        "system" => "SystemMessage",
        "tool" if has_call => "ToolMessage",
        "function" if has_name => "FunctionMessage",
        "remove" => "RemoveMessage",
        _ => "ChatMessage",
    };
    CLASSES.iter().find(|known| known.name == name)
}

/// A value that LangGraph once kept as JSON, with messages in LangChain's envelopes, which become messages of ours.
#[cfg(feature = "langgraph")]
pub(crate) fn from_envelopes(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(from_envelopes).collect(),
        Value::Object(mut object) => {
            let class = object
                .get("id")
                .and_then(|id| id.as_array()?.last()?.as_str());
            let is_envelope = object.contains_key("lc") && object.contains_key("kwargs");
            let class = class.filter(|_| is_envelope).and_then(class_named);
            if let Some((class, _)) = class
                && let Some(Value::Object(mut fields)) = object.remove("kwargs")
            {
                fields.remove("type");
                fields.entry("role").or_insert_with(|| class.role.into());
                return Value::Object(fields);
            }
            Value::Object(
                object
                    .into_iter()
                    .map(|(key, value)| (key, from_envelopes(value)))
                    .collect(),
            )
        }
        other => other,
    }
}
