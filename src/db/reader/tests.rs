use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::codec::{Changed, CheckpointPut, FramePlace, ItemPut, Place as Named, Record, Versions};
use crate::compact::{KeptMetadata, KeptTime};
use crate::db::{Durability, Handed};
use crate::delta::{
    COST_FACTOR, COST_SLACK, LINK_BYTES, LINK_COST, Op, RUN_LINKS, diff, encoded_len, total_len,
};
use crate::index::Held;
use crate::store_options::IndexedFields;
use crate::version::ChannelVersion;

/// A database whose items are what the tests store.
struct Values {
    _dir: TempDir,
    db: Db,
}

impl Values {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::options()
            .durability(Durability::Os)
            .open(dir.path())
            .unwrap();
        Self { _dir: dir, db }
    }

    /// Commits values in one frame, each in a record of its own.
    fn put(&self, values: Vec<(&str, Stored)>) {
        let records = values.into_iter().map(|(key, value)| {
            Record::ItemPut(ItemPut {
                namespace: vec!["n".into()],
                key: key.into(),
                value,
                at: 0,
                lifetime: None,
                index: IndexedFields::All,
                is_new: false,
                moved: None,
                fields: None,
                ranked: crate::codec::Ranked::default(),
            })
        });
        let submitted = self.db.submit(records.collect(), None, String::new);
        assert_eq!(submitted.unwrap().wait().unwrap(), None);
    }

    fn place(&self, key: &str) -> Place {
        let found = self.db.snapshot().item(&["n".into()], key);
        found.unwrap().unwrap().value.clone()
    }

    /// The place as another record names it.
    fn named(&self, key: &str) -> Named {
        let place = self.place(key);
        let frame = place.record.frame;
        Named {
            frame: Some(FramePlace {
                lsn: frame.lsn.get(),
                segment: frame.segment.base().get(),
                offset: frame.offset,
                payload_len: frame.payload_len,
                records: frame.records,
            }),
            record: place.record.number,
            value: place.value,
        }
    }

    fn read(&self, key: &str) -> Result<Encoded, DbError> {
        let places = [self.place(key)];
        Ok(self.db.reader().values(&places)?.remove(0))
    }

    #[track_caller]
    fn assert_unreadable(&self, key: &str, why: &str) {
        let lsn = {
            let record = self.place(key).record;
            record.frame.lsn.plus(u64::from(record.number))
        };
        let error = self.read(key).unwrap_err().to_string();
        assert!(error.contains(&format!("record {lsn} ")), "{error}");
        assert!(error.contains(why), "{error}");
    }
}

fn whole(bytes: &[u8]) -> Stored {
    Stored::Whole(Encoded::new("json", bytes.to_vec()))
}

fn delta(base: Named, sources: Vec<Named>, ops: Vec<Op>) -> Stored {
    let weight = Weight {
        length: total_len(&ops),
        links: 1,
        cost: 0,
    };
    Stored::Delta(Delta {
        base,
        weight,
        sources,
        ops,
    })
}

fn copy(len: u64) -> Vec<Op> {
    vec![Op::CopyBase { offset: 0, len }]
}

fn here(record: u32) -> Named {
    Named {
        frame: None,
        record,
        value: 0,
    }
}

#[test]
fn a_value_is_followed_through_deltas_aliases_and_sources() {
    let values = Values::new();
    let mut list = format!("[{}]", "0,".repeat(100)).into_bytes();
    values.put(vec![("0", whole(&list))]);
    for number in 1..40 {
        let written = format!("\"message {number}{}\"", "-".repeat(number)).repeat(4);
        list.splice(list.len() - 1..list.len() - 1, written.bytes());
        let (key, base) = (number.to_string(), (number - 1).to_string());
        let old = values.read(&base).unwrap();
        let ops = diff(old.bytes(), &list.clone().into(), &[written.as_bytes()]);
        let value = delta(values.named(&base), vec![here(0)], ops.unwrap());
        if number % 3 == 0 {
            let of = here(1);
            let weight = Weight::whole(0);
            let alias = Stored::Alias(Alias { of, weight });
            values.put(vec![
                ("w", whole(written.as_bytes())),
                ("d", value),
                (&key, alias),
            ]);
        } else {
            values.put(vec![("w", whole(written.as_bytes())), (&key, value)]);
        }
        assert_eq!(
            values.read(&key).unwrap(),
            Encoded::new("json", list.clone())
        );
    }
}

/// A number of bytes that follow from a number.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

/// How many deltas a value is made of, and what has to be read for it.
fn walked(db: &Db, place: &Place) -> (u32, u64) {
    let (mut at, mut links, mut bytes) = (At::from(place), 0, 0);
    let reader = db.reader();
    let stored = |at| reader.stored(&mut Records::new(), at, None).unwrap();
    loop {
        bytes += LINK_COST;
        match stored(at) {
            Value::Alias(alias) => at = follow(at, alias.of).unwrap(),
            Value::Whole(whole) => return (links, bytes + wide(whole.bytes().len())),
            Value::Delta(delta) => {
                links += 1;
                bytes += encoded_len(&delta.ops);
                for source in &delta.sources {
                    match stored(follow(at, *source).unwrap()) {
                        Value::Whole(whole) => bytes += LINK_COST + wide(whole.bytes().len()),
                        other => panic!("a source is {other:?}"),
                    }
                }
                at = follow(at, delta.base).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_stored_version_is_within_the_bounds_of_the_policy(
        edits in vec((0_usize..6, 0_usize..5_000, 0_usize..1_500), 1..200),
        hot_bytes in prop_oneof![Just(0_usize), Just(32 << 20)],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let options = Db::options().durability(Durability::Os).hot_bytes(hot_bytes);
        let db = options.open(dir.path()).unwrap();
        let mut value = b"[]".to_vec();
        let mut parent_id: Option<String> = None;
        for (version, (kind, at, length)) in (1_u64..).zip(edits) {
            let new = noise(version, length);
            let at = at.min(value.len());
            let to = (at + length).min(value.len());
            match kind {
                0 => value.extend(new),
                1 => drop(value.splice(at..to, new)),
                2 => drop(value.splice(at..at, new)),
                3 => drop(value.drain(at..to)),
                // What has been there before, elsewhere.
                4 => value.extend_from_within(at..to),
                _ => value.truncate(at),
            }
            let id = format!("{version:06}");
            let channel = || "c".to_owned();
            let put = CheckpointPut {
                thread: "t".into(),
                namespace: String::new(),
                id: id.clone(),
                parent_id: parent_id.replace(id.clone()),
                ts: KeptTime::of(""),
                metadata: KeptMetadata::of(*b"{}"),
                ancestors: [].into(),
                versions: Versions::Whole {
                    channels: [(channel(), ChannelVersion::Int(version))].into(),
                    seen: [].into(),
                },
                updated: None,
                changed: vec![Changed {
                    channel: channel(),
                    version: ChannelVersion::Int(version),
                    value: Some(Handed::Whole(Encoded::new("bytes", value.clone()))),
                }],
                unchanged: [].into(),
                standalone: false,
                moment: None,
            };
            let submitted = db.put_checkpoint(put, Vec::new(), None);
            prop_assert!(submitted.unwrap().wait().unwrap().is_none());
            let entry = db.snapshot().entry("t", "", &id).unwrap().unwrap();
            let Held::Value(place) = &entry.channels()[0].held else {
                panic!("it has no value");
            };
            let (links, bytes) = walked(&db, place);
            let length = wide(value.len());
            prop_assert!(bytes <= COST_FACTOR * length + COST_SLACK, "{bytes} for {length}");
            prop_assert!(u64::from(links) <= u64::from(RUN_LINKS) + length / LINK_BYTES);
            let read = db.reader().values([place]).unwrap().remove(0);
            prop_assert_eq!(read.bytes(), &value);
        }
    }
}

#[test]
fn a_value_that_names_itself_or_a_later_one_is_refused() {
    let values = Values::new();
    values.put(vec![("first", whole(b"[1]"))]);
    values.put(vec![
        ("own", delta(here(0), Vec::new(), copy(1))),
        ("later", delta(here(2), Vec::new(), copy(1))),
        ("last", whole(b"[1]")),
        ("none", delta(here(9), Vec::new(), copy(1))),
    ]);
    for key in ["own", "later", "none"] {
        values.assert_unreadable(key, "no older record");
    }
    let mut claimed = values.named("last");
    claimed.frame = claimed.frame.map(|frame| FramePlace {
        lsn: frame.lsn + 100,
        ..frame
    });
    values.put(vec![("claimed", delta(claimed, Vec::new(), copy(1)))]);
    values.assert_unreadable("claimed", "no older record");
}

#[test]
fn a_delta_that_does_not_fit_is_refused() {
    let values = Values::new();
    values.put(vec![("base", whole(b"[1]"))]);
    let base = values.named("base");
    let no_value = Named { value: 7, ..base };
    let from_source = vec![Op::CopySource {
        source: 0,
        offset: 0,
        len: 1,
    }];
    values.put(vec![
        ("long", delta(base, Vec::new(), copy(4))),
        ("unknown", delta(base, Vec::new(), from_source.clone())),
        ("delta", delta(base, Vec::new(), copy(1))),
        ("of delta", delta(base, vec![here(2)], from_source)),
        ("missing", delta(no_value, Vec::new(), copy(1))),
    ]);
    values.assert_unreadable("long", "copies 4 bytes at 0 of 3");
    values.assert_unreadable("unknown", "from source 0 of 0");
    values.assert_unreadable("of delta", "not stored whole");
    let error = values.read("missing").unwrap_err().to_string();
    assert!(error.contains("no value 7"), "{error}");
    assert_eq!(values.read("delta").unwrap().bytes().as_ref(), b"[");
}
