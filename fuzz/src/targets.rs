//! The targets by name. Each takes any bytes, and fails by panicking.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use futures::executor::block_on;
use serde_json::Value;
use stepwell::Encoded;
use stepwell::checkpoint::{Checkpoint, CheckpointTuple, Metadata, diff};
use stepwell::delta::{self, Op, Rope, Run, apply, encoded_len, total_len};
use stepwell::fuzzing;
use stepwell::store::{Filter, MemoryStore, Search, Store};

use crate::directory::directory;
use crate::memory::bounded;
use crate::operations::operations;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("superblock", |input| tight(input, fuzzing::superblock)),
    ("segment_header", |input| {
        tight(input, fuzzing::segment_header)
    }),
    ("frame", |input| tight(input, fuzzing::frame)),
    ("block", block),
    ("directory", |input| tight(input, fuzzing::directory)),
    ("footer", |input| tight(input, fuzzing::footer)),
    ("segment", segment),
    ("payload", payload),
    ("record", |input| within(input, 2048, fuzzing::record)),
    ("delta", delta),
    ("values", values),
    ("keys", keys),
    ("filter", filter),
    ("open", directory),
    ("operations", operations),
];

/// Runs a target.
pub fn run(name: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(of, _)| *of == name);
    found
        .unwrap_or_else(|| panic!("there is no target {name}"))
        .1(input);
}

/// What is read takes a few times what it is read from.
fn tight(input: &[u8], target: fn(&[u8])) {
    within(input, 64, target);
}

fn within(input: &[u8], for_each: usize, target: fn(&[u8])) {
    bounded(input.len(), for_each, 256 << 10, || target(input));
}

/// A block of a compacted segment may be compressed 1,024 times.
fn block(input: &[u8]) {
    within(input, 4096, fuzzing::block);
}

fn segment(input: &[u8]) {
    // The scan reads 256 KiB at once, the cache of blocks keeps 4 MiB.
    bounded(input.len(), 8192, 8 << 20, || fuzzing::segment(input));
}

/// A body may be compressed 1,024 times, and its smallest parts take some 300 bytes in memory for each of theirs: so only what is
/// not compressed is bounded.
fn payload(input: &[u8]) {
    fuzzing::payload(input);
}

type Chain = Vec<(Vec<(u8, u64, u64, u32)>, Option<u64>)>;

/// Any operations make a value of the length that they claim, or are refused; and what `diff` finds makes the new value.
fn delta(input: &[u8]) {
    let parts = <(&[u8], &[u8], &[u8], Chain)>::arbitrary_take_rest(Unstructured::new(input));
    let Ok((base, new, source, chain)) = parts else {
        return;
    };
    let [base, new, source] = [base, new, source].map(Bytes::copy_from_slice);
    let sources = [source];
    if let Some(ops) = delta::diff(&base, &new, &[&sources[0]]) {
        assert!(encoded_len(&ops) < new.len() as u64);
        assert_eq!(apply(&base, &sources, &ops, new.len() as u64).unwrap(), new);
    }
    let mut rope = Rope::new(base.clone());
    let mut run = Some(Run::new(base.len() as u64));
    for (ops, total) in chain {
        let ops = ops
            .into_iter()
            .map(|(kind, offset, len, source)| match kind % 3 {
                0 => Op::Literal(new.slice(..new.len().min(usize::from(offset as u8)))),
                1 => Op::CopyBase { offset, len },
                _ => Op::CopySource {
                    source,
                    offset,
                    len,
                },
            });
        let ops: Vec<Op> = ops.collect();
        let total = total.unwrap_or_else(|| total_len(&ops));
        if total > 1 << 20 || rope.apply(&ops, &sources, total).is_err() {
            return;
        }
        assert_eq!(rope.clone().into_bytes().len() as u64, total);
        run = run.and_then(|run| run.then(&ops, &[&sources[0]]));
        if let Some(run) = run.clone() {
            let made = apply(&base, &[], &run.ops(), total);
            assert_eq!(made.unwrap(), rope.clone().into_bytes());
        }
    }
}

/// Values at the edges: JSON lists that grow, MessagePack lists whose header gets longer, and what differs between two values.
fn values(input: &[u8]) {
    let Ok((texts, count, added)) =
        <(Vec<&str>, u16, u8)>::arbitrary_take_rest(Unstructured::new(input))
    else {
        return;
    };
    let bytes: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    fuzzing::item_fields(first);
    fuzzing::json_list(first, rest);
    grown(first, usize::from(count), usize::from(added));
    for tag in ["json", "msgpack"] {
        let tuple = |text: &[u8]| CheckpointTuple {
            checkpoint: Checkpoint {
                channel_values: BTreeMap::from([("c".into(), Encoded::new(tag, text.to_vec()))]),
                ..Checkpoint::default()
            },
            thread: "t".into(),
            namespace: String::new(),
            metadata: Metadata::default(),
            parent_id: None,
            pending_writes: Vec::new(),
        };
        let (a, b) = (tuple(first), tuple(rest.first().unwrap_or(first)));
        assert!(diff(&a, &a).is_empty());
        let found = diff(&a, &b);
        assert!(found.to_string().len() < 64 << 10);
    }
}

/// A MessagePack list of `count` equal elements and `added` more is small as a delta, whatever becomes of its header.
fn grown(element: &[u8], count: usize, added: usize) {
    let element = element.get(..8).unwrap_or(element);
    let list = |count: usize| {
        let mut bytes = match count {
            0..16 => vec![0x90 | count as u8],
            16..0x1_0000 => [&[0xdc][..], &(count as u16).to_be_bytes()].concat(),
            _ => [&[0xdd][..], &(count as u32).to_be_bytes()].concat(),
        };
        for _ in 0..count {
            bytes.push(0xd9);
            bytes.push(element.len() as u8);
            bytes.extend(element);
        }
        bytes
    };
    let [base, new] = [list(count), list(count + added)].map(Bytes::from);
    let more = (added * (element.len() + 2)) as u64;
    match delta::diff(&base, &new, &[]) {
        Some(ops) => {
            assert!(
                encoded_len(&ops) <= more + 64,
                "{count} and {added}: {ops:?}"
            );
            let made = apply(&base, &[], &ops, new.len() as u64);
            assert_eq!(made.unwrap(), new);
        }
        // What is mostly new need not be found to be a list that grew.
        None => assert!(added > count / 8 || new.len() < 1024, "{count} and {added}"),
    }
}

/// Keys and rows of the index.
fn keys(input: &[u8]) {
    let Ok((one, other, row)) =
        <(&[u8], &[u8], &[u8])>::arbitrary_take_rest(Unstructured::new(input))
    else {
        return;
    };
    bounded(input.len(), 512, 64 << 10, || {
        fuzzing::keys(one, other);
        fuzzing::row(one, row);
    });
}

/// Any JSON is a filter or is refused; and a search finds by the index what the filter matches.
fn filter(input: &[u8]) {
    let Ok((filter, items)) = <(&str, Vec<&str>)>::arbitrary_take_rest(Unstructured::new(input))
    else {
        return;
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let Some(filter) = json(filter).and_then(|filter| Filter::from_json(&filter).ok()) else {
        return;
    };
    let items: Vec<Value> = items.iter().filter_map(|text| json(text)).take(8).collect();
    let store = MemoryStore::new();
    let mut expected = Vec::new();
    for (number, item) in items.into_iter().enumerate() {
        let key = number.to_string();
        if !item.is_object() {
            let _ = filter.matches(&item);
            continue;
        }
        if filter.matches(&item) {
            expected.push(key.clone());
        }
        block_on(store.put(&["items"], &key, item)).unwrap();
    }
    let found = block_on(store.search(Search::new(&["items"]).filter(filter.clone()))).unwrap();
    let mut found: Vec<_> = found.into_iter().map(|item| item.key).collect();
    found.sort();
    assert_eq!(found, expected, "{filter:?}");
}
