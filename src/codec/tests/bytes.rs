//! The bytes of records are those that docs/format.md says.

use super::super::*;
use super::examples::delta_on_an_older_frame;
use super::{decoded, encoded, framed};
use crate::Encoded;
use crate::store_options::IndexedFields;
use crate::text_fields::TextFields;

/// The example of docs/format.md. It may never change.
#[test]
fn the_bytes_are_those_of_the_specification() {
    let record = Record::WritesPut(WritesPut {
        thread: "t".into(),
        namespace: String::new(),
        checkpoint_id: "1".into(),
        task_id: "a".into(),
        task_path: "p".into(),
        writes: vec![TaskWrite {
            index: -3,
            channel: "c".into(),
            value: Stored::Whole(Encoded::new("json", vec![b'7'; 300])),
        }],
    });
    let payload = encoded(&[record]);
    let (head, tail) = payload.split_at(payload.len() - 300);
    let body = b"\x00\x01t\x00\x00\x011\x00\x01a\x01p\x01\x05\x01c\x04\xfb\x2c\x01";
    assert_eq!(head[..6], [0x40, 0x01, 0, 0, 3, 0]);
    assert_eq!(&head[6..], body);
    assert_eq!(tail, [b'7'; 300]);
}

/// The second example of docs/format.md.
#[test]
fn the_bytes_of_a_delta_are_those_of_the_specification() {
    let put = ItemPut {
        namespace: Vec::new(),
        key: "k".into(),
        value: delta_on_an_older_frame(),
        at: 0,
        lifetime: None,
        index: IndexedFields::All,
        is_new: false,
        moved: None,
        fields: None,
        ranked: crate::codec::Ranked::default(),
    };
    let payload = encoded(&[Record::ItemPut(put)]);
    let place = b"\xfb\xe8\x03\xfb\x2c\x01\xfb\x00\x10\xfb\x2c\x01\x02\x01\x00";
    let weight = b"\x3f\x02\xfb\xbc\x02";
    let sources = b"\x01\x00\x01\x03";
    let ops = b"\x04\x01\x00\x15\x00\x01,\x02\x00\x01\x28\x00\x01]";
    let value = [place.as_slice(), weight, sources, ops].concat();
    assert_eq!(
        payload,
        framed(
            4,
            0,
            &[b"\x00\x01k\x00\x00\x00\x00\x02", &value[..]].concat()
        )
    );
}

#[test]
fn a_body_is_compressed_only_if_that_makes_it_shorter_by_enough() {
    let flags = |bytes: Vec<u8>| {
        let put = ItemPut {
            namespace: Vec::new(),
            key: "k".into(),
            value: Stored::Whole(Encoded::new("json", bytes)),
            at: 0,
            lifetime: None,
            index: IndexedFields::All,
            is_new: false,
            moved: None,
            fields: None,
            ranked: crate::codec::Ranked::default(),
        };
        let records = [Record::ItemPut(put)];
        let payload = encode(&records, Compression::All).unwrap();
        assert_eq!(decoded(&payload).unwrap(), records);
        assert!(payload.len() <= encoded(&records).len());
        payload[5]
    };
    assert_eq!(flags(vec![b'7'; 300]), 0);
    assert_eq!(flags(vec![b'7'; 600]), 1);
    // What zstd makes too short.
    assert_eq!(flags(vec![b'7'; 3_000_000]), 1);
    let numbers = (0..9000).map(|number| number.to_string());
    assert_eq!(flags(numbers.collect::<String>().into_bytes()), 2);
    // Bytes without any pattern.
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        (state >> 24) as u8
    });
    assert_eq!(flags(noise.take(3_000).collect()), 0);
}

#[test]
fn an_item_that_is_ranked_comes_back_with_what_it_is_ranked_by() {
    let put = |texts: &[&str], vectors| ItemPut {
        namespace: vec!["n".into()],
        key: "k".into(),
        value: Value::Whole(Encoded::new("bytes", &b"\x01"[..])),
        at: 5,
        lifetime: Some(7),
        index: IndexedFields::NONE,
        is_new: true,
        moved: None,
        fields: None,
        ranked: Ranked {
            texts: TextFields::new(texts.iter().copied()),
            vectors,
            words: None,
            at_hand: None,
        },
    };
    let vectors = || Some(Value::Whole(Encoded::new("vectors", &b"\x07\x08"[..])));
    for (put, kind) in [
        (put(&[], None), 4),
        (put(&["t"], None), 16),
        (put(&["t", "u"], vectors()), 16),
        (put(&[], vectors()), 16),
    ] {
        let records = [Record::ItemPut(put)];
        let payload = encoded(&records);
        assert_eq!(payload[4], kind);
        assert_eq!(decoded(&payload).unwrap(), records);
    }
    let payload = encoded(&[Record::ItemPut(put(&["t"], vectors()))]);
    let head = b"\x01\x01n\x01k\x05\x01\x07\x01\x00\x01";
    let value = b"\x01\x05bytes\x01\x01";
    let body = [
        &head[..],
        b"\x01\x01t",
        value,
        b"\x01\x07vectors\x02\x07\x08",
    ]
    .concat();
    assert_eq!(payload, framed(16, 0, &body));
}
