mod made;
mod moot;

use std::collections::BTreeMap;
use std::fs;

use futures::executor::block_on;
use tempfile::TempDir;

use super::*;
use crate::Encoded;
use crate::checkpoint::Checkpointer;
use crate::codec::{
    Alias, Changed, CheckpointPut, Delta, FramePlace, Place as Named, Record, Stored, ThreadCopied,
    Versions,
};
use crate::compact::{KeptMetadata, KeptTime};
use crate::db::Db;
use crate::delta::{Op, Weight};
use crate::index::shrink;
use crate::version::ChannelVersion;
use made::*;

#[test]
fn a_whole_database_is_salvaged_whole() {
    let dir = TempDir::new().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let made = make(&from, false);
    let (before, of_items) = (tuples(&made.db), items(&made.db));
    let tags = block_on(made.db.checkpointer().tags("u")).unwrap();
    drop(made);
    let report = salvage(&from, &to).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(
        (report.threads, report.checkpoints, report.items),
        (2, 21, 2)
    );
    let db = verified(&to);
    assert_eq!((tuples(&db), items(&db)), (before, of_items));
    assert_eq!(block_on(db.checkpointer().tags("u")).unwrap(), tags);
    assert_eq!(tags.len(), 1);
    let refused = salvage(&from, &to);
    drop(db);
    assert!(refused.is_err() && salvage(&from, &to).is_err());
}

#[test]
fn a_salvage_tells_how_far_it_is() {
    let dir = TempDir::new().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let made = make(&from, false);
    made.db.close().unwrap();
    let bytes: u64 = (fs::read_dir(from.join("log")).unwrap())
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    let mut told = Vec::new();
    let report = salvage_with(&from, &to, &mut |at| told.push(at)).unwrap();
    assert!(report.is_whole());
    for stage in [SalvageStage::Reading, SalvageStage::Writing] {
        let of_stage: Vec<_> = told.iter().filter(|at| at.stage == stage).collect();
        assert!(of_stage.is_sorted_by_key(|at| at.done));
        assert!(of_stage.iter().all(|at| at.of == bytes));
        let ends = [of_stage.first(), of_stage.last()].map(|at| at.unwrap().done);
        assert_eq!(ends, [0, bytes]);
    }
}

#[test]
fn whichever_frame_is_damaged_all_that_does_not_need_it_is_kept() {
    damage_each_frame(false);
}

#[test]
fn whichever_frame_is_damaged_versions_that_build_on_it_are_found_again() {
    damage_each_frame(true);
}

fn damage_each_frame(shrinks: bool) {
    let dir = TempDir::new().unwrap();
    let from = dir.path().join("from");
    let made = make(&from, shrinks);
    let (before, of_items) = (tuples(&made.db), items(&made.db));
    let Made {
        log,
        put,
        writes,
        copied,
        items: needs,
        db,
        ..
    } = made;
    drop(db);
    let frames = frames(&from);
    let segments: std::collections::BTreeSet<_> = frames.iter().map(|at| at.segment).collect();
    assert!(segments.len() > 2);
    for at in frames {
        let lost = at.lsn.get();
        let path = from.join("log").join(at.segment.to_string());
        let bytes = fs::read(&path).unwrap();
        let mut damaged = bytes.clone();
        let begin = usize::try_from(at.offset).unwrap();
        // Its whole header, or one byte in the middle.
        match lost % 2 {
            0 => damaged[begin..begin + 24].fill(0),
            _ => damaged[begin + 40] ^= 4,
        }
        fs::write(&path, damaged).unwrap();
        let to = dir.path().join(lost.to_string());
        let report = salvage(&from, &to).unwrap();
        fs::write(&path, bytes).unwrap();
        let [records] = report.lost_records.as_slice() else {
            panic!("{report:?}");
        };
        assert_eq!(
            (records.lsns.start.get(), records.lsns.end.get()),
            (lost, lost + 1)
        );

        let db = verified(&to);
        let after = tuples(&db);
        for (key @ (thread, n), tuple) in &before {
            let n: u32 = n.parse().unwrap();
            let is_copy = thread == "u" && n != 12;
            if put[&n] == lost || is_copy && copied == lost {
                assert!(!after.contains_key(key), "{key:?} without {lost}");
                continue;
            }
            let found = &after[key];
            let mut expected = tuple.clone();
            let values = &mut expected.checkpoint.channel_values;
            let is_lost = |channel: &str| match channel {
                "log" => log[&n].contains(&lost),
                "big" => put[&1] == lost || thread == "u" && copied == lost,
                _ => false,
            };
            values.retain(|channel, _| !is_lost(channel));
            for channel in ["log", "big"]
                .into_iter()
                .filter(|channel| is_lost(channel))
            {
                if channel == "big" && shrinks {
                    // Nobody knows that there was one.
                    expected.checkpoint.channel_versions.remove(channel);
                    continue;
                }
                let is_listed = (report.lost_values.iter())
                    .any(|lost| lost.channel == channel && lost.checkpoint <= id(n));
                assert!(is_listed, "{channel} of {key:?}: {report:?}");
            }
            if writes == lost {
                expected.pending_writes.clear();
            }
            assert_eq!(*found, expected, "{key:?} without {lost}: {report:?}");
        }
        assert!(after.len() <= before.len());
        for item in &of_items {
            let found = items(&db).into_iter().find(|found| found.key == item.key);
            if needs[item.key.as_str()].contains(&lost) {
                // What the item was before is still there, if it was something.
                assert_ne!(found.as_ref(), Some(item));
            } else {
                let found = found.unwrap();
                assert_eq!(
                    (&found.value, found.updated_at),
                    (&item.value, item.updated_at)
                );
            }
        }
    }
}

#[test]
fn of_versions_that_cannot_be_found_again_those_are_kept_that_are_known() {
    let dir = TempDir::new().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let db = Db::open(&from).unwrap();
    let version = ChannelVersion::Int;
    let names = ["a", "b", "c", "d"];
    // By step: what changes, and which node has seen `a`. What the second step changes, the third does not.
    let steps = [
        (vec!["a", "b", "c", "d"], "n"),
        (vec!["a", "b"], "m"),
        (vec!["a"], "n"),
        (vec!["a"], "m"),
        (vec!["b"], "n"),
        (vec!["a"], "n"),
    ];
    let mut channels = BTreeMap::new();
    let mut seen: BTreeMap<String, BTreeMap<String, ChannelVersion>> = BTreeMap::new();
    for (n, (changes, node)) in (1..).zip(&steps) {
        if let Some(a) = channels.get("a").cloned() {
            seen.insert((*node).into(), [("a".to_owned(), a)].into());
        }
        let changed = changes.iter().map(|channel| Changed {
            channel: (*channel).to_owned(),
            version: version(n),
            value: Some(Stored::Whole(Encoded::new("json", n.to_string()))),
        });
        let changed: Vec<_> = changed.collect();
        channels.extend(changed.iter().map(|c| (c.channel.clone(), version(n))));
        let number = u32::try_from(n).unwrap();
        let mut put = CheckpointPut {
            thread: "t".into(),
            namespace: String::new(),
            id: id(number),
            parent_id: (n > 1).then(|| id(number - 1)),
            ts: KeptTime::of("2026-11-21T00:00:00Z"),
            metadata: KeptMetadata::of(*b"{}"),
            ancestors: BTreeMap::new(),
            versions: Versions::Whole {
                channels: channels.clone(),
                seen: seen.clone(),
            },
            updated: None,
            changed,
            unchanged: BTreeMap::new(),
            standalone: false,
            moment: None,
        };
        if n > 1 {
            let entry = db.snapshot().entry("t", "", &id(number - 1));
            shrink(&mut put, &*entry.unwrap().unwrap()).unwrap();
        }
        let submitted = db.submit(vec![Record::CheckpointPut(put)], None, String::new);
        assert_eq!(submitted.unwrap().wait().unwrap(), None);
    }
    let before = tuples(&db);
    drop(db);
    let at = frames(&from)[1];
    let path = from.join("log").join(at.segment.to_string());
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(at.offset).unwrap() + 40] ^= 4;
    fs::write(&path, bytes).unwrap();
    let report = salvage(&from, &to).unwrap();
    let lost = |n: u32, channel: &str| LostValue {
        thread: "t".into(),
        namespace: String::new(),
        checkpoint: id(n),
        channel: channel.into(),
    };
    let expected: Vec<_> = [(3, "b"), (3, "c"), (3, "d"), (4, "b"), (4, "c"), (4, "d")]
        .map(|(n, channel)| lost(n, channel))
        .into();
    assert_eq!(report.lost_values, expected, "{report:?}");
    let after = tuples(&verified(&to));
    for n in [1, 3, 4, 5, 6] {
        let key = ("t".to_owned(), id(n));
        let (before, after) = (&before[&key].checkpoint, &after[&key].checkpoint);
        let is_kept = |channel: &str| n != 3 && n != 4 || channel == "a";
        for channel in names {
            let kept = is_kept(channel);
            let values = (&before.channel_values, &after.channel_values);
            assert_eq!(
                values.1.get(channel),
                values.0.get(channel).filter(|_| kept)
            );
            let versions = (&before.channel_versions, &after.channel_versions);
            assert_eq!(
                versions.1.get(channel),
                versions.0.get(channel).filter(|_| kept)
            );
        }
        if n != 3 && n != 4 {
            assert_eq!(before, after);
        }
    }
}

#[test]
fn values_that_nothing_can_make_are_lost_though_their_checksums_are_right() {
    let dir = TempDir::new().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let mut made = make(&from, false);
    let whole = named(&made.place("t", 1, "log"));
    let length = made
        .db
        .reader()
        .values([&made.place("t", 1, "log")])
        .unwrap();
    let length = length.first().unwrap().bytes().len() as u64;
    let built = named(&made.place("t", 2, "log"));
    let delta = |sources: &[Named], op: Op| {
        Stored::Delta(Delta {
            base: whole,
            weight: Weight {
                length: op.len(),
                links: 1,
                cost: 0,
            },
            sources: sources.to_vec(),
            ops: vec![op],
        })
    };
    let copied = |source, offset| Op::CopySource {
        source,
        offset,
        len: 9,
    };
    let alias = |of| {
        let weight = Weight::whole(9);
        Stored::Alias(Alias { of, weight })
    };
    let copy = |offset| Op::CopyBase { offset, len: 9 };
    let (end, records) = (length - 9, whole.frame.unwrap().records);
    let frame = |change: fn(&mut FramePlace)| {
        let mut place = whole;
        place.frame.iter_mut().for_each(change);
        place
    };
    let cases: [(&str, Stored, bool); 12] = [
        ("copy", delta(&[], copy(end)), true),
        ("source", delta(&[whole], copied(0, end)), true),
        ("copy-beyond", delta(&[], copy(end + 1)), false),
        ("copy-far-beyond", delta(&[], copy(u64::MAX)), false),
        ("source-beyond", delta(&[whole], copied(0, end + 1)), false),
        ("no-source", delta(&[whole], copied(1, 0)), false),
        ("source-of-a-delta", delta(&[built], copied(0, 0)), false),
        ("no-value", alias(Named { value: 9, ..whole }), false),
        (
            "no-record",
            alias(Named {
                record: records,
                ..whole
            }),
            false,
        ),
        ("no-frame", alias(frame(|frame| frame.lsn = 1 << 40)), false),
        (
            "few-records",
            alias(frame(|frame| frame.records = 0)),
            false,
        ),
        ("whole", alias(whole), true),
    ];
    for (key, value, _) in &cases {
        made.item(key, value.clone(), 20, &[]);
    }
    drop(made);
    let report = salvage(&from, &to).unwrap();
    assert!(report.lost_records.is_empty(), "{report:?}");
    let mut lost: Vec<_> = report.lost_items.iter().map(|item| &*item.key).collect();
    lost.sort_unstable();
    let mut expected: Vec<_> = cases.iter().filter(|of| !of.2).map(|of| of.0).collect();
    expected.sort_unstable();
    assert_eq!(lost, expected);
    assert_eq!(report.items as usize, 2 + cases.len() - lost.len());
    drop(verified(&to));
}
