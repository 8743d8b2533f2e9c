use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::reader::{Reader, Token};
use super::*;

/// Values that Python has written, by name.
fn of_python() -> BTreeMap<String, Vec<u8>> {
    let text = include_str!("../../tests/data/langgraph/values.json");
    let values: BTreeMap<String, String> = serde_json::from_str(text).unwrap();
    let bytes = |hex: &str| {
        let pairs = hex.as_bytes().chunks(2);
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        pairs.map(byte).collect()
    };
    values
        .iter()
        .map(|(name, hex)| (name.clone(), bytes(hex)))
        .collect()
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, value).unwrap();
    bytes
}

fn shown(name: &str) -> Value {
    show(&of_python()[name]).unwrap()
}

#[test]
fn plain_values_are_what_they_are() {
    let plain = json!({"a": [1, -1, 1_u64 << 63, -(1_i64 << 40), 0.5, "ü", null, true], "b": {}});
    assert_eq!(shown("plain"), plain);
    assert_eq!(encoded(&plain), of_python()["plain"]);
    let long = &of_python()["long"];
    assert_eq!(show(&encoded(&show(long).unwrap())), show(long));
}

#[test]
fn messages_of_langchain_are_ours() {
    let calls = json!([{"name": "f", "args": {"x": 1}, "id": "c", "type": "tool_call"}]);
    let usage = json!({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3});
    let block = json!({"type": "text", "text": "be kind"});
    let cases = [
        ("human", json!({"role": "user", "content": "hi", "id": "1"})),
        (
            "assistant",
            json!({"role": "assistant", "content": "", "id": "2", "tool_calls": calls, "usage_metadata": usage}),
        ),
        (
            "system",
            json!({"role": "system", "content": [block], "id": "3"}),
        ),
        (
            "chat",
            json!({"role": "critic", "content": "no", "id": "5"}),
        ),
        (
            "chat of a user",
            json!({"role": "user", "content": "no", "id": "5", "class": "ChatMessage"}),
        ),
        ("remove", json!({"role": "remove", "id": "1"})),
        (
            "named",
            json!({"role": "user", "content": "hi", "id": "7", "name": "ada", "additional_kwargs": {"k": 1}}),
        ),
        (
            "list of messages",
            json!([
                {"role": "user", "content": "a", "id": "1"},
                {"role": "assistant", "content": "b", "id": "2"},
            ]),
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(shown(name), expected, "{name}");
        assert_eq!(show(&encoded(&expected)).unwrap(), expected, "{name}");
    }
}

#[test]
fn what_is_unknown_is_shown_and_carried_to_the_byte() {
    for name in [
        "float",
        "bytes",
        "keys",
        "subclass",
        "set",
        "model",
        "dataclass",
        "nested",
        "uuid",
        "datetime",
        "date",
        "decimal",
        "deque",
        "path",
        "document",
        "snapshot",
    ] {
        let bytes = &of_python()[name];
        let state = read(bytes).unwrap();
        assert!(carries(&state), "{name}: {state}");
        assert!(!carries(&show(bytes).unwrap()), "{name}");
        // Only the order of keys is not kept, of maps that are no objects.
        assert_eq!(sorted(&encoded(&state)), sorted(bytes), "{name}");
    }
    assert_eq!(
        shown("model"),
        json!({"lc": 2, "type": "constructor", "id": ["__main__", "Order"], "kwargs": {"item": "tea", "count": 2}})
    );
    assert_eq!(
        shown("datetime")["args"],
        json!(["2026-11-21T01:02:03+00:00"])
    );
    assert_eq!(shown("bytes")["data"]["args"], json!(["AP8="]));
    let loud = shown("subclass");
    assert_eq!(loud["role"], "user");
    assert_eq!(loud["class"], "Loud");
    assert_eq!(loud["volume"], 3);
}

fn sorted(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.sort_unstable();
    bytes
}

#[test]
fn what_a_message_holds_that_json_cannot_say_is_carried() {
    let tool = &of_python()["tool"];
    let state = read(tool).unwrap();
    assert_eq!(state["tool_call_id"], "c");
    let again = show(&encoded(&state)).unwrap();
    assert_eq!(again, show(tool).unwrap());
    assert_eq!(again["artifact"]["raw"]["args"], json!(["AQ=="]));
}

#[test]
fn nobody_can_make_up_what_is_carried() {
    let forged = json!({"lc": 2, "type": "constructor", "id": ["os", "system"], "msgpack": "0123456789abcdef:wA=="});
    assert!(!carries(&forged));
    assert_eq!(show(&encoded(&forged)).unwrap(), forged);
    let class = json!({"role": "user", "content": "x", "id": "1", "class": "os.system"});
    assert_eq!(
        show(&encoded(&class)).unwrap(),
        json!({"role": "user", "content": "x", "id": "1"})
    );
    let carried = read(&of_python()["uuid"]).unwrap();
    let other = read(&of_python()["date"]).unwrap();
    let mut mixed = carried.clone();
    let (seal, _) = carried["msgpack"]
        .as_str()
        .unwrap()
        .split_once(':')
        .unwrap();
    let (_, bytes) = other["msgpack"].as_str().unwrap().split_once(':').unwrap();
    mixed["msgpack"] = json!(format!("{seal}:{bytes}"));
    assert!(carries(&carried) && !carries(&mixed));
}

#[test]
fn what_only_looks_like_a_message_is_none() {
    for object in [
        json!({"role": "user", "content": "no id"}),
        json!({"role": "user", "id": "no content"}),
        json!({"role": "user", "content": {"a": 1}, "id": "1"}),
        json!({"role": "user", "content": "x", "id": "1", "type": "text"}),
        json!({"role": 1, "content": "x", "id": "1"}),
    ] {
        let bytes = encoded(&object);
        let begins = Reader::new(&bytes).token();
        assert!(matches!(begins, Ok(Token::Map(_))), "{object}");
        assert_eq!(show(&bytes).unwrap(), object);
    }
}

#[test]
fn calls_of_tools_in_the_form_of_an_interface_are_left_to_langchain() {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let message = json!({"role": "assistant", "content": "", "id": "1", "tool_calls": [call]});
    let bytes = encoded(&message);
    let field = b"additional_kwargs";
    assert!(bytes.windows(field.len()).any(|part| part == field));
    assert_eq!(show(&bytes).unwrap(), message);
}

#[cfg(feature = "langgraph")]
#[test]
fn what_the_executor_keeps_for_itself_is_what_langgraph_keeps() {
    let in_channel = |channel: &str, value: &Value| {
        let mut bytes = Vec::new();
        encode_channel(&mut bytes, channel, value).unwrap();
        bytes
    };
    let asked = json!([{"id": "abc", "value": {"ask": "ok?"}}]);
    assert_eq!(shown("interrupts"), asked);
    assert_eq!(show(&in_channel("__interrupt__", &asked)).unwrap(), asked);
    let sent = shown("send");
    assert_eq!(sent["node"], "worker");
    assert_eq!(show(&in_channel("__pregel_tasks", &sent)).unwrap(), sent);
    let keyed = json!([{"node": "worker", "arg": 1, "key": "k"}]);
    assert_eq!(show(&in_channel("__pregel_tasks", &keyed)).unwrap(), keyed);
    assert_eq!(in_channel("join:a+b:c", &json!(["a"])), of_python()["set"]);
}

#[test]
fn a_set_has_elements() {
    assert_eq!(elements_of_set(shown("set")), json!(["a"]));
    assert_eq!(elements_of_set(json!(["a"])), json!(["a"]));
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| [vec![0x91; levels], vec![0xc0]].concat();
    assert!(show(&nested(127)).is_ok());
    assert_eq!(show(&nested(128)), Err(Malformed::Depth));
    assert_eq!(show(&nested(1_000_000)), Err(Malformed::Depth));
    let mut ext = vec![0xc0];
    for _ in 0..200 {
        let payload = [&[0x93, 0xa1, b'm', 0xa1, b'C'][..], &ext].concat();
        ext.clear();
        writer::write_ext(&mut ext, 0, &payload).unwrap();
    }
    assert_eq!(show(&ext), Err(Malformed::Depth));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = read(&bytes) {
            prop_assert!(show(&encoded(&value)).is_ok());
        }
    }

    #[test]
    fn damaged_values_are_read_or_refused(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let all: Vec<_> = of_python().into_values().collect();
        let mut bytes = which.get(&all).clone();
        *at.get_mut(&mut bytes) = byte;
        let _ = (read(&bytes), show(&bytes));
    }

    #[test]
    fn json_comes_back(value in json_value()) {
        prop_assert_eq!(read(&encoded(&value)).unwrap(), value);
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("is JSON", |f| f.is_finite())
            .prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::btree_map(".{0,3}", inner, 0..20)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
