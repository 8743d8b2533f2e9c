//! [`grown()`]: the operations for a list that elements were appended to, without the list itself.

use bytes::{Bytes, BytesMut};

use super::Op;
use super::diff::literal;

/// The operations that append `elements`, each the JSON text of one, to a JSON list of `base_len` bytes that ends in its bracket.
/// `base_is_empty` says that it is `[]`. Of an element that is part of one of `sources`, only that is noted.
pub fn grown(base_len: u64, base_is_empty: bool, elements: &[Bytes], sources: &[&[u8]]) -> Vec<Op> {
    let mut text = BytesMut::with_capacity(elements.iter().map(|e| e.len() + 1).sum::<usize>() + 2);
    let mut separator: &[u8] = if base_is_empty { b"[" } else { b"," };
    for element in elements {
        text.extend_from_slice(separator);
        text.extend_from_slice(element);
        separator = b",";
    }
    if elements.is_empty() {
        let all = Op::CopyBase {
            offset: 0,
            len: base_len,
        };
        return vec![all];
    }
    text.extend_from_slice(b"]");
    let text = text.freeze();
    let mut ops = Vec::new();
    if !base_is_empty {
        ops.push(Op::CopyBase {
            offset: 0,
            len: base_len.saturating_sub(1),
        });
    }
    literal(&mut ops, &text, 0..text.len(), sources);
    ops
}

/// The operations that put `elements` behind a list of `base_len` bytes that begins with a head of `head_len`, and give it
/// another `head`.
pub fn grown_behind(
    base_len: u64,
    head_len: u64,
    head: &Bytes,
    elements: &[Bytes],
    sources: &[&[u8]],
) -> Vec<Op> {
    let mut text = BytesMut::with_capacity(elements.iter().map(Bytes::len).sum());
    for element in elements {
        text.extend_from_slice(element);
    }
    let text = text.freeze();
    let mut ops = vec![Op::Literal(head.clone())];
    if base_len > head_len {
        ops.push(Op::CopyBase {
            offset: head_len,
            len: base_len.saturating_sub(head_len),
        });
    }
    literal(&mut ops, &text, 0..text.len(), sources);
    ops
}

#[cfg(test)]
mod tests {
    use super::super::{apply, total_len, wide};
    use super::*;

    fn check(base: &'static str, elements: &[&'static str], sources: &[&'static str]) -> Vec<Op> {
        let base = Bytes::from_static(base.as_bytes());
        let elements: Vec<_> = elements
            .iter()
            .map(|e| Bytes::from_static(e.as_bytes()))
            .collect();
        let bytes: Vec<_> = sources
            .iter()
            .map(|s| Bytes::from_static(s.as_bytes()))
            .collect();
        let slices: Vec<&[u8]> = sources.iter().map(|s| s.as_bytes()).collect();
        let ops = grown(wide(base.len()), base == "[]", &elements, &slices);
        let made = apply(&base, &bytes, &ops, total_len(&ops)).unwrap();
        let mut list: Vec<serde_json::Value> = serde_json::from_slice(&base).unwrap();
        list.extend(elements.iter().map(|e| serde_json::from_slice(e).unwrap()));
        let expected = serde_json::Value::from(list).to_string();
        assert_eq!(made, expected.as_bytes());
        ops
    }

    #[test]
    fn elements_are_appended_to_a_list_with_and_without_elements() {
        check("[]", &["1", "2"], &[]);
        check("[]", &[], &[]);
        check("[0]", &[], &[]);
        let ops = check("[0]", &["1", "\"two\""], &[]);
        assert_eq!(
            ops,
            [
                Op::CopyBase { offset: 0, len: 2 },
                Op::Literal(Bytes::from_static(b",1,\"two\"]"))
            ]
        );
    }

    #[test]
    fn elements_are_put_behind_a_head_that_grows() {
        for (base, head, elements) in [
            (&b"\x90"[..], &b"\x91"[..], &[&b"\x01"[..]][..]),
            (b"\x91\x01", b"\x93", &[b"\x02", b"\x03"]),
            (b"\x91\x01", b"\xdc\x00\x10", &[b"\x02", b"\x03"]),
        ] {
            let elements: Vec<_> = elements.iter().map(|e| Bytes::from_static(e)).collect();
            let head = Bytes::from_static(head);
            let base = Bytes::from_static(base);
            let ops = grown_behind(wide(base.len()), 1, &head, &elements, &[]);
            let made = apply(&base, &[], &ops, total_len(&ops)).unwrap();
            let mut expected = [&head[..], &base[1..]].concat();
            elements.iter().for_each(|e| expected.extend_from_slice(e));
            assert_eq!(made, expected);
        }
    }

    #[test]
    fn an_element_that_a_source_holds_is_copied_from_it() {
        let message =
            "{\"content\":\"a message that is long enough to be worth a copy\",\"type\":\"ai\"}";
        let with_id = "{\"content\":\"a message that is long enough to be worth a copy\",\"type\":\"ai\",\"z\":7}";
        let ops = check("[0]", &[message], &[message]);
        assert_eq!(
            ops[1..3],
            [
                Op::Literal(Bytes::from_static(b",")),
                Op::CopySource {
                    source: 0,
                    offset: 0,
                    len: wide(message.len())
                }
            ]
        );
        let ops = check("[0]", &["8", with_id], &["[1]", message]);
        let copied = |op: &Op| matches!(op, Op::CopySource { source: 1, .. });
        assert!(ops.iter().any(copied), "{ops:?}");
    }
}
