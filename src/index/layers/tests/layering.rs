//! Layers answer as one map does, and snapshots as it did.

use std::collections::BTreeMap;
use std::ops::Bound;

use proptest::prelude::*;

use super::*;
use crate::index::tables::{Rows, Tables};

#[derive(Debug, Clone)]
enum Op {
    Put(u32, u32),
    Delete(u32),
    Cut,
    Settle,
    Reopen,
    Snapshot,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..40_u32, any::<u32>()).prop_map(|(key, row)| Op::Put(key, row)),
        4 => (0..40_u32).prop_map(Op::Delete),
        1 => Just(Op::Cut),
        1 => Just(Op::Settle),
        1 => Just(Op::Reopen),
        1 => Just(Op::Snapshot),
    ]
}

type Model = BTreeMap<Name, Row>;
type Ends = (Bound<Name>, Bound<Name>);

fn ends() -> impl Strategy<Value = Ends> {
    let end = || {
        prop_oneof![
            Just(Bound::Unbounded),
            (0..40_u32).prop_map(|number| Bound::Included(name(number))),
            (0..40_u32).prop_map(|number| Bound::Excluded(name(number))),
        ]
    };
    (end(), end())
}

fn between(model: &Model, ends: &Ends) -> Vec<(Name, Row)> {
    use std::ops::RangeBounds;
    let within = model.iter().filter(|(key, _)| ends.contains(key));
    within
        .map(|(key, row)| (key.clone(), row.clone()))
        .collect()
}

fn check(rows: &LayeredSnapshot<Row>, model: &Model, ends: &Ends, stop: usize) {
    for number in 0..40 {
        assert_eq!(
            rows.get(&name(number)).unwrap(),
            model.get(&name(number)).cloned()
        );
    }
    let expected = between(model, ends);
    let (start, end) = (ends.0.as_ref(), ends.1.as_ref());
    assert_eq!(rows.next(start, end).unwrap().as_ref(), expected.first());
    assert_eq!(rows.previous(start, end).unwrap().as_ref(), expected.last());
    for stop in [expected.len(), stop] {
        let mut found = Vec::new();
        let visit = |key: &Name, row: &Row| {
            found.push((key.clone(), row.clone()));
            found.len() < stop
        };
        rows.scan(start, end, visit).unwrap();
        let wanted = expected.iter().take(stop.max(1)).cloned();
        assert_eq!(found, wanted.collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn layers_answer_as_one_map_does_and_snapshots_as_it_did(
        ops in prop::collection::vec(op(), 1..80),
        ends in ends(),
        stop in 1..8_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, found) = open(dir.path());
        let mut rows = over(found.unwrap());
        let mut model = Model::new();
        let mut snapshots = Vec::new();
        let mut cut = None;
        for (lsn, op) in (2..).zip(ops) {
            match op {
                Op::Put(key, number) => {
                    rows.put(name(key), row(number));
                    model.insert(name(key), row(number));
                }
                Op::Delete(key) => {
                    rows.delete(name(key));
                    model.remove(&name(key));
                }
                Op::Cut => cut = rows.cut(),
                Op::Settle => {
                    if let Some(cut) = cut.take() {
                        let base = file.write(&cut.changes, cut.watermark).unwrap();
                        rows.settle(base);
                    }
                }
                Op::Reopen => {
                    let base = file.reopen().unwrap();
                    rows.rebase(base);
                    // Those of earlier transactions have ended with the file as it was open before.
                    let address = |rows: &LayeredSnapshot<Row>| rows.base.as_ref().map(Arc::as_ptr);
                    let latest = address(&rows.snapshot());
                    snapshots.retain(|(snapshot, _)| {
                        let base = address(snapshot);
                        base.is_none() || base == latest
                    });
                }
                Op::Snapshot => snapshots.push((rows.snapshot(), model.clone())),
            }
            rows.advance(at(lsn), 64);
        }
        check(&rows.snapshot(), &model, &ends, stop);
        for (snapshot, model) in &snapshots {
            check(snapshot, model, &ends, stop);
        }
    }
}

#[test]
fn what_was_flushed_weighs_nothing_and_what_was_overwritten_weighs_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut file, found) = open(dir.path());
    let mut rows = over(found.unwrap());
    for _ in 0..10 {
        rows.put(name(1), row(1));
    }
    rows.advance(at(11), 640);
    let once = rows.weight();
    assert!((30..200).contains(&once), "{once}");
    flush(&mut rows, &mut file);
    assert_eq!((rows.weight(), rows.tail_bytes()), (0, 0));
}
