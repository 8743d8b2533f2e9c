//! What is committed: it follows from its thread and number, so that whoever finds it knows whether it is whole.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointTuple, Metadata, PutCheckpoint, Source,
};
use stepwell::{Encoded, ItemChange};

/// The namespace of items, and how the names of threads begin.
pub(super) const NAME: &str = "torture";
/// The longest text, in bytes.
const LONGEST: u64 = 6000;

/// The name of the thread of a writer of a process.
pub(super) fn thread(cycle: u64, writer: u8) -> String {
    format!("{NAME}-{cycle:08}-{writer}")
}

/// The process of a thread with this name, if it is one of ours.
pub(super) fn cycle_of(thread: &str) -> Option<u64> {
    let (cycle, _) = thread
        .strip_prefix(NAME)?
        .strip_prefix('-')?
        .split_once('-')?;
    cycle.parse().ok()
}

fn id(number: u64) -> String {
    format!("{number:012}")
}

/// A text of any length that follows from its thread and number (FNV-1a, then xorshift).
fn text(thread: &str, number: u64) -> String {
    let start = thread
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325 ^ number, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
    let mut state = start | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let short = next() % 4 > 0;
    let words = next() % if short { 16 } else { LONGEST / 16 };
    (0..=words).map(|_| format!("{:016x}", next())).collect()
}

fn values(thread: &str, number: u64) -> [(String, Value); 3] {
    let all: Vec<u64> = (number.saturating_sub(100)..=number).collect();
    [
        ("number".to_owned(), json!(number)),
        ("list".to_owned(), json!(all)),
        ("text".to_owned(), json!(text(thread, number))),
    ]
}

/// The checkpoint of this number, and the item that goes with it.
pub(super) fn commit(thread: &str, number: u64) -> (PutCheckpoint, Vec<ItemChange>) {
    let version = ChannelVersion::Int(number + 1);
    let mut checkpoint = Checkpoint {
        id: id(number),
        ts: "2026-01-01T00:00:00.000000+00:00".to_owned(),
        ..Checkpoint::default()
    };
    let mut new_versions = BTreeMap::new();
    for (name, value) in values(thread, number) {
        (checkpoint.channel_versions).insert(name.clone(), version.clone());
        new_versions.insert(name.clone(), version.clone());
        (checkpoint.channel_values).insert(name, Encoded::json(&value));
    }
    let step = i64::try_from(number).unwrap_or(i64::MAX);
    let put = PutCheckpoint {
        thread: thread.to_owned(),
        namespace: String::new(),
        parent_id: number.checked_sub(1).map(id),
        checkpoint,
        metadata: Metadata::new(Source::Loop, step),
        appended: BTreeMap::new(),
        new_versions,
    };
    let item = ItemChange {
        namespace: vec![NAME.to_owned()],
        key: thread.to_owned(),
        value: Some(Encoded::json(&json!(number))),
        ttl: stepwell::store::Ttl::default(),
        index: None,
        texts: None,
        vectors: None,
    };
    (put, vec![item])
}

/// The number of a checkpoint, if all of it is as it was committed.
pub(super) fn number_of(found: &CheckpointTuple) -> Option<u64> {
    let number: u64 = found.checkpoint.id.parse().ok()?;
    let there = &found.checkpoint.channel_values;
    let expected = values(&found.thread, number);
    let is_whole = there.len() == expected.len()
        && found.parent_id == number.checked_sub(1).map(id)
        && (expected.iter()).all(|(name, value)| {
            there.get(name).and_then(|of| of.to_json().ok()).as_ref() == Some(value)
        });
    is_whole.then_some(number)
}
