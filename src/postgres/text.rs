//! Texts as PostgreSQL can keep them: it has no NUL.
//!
//! A NUL becomes U+10FFFF and `0`, and U+10FFFF, which is no character, becomes U+10FFFF and `1`.

use std::borrow::Cow;

use serde_json::{Map, Value};

const MARK: char = '\u{10FFFF}';

/// Whether `text` is another one when it is escaped.
pub(super) fn is_escaped(text: &str) -> bool {
    text.contains(['\0', MARK])
}

/// `text` without NUL.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !is_escaped(text) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => escaped.extend([MARK, '0']),
            MARK => escaped.extend([MARK, '1']),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// What was escaped. Other texts come as they are.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains(MARK) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let replaced = match (c, chars.peek()) {
            (MARK, Some('0')) => '\0',
            (MARK, Some('1')) => MARK,
            _ => {
                plain.push(c);
                continue;
            }
        };
        chars.next();
        plain.push(replaced);
    }
    Cow::Owned(plain)
}

/// `text`, unescaped.
pub(super) fn owned(text: &str) -> String {
    unescape(text).into_owned()
}

/// `value` with all its texts escaped.
pub(super) fn escape_json(value: Value) -> Value {
    each_text(value, &|text| match escape(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(escaped) => escaped,
    })
}

/// `value` with all its texts unescaped.
pub(super) fn unescape_json(value: Value) -> Value {
    each_text(value, &|text| match unescape(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(plain) => plain,
    })
}

/// Depth is that of what serde_json has parsed, which is bounded.
fn each_text(value: Value, change: &impl Fn(String) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(list) => list.into_iter().map(|v| each_text(v, change)).collect(),
        Value::Object(map) => {
            let changed = map.into_iter();
            let changed = changed.map(|(key, value)| (change(key), each_text(value, change)));
            Value::Object(changed.collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_comes_back_and_has_no_nul(text in "[\0\u{10FFFF}01a]{0,8}") {
            let escaped = escape(&text).into_owned();
            prop_assert!(!escaped.contains('\0'));
            prop_assert_eq!(unescape(&escaped), text);
        }
    }

    #[test]
    fn texts_of_others_are_not_changed() {
        for text in ["", "a", "\u{10FFFF}", "\u{10FFFF}x"] {
            assert_eq!(unescape(text), text);
        }
    }
}
