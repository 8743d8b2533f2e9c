//! From MessagePack to JSON text.

use crate::msgpack::carried::{self, FIELD};
use crate::msgpack::object::{ARRAY, Object, SNAPSHOT};
use crate::msgpack::reader::{Reader, Token};
use crate::msgpack::{Malformed, message};
use crate::nesting;

/// How deep lists and maps may be in one another, each object of a class counting as three, which is more than it adds: what is
/// too deep as JSON is not read from there.
const MAX_DEPTH: usize = nesting::READABLE * 3 / 2;

/// What is done with what JSON cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is refused.
    Plain,
    /// It is shown.
    Show,
    /// It is shown, with its bytes.
    Carry,
}

pub(super) fn transcode(bytes: &[u8], mode: Mode) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut text = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    value(&mut text, &mut reader, 0, mode)?;
    reader.end()?;
    Ok(text)
}

pub(super) fn value(
    out: &mut Vec<u8>,
    reader: &mut Reader<'_>,
    depth: usize,
    mode: Mode,
) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::Depth);
    }
    let mut whole = *reader;
    match reader.token()? {
        Token::Nil => out.extend_from_slice(b"null"),
        Token::Bool(true) => out.extend_from_slice(b"true"),
        Token::Bool(false) => out.extend_from_slice(b"false"),
        Token::Unsigned(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Token::Signed(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Token::Float(number) if number.is_finite() => json(out, &number),
        Token::Float(number) => {
            let shown = |out: &mut Vec<u8>| {
                json(out, &[number.to_string().to_lowercase()]);
                Ok(())
            };
            special(
                out,
                whole.value()?,
                mode,
                &["builtins", "float"],
                "args",
                shown,
            )?;
        }
        Token::Text(text) => json(out, text),
        Token::Bytes(bytes) => {
            let shown = |out: &mut Vec<u8>| {
                json(out, &[carried::base64(bytes)]);
                Ok(())
            };
            special(
                out,
                whole.value()?,
                mode,
                &["builtins", "bytes"],
                "args",
                shown,
            )?;
        }
        Token::List(count) => {
            out.push(b'[');
            for place in 0..count {
                if place > 0 {
                    out.push(b',');
                }
                value(out, reader, depth + 1, mode)?;
            }
            out.push(b']');
        }
        Token::Map(count) if has_text_keys(*reader, count)? => {
            out.push(b'{');
            for place in 0..count {
                if place > 0 {
                    out.push(b',');
                }
                json(out, reader.expect_text("a key")?);
                out.push(b':');
                value(out, reader, depth + 1, mode)?;
            }
            out.push(b'}');
        }
        Token::Map(count) => {
            let whole = whole.value()?;
            let shown = |out: &mut Vec<u8>| {
                out.extend_from_slice(b"[[");
                for place in 0..count {
                    out.extend_from_slice(if place > 0 { b",[" } else { b"[" });
                    value(out, reader, depth + 4, Mode::Show)?;
                    out.push(b',');
                    value(out, reader, depth + 4, Mode::Show)?;
                    out.push(b']');
                }
                out.extend_from_slice(b"]]");
                Ok(())
            };
            special(out, whole, mode, &["builtins", "dict"], "args", shown)?;
        }
        Token::Ext(code, payload) => extension(out, whole.value()?, code, payload, depth, mode)?,
    }
    Ok(())
}

fn has_text_keys(mut reader: Reader<'_>, count: usize) -> Result<bool, Malformed> {
    for _ in 0..count {
        if !matches!(reader.token()?, Token::Text(_)) {
            return Ok(false);
        }
        reader.value()?;
    }
    Ok(true)
}

/// An extension type; `whole` are its bytes.
fn extension(
    out: &mut Vec<u8>,
    whole: &[u8],
    code: i8,
    payload: &[u8],
    depth: usize,
    mode: Mode,
) -> Result<(), Malformed> {
    if mode == Mode::Plain {
        return Err(Malformed::NotPlain);
    }
    if code == SNAPSHOT {
        let shown = |out: &mut Vec<u8>| list_of(out, &[payload], depth);
        let class = &[
            "langgraph",
            "checkpoint",
            "serde",
            "types",
            "_DeltaSnapshot",
        ];
        return special(out, whole, mode, class, "args", shown);
    }
    if code == ARRAY
        && let Ok([kind, shape]) = first_two(payload)
    {
        let shown = |out: &mut Vec<u8>| list_of(out, &[shape, kind], depth);
        return special(out, whole, mode, &["numpy", "ndarray"], "args", shown);
    }
    let Ok(object) = Object::of(code, payload) else {
        let shown = |out: &mut Vec<u8>| {
            json(out, &(code, carried::base64(payload)));
            Ok(())
        };
        return special(out, whole, mode, &["msgpack", "Ext"], "args", shown);
    };
    if let Some(fields) = message::to_fields(&object, whole, mode) {
        return entries(out, &fields, depth);
    }
    if let Some(fields) = own_form(&object) {
        let fields: Vec<_> = fields
            .iter()
            .map(|(k, v)| (*k, Shown::Value(v, mode)))
            .collect();
        return entries(out, &fields, depth);
    }
    let mut class: Vec<&str> = object.module.split('.').collect();
    class.push(object.name);
    if object.fields().is_some() {
        let shown =
            |out: &mut Vec<u8>| value(out, &mut Reader::new(object.arg), depth + 2, Mode::Show);
        return special(out, whole, mode, &class, "kwargs", shown);
    }
    let arguments = object.arguments().unwrap_or_else(|| vec![object.arg]);
    if let Some(method) = object.method {
        class.push(method);
    }
    let shown = |out: &mut Vec<u8>| list_of(out, &arguments, depth);
    special(out, whole, mode, &class, "args", shown)
}

/// What the executor has a form of its own for: packets of tasks, and interrupts.
fn own_form<'a>(object: &Object<'a>) -> Option<Vec<(&'static str, &'a [u8])>> {
    if object.is("langgraph.types", "Send") {
        let mut arguments = object.arguments()?.into_iter();
        let mut fields = vec![("node", arguments.next()?), ("arg", arguments.next()?)];
        let rest = ["timeout", "key"].into_iter().zip(arguments);
        fields.extend(rest.filter(|(_, value)| *value != [0xc0]));
        return Some(fields);
    }
    if object.is("langgraph.types", "Interrupt") {
        let fields = object.fields()?;
        let field = |name| {
            fields
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        return Some(vec![("id", field("id")?), ("value", field("value")?)]);
    }
    None
}

fn first_two(payload: &[u8]) -> Result<[&[u8]; 2], Malformed> {
    let mut reader = Reader::new(payload);
    match reader.expect_list("an array")? {
        0 | 1 => Err(Malformed::Missing("a shape")),
        _ => Ok([reader.value()?, reader.value()?]),
    }
}

/// What stands behind a key.
pub(super) enum Shown<'a> {
    Value(&'a [u8], Mode),
    Text(&'a str),
    Carried(&'a [u8]),
}

fn entries(out: &mut Vec<u8>, fields: &[(&str, Shown<'_>)], depth: usize) -> Result<(), Malformed> {
    for (place, (key, shown)) in fields.iter().enumerate() {
        out.push(if place > 0 { b',' } else { b'{' });
        json(out, *key);
        out.push(b':');
        match shown {
            Shown::Value(bytes, mode) => value(out, &mut Reader::new(bytes), depth + 1, *mode)?,
            Shown::Text(text) => json(out, *text),
            Shown::Carried(bytes) => json(out, &carried::seal(bytes)),
        }
    }
    out.push(b'}');
    Ok(())
}

fn list_of(out: &mut Vec<u8>, values: &[&[u8]], depth: usize) -> Result<(), Malformed> {
    out.push(b'[');
    for (place, bytes) in values.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        value(out, &mut Reader::new(bytes), depth + 3, Mode::Show)?;
    }
    out.push(b']');
    Ok(())
}

/// An object of a class, as it is shown, with its bytes if they are to be carried.
fn special(
    out: &mut Vec<u8>,
    whole: &[u8],
    mode: Mode,
    class: &[&str],
    from: &str,
    shown: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    if mode == Mode::Plain {
        return Err(Malformed::NotPlain);
    }
    out.extend_from_slice(br#"{"lc":2,"type":"constructor","id":"#);
    json(out, class);
    out.push(b',');
    json(out, from);
    out.push(b':');
    shown(out)?;
    if mode == Mode::Carry {
        out.push(b',');
        json(out, FIELD);
        out.push(b':');
        json(out, &carried::seal(whole));
    }
    out.push(b'}');
    Ok(())
}

/// Texts, numbers and lists of them have no error to handle.
fn json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let _ = serde_json::to_writer(out, value);
}
