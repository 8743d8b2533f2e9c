//! What applying and looking up costs, and that nothing is left behind.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::codec::{
    Changed, CheckpointPut, CheckpointsPruned, Record, TagSet, TaskWrite, ThreadCopied,
    ThreadDeleted, Versions, WritesPut,
};
use crate::compact::{KeptMetadata, KeptTime};
use crate::version::ChannelVersion;

type Mem = MemTables<Key, Row<u64>>;

/// Counts what is read and changed.
#[derive(Default)]
struct Counted {
    rows: Mem,
    touched: Cell<usize>,
}

impl Counted {
    fn touch(&self) {
        self.touched.set(self.touched.get() + 1);
    }
}

impl Rows<Key, Row<u64>> for Counted {
    fn get(&self, key: &Key) -> Result<Option<Row<u64>>, TablesError> {
        self.touch();
        self.rows.get(key)
    }

    fn next(
        &self,
        after: Bound<&Key>,
        end: Bound<&Key>,
    ) -> Result<Option<(Key, Row<u64>)>, TablesError> {
        self.touch();
        self.rows.next(after, end)
    }

    fn scan(
        &self,
        start: Bound<&Key>,
        end: Bound<&Key>,
        visit: impl FnMut(&Key, &Row<u64>) -> bool,
    ) -> Result<(), TablesError> {
        self.touch();
        self.rows.scan(start, end, visit)
    }

    fn previous(
        &self,
        start: Bound<&Key>,
        before: Bound<&Key>,
    ) -> Result<Option<(Key, Row<u64>)>, TablesError> {
        self.touch();
        self.rows.previous(start, before)
    }
}

impl Tables<Key, Row<u64>> for Counted {
    fn put(&mut self, key: Key, row: Row<u64>) {
        self.touch();
        self.rows.put(key, row);
    }

    fn delete(&mut self, key: Key) {
        self.touch();
        self.rows.delete(key);
    }
}

/// An index and the LSN of its last record.
#[derive(Default)]
struct Log {
    index: Index<u64, Counted>,
    lsn: u64,
}

impl Log {
    /// Applies a record of as many bytes as its LSN, and tells whether it was taken.
    fn apply(&mut self, record: Record<u64>) -> bool {
        self.lsn += 1;
        let origin = Origin {
            lsn: self.lsn,
            segment: 1 + self.lsn / 10,
            bytes: self.lsn,
        };
        self.index.apply(record, origin).is_ok()
    }

    fn cost(&mut self, of: impl FnOnce(&mut Self)) -> usize {
        self.index.tables().touched.set(0);
        of(self);
        self.index.tables().touched.get()
    }

    fn look(&self) -> Snapshot<u64, &Counted> {
        Snapshot::new(self.index.tables())
    }

    fn rows(&self) -> Vec<(Key, Row<u64>)> {
        let mut rows = Vec::new();
        let mut after = Bound::Unbounded;
        while let Ok(Some((key, row))) =
            (self.index.tables().rows).next(after.as_ref(), Bound::Unbounded)
        {
            rows.push((key.clone(), row));
            after = Bound::Excluded(key);
        }
        rows
    }
}

/// The version 6 id of a moment.
fn id(n: u64) -> String {
    format!("1f0c0000-0000-6000-8000-{n:012}")
}

fn checkpoint(thread: &str, n: u64, parent: Option<u64>) -> Record<u64> {
    let version = || ChannelVersion::Int(n);
    Record::CheckpointPut(CheckpointPut {
        thread: thread.into(),
        namespace: String::new(),
        id: id(n),
        parent_id: parent.map(id),
        ts: KeptTime::of(""),
        metadata: KeptMetadata::of(*b"{}"),
        ancestors: BTreeMap::new(),
        versions: Versions::Whole {
            channels: [("c".to_owned(), version())].into(),
            seen: BTreeMap::new(),
        },
        updated: None,
        changed: vec![Changed {
            channel: "c".into(),
            version: version(),
            value: Some(n),
        }],
        unchanged: BTreeMap::new(),
        standalone: false,
        moment: None,
    })
}

fn written(thread: &str, n: u64, index: i32) -> Record<u64> {
    Record::WritesPut(WritesPut {
        thread: thread.into(),
        namespace: String::new(),
        checkpoint_id: id(n),
        task_id: "task".into(),
        task_path: "path".into(),
        writes: vec![TaskWrite {
            index,
            channel: "c".into(),
            value: n,
        }],
    })
}

fn copy(source: &str, target: &str) -> Record<u64> {
    Record::ThreadCopied(ThreadCopied {
        source: source.into(),
        target: target.into(),
    })
}

fn delete(thread: &str) -> Record<u64> {
    Record::ThreadDeleted(ThreadDeleted {
        thread: thread.into(),
        cutoff: id(0),
    })
}

fn prune(thread: &str, as_of: u64, from: u64, to: u64) -> Record<u64> {
    Record::CheckpointsPruned(CheckpointsPruned {
        thread: thread.into(),
        as_of,
        namespaces: [(String::new(), Some(vec![(id(from), id(to))]))].into(),
    })
}

/// Has the latest checkpoint of a thread remembered, and tells whether it was.
fn remembered(log: &Log, thread: &str) -> bool {
    let (latest, as_of) = (log.index.latest(), log.index.latest().as_of());
    let found = log.look().get(thread, "", None, true).unwrap().unwrap();
    latest.note(&Arc::new(found), as_of);
    latest.get(thread, "").is_some()
}

#[test]
fn of_the_latest_checkpoints_no_more_than_a_number_is_remembered_and_no_large_one() {
    let mut log = Log::default();
    let thread = |number: usize| format!("thread-{number}");
    let count = known_latest::THREADS_MAX + 10;
    for number in 0..count {
        assert!(log.apply(checkpoint(&thread(number), 1, None)));
    }
    for number in 0..count {
        assert!(remembered(&log, &thread(number)));
    }
    let known = (0..count).filter(|number| log.index.latest().get(&thread(*number), "").is_some());
    // One that comes is there before the oldest goes.
    assert!((known_latest::THREADS_MAX..=known_latest::THREADS_MAX + 1).contains(&known.count()));

    let last = thread(count - 1);
    for task in 0..known_latest::BYTES_MAX / 8 {
        let Record::WritesPut(mut put) = written(&last, 1, 0) else {
            unreachable!();
        };
        put.task_id = format!("{task:08}");
        assert!(log.apply(Record::WritesPut(put)));
    }
    assert!(!remembered(&log, &last));
}

#[test]
fn records_and_look_ups_cost_the_same_whatever_the_history() {
    let mut costs = Vec::new();
    for steps in [10, 1000] {
        let mut log = Log::default();
        for n in 1..=steps {
            log.apply(checkpoint("t", n, (n > 1).then(|| n - 1)));
            log.apply(written("t", n, 0));
        }
        costs.push([
            log.cost(|log| assert!(log.apply(checkpoint("t", steps + 1, Some(steps))))),
            log.cost(|log| assert!(log.apply(copy("t", "u")))),
            log.cost(|log| assert!(log.apply(checkpoint("u", steps + 2, Some(3))))),
            log.cost(|log| assert!(log.look().get("u", "", None, true).unwrap().is_some())),
            log.cost(|log| {
                assert!(
                    log.look()
                        .get("t", "", Some(&id(5)), true)
                        .unwrap()
                        .is_some()
                )
            }),
            log.cost(|log| {
                let selection = Selection {
                    thread: Some("t"),
                    namespace: None,
                    before: Some(&id(8)),
                };
                let mut list = log.look().list(&selection).unwrap();
                assert_eq!(
                    list.next(true, |_| true).unwrap().unwrap().id.as_ref(),
                    id(7)
                );
            }),
            log.cost(|log| assert!(log.apply(delete("t")))),
            log.cost(|log| assert!(log.index.reclaim(8).unwrap() <= 10)),
        ]);
    }
    assert_eq!(costs[0], costs[1]);
    // A checkpoint: the thread and the parent are read, the thread and the checkpoint written.
    assert_eq!(costs[0][0], 4);
    assert!(costs[0].iter().all(|cost| *cost <= 14), "{costs:?}");
}

#[test]
fn a_prune_of_a_thread_that_has_changed_is_refused() {
    let mut log = Log::default();
    log.apply(checkpoint("t", 1, None));
    log.apply(checkpoint("t", 2, Some(1)));
    assert!(!log.apply(prune("t", 1, 1, 1)));
    assert!(
        log.look()
            .get("t", "", Some(&id(1)), true)
            .unwrap()
            .is_some()
    );
    assert!(log.apply(prune("t", 2, 1, 1)));
    assert!(
        log.look()
            .get("t", "", Some(&id(1)), true)
            .unwrap()
            .is_none()
    );
}

#[derive(Clone, Debug)]
enum Op {
    Put(u8, u64, Option<u64>),
    Write(u8, u64, i32),
    Copy(u8, u8),
    Delete(u8),
    Prune(u8, u64, u64),
    Tag(u8, u64),
    Reclaim(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let (t, n) = (0_u8..4, 1_u64..9);
    let op = prop_oneof![
        4 => (t.clone(), n.clone(), proptest::option::of(n.clone()))
            .prop_map(|(t, n, p)| Op::Put(t, n, p)),
        3 => (t.clone(), n.clone(), -2..2).prop_map(|(t, n, i)| Op::Write(t, n, i)),
        3 => (t.clone(), t.clone()).prop_map(|(s, t)| Op::Copy(s, t)),
        1 => t.clone().prop_map(Op::Delete),
        2 => (t.clone(), n.clone(), 0_u64..4).prop_map(|(t, n, more)| Op::Prune(t, n, n + more)),
        1 => (t, n).prop_map(|(t, n)| Op::Tag(t, n)),
        1 => (0_usize..5).prop_map(Op::Reclaim),
    ];
    vec(op, 0..60)
}

proptest! {
    #[test]
    fn what_belongs_to_no_thread_is_reclaimed_and_accounted(ops in ops()) {
        let mut log = Log::default();
        // The bytes of the records that are in rows.
        let mut kept = 0;
        for op in ops {
            let taken = match op {
                Op::Put(t, n, parent) => log.apply(checkpoint(&t.to_string(), n, parent)),
                Op::Write(t, n, index) => log.apply(written(&t.to_string(), n, index)),
                Op::Copy(source, target) => {
                    log.apply(copy(&source.to_string(), &target.to_string()));
                    false
                }
                Op::Delete(t) => {
                    log.apply(delete(&t.to_string()));
                    false
                }
                Op::Prune(t, from, to) => {
                    let thread = log.look().thread(&t.to_string()).unwrap();
                    let as_of = thread.map_or(0, |thread| thread.life.lsn);
                    log.apply(prune(&t.to_string(), as_of, from, to));
                    false
                }
                Op::Tag(t, n) => {
                    log.apply(Record::TagSet(TagSet {
                        thread: t.to_string(),
                        namespace: String::new(),
                        tag: "tag".into(),
                        checkpoint_id: id(n),
                    }));
                    false
                }
                Op::Reclaim(limit) => {
                    log.index.reclaim(limit).unwrap();
                    false
                }
            };
            if taken {
                kept += log.lsn;
            }
        }
        for thread in 0..4 {
            log.apply(delete(&thread.to_string()));
        }
        while log.index.reclaim(3).unwrap() > 0 {}
        let mut dead = 0;
        for (key, row) in log.rows() {
            match row {
                Row::Thread(row) => prop_assert!(row.life.is_none()),
                Row::Segment(used) => dead += used.dead,
                left => prop_assert!(false, "{:?}: {:?}", key, left),
            }
        }
        prop_assert_eq!(dead, kept);
    }
}

#[test]
fn a_look_up_at_the_end_of_many_copies_visits_few_branches_and_finds_everything() {
    let mut log = Log::default();
    log.apply(checkpoint("0", 1, None));
    log.apply(written("0", 1, 0));
    let mut kept = log.lsn + 1;
    for n in 1..1200_u64 {
        let (from, to) = ((n - 1).to_string(), n.to_string());
        assert!(log.apply(copy(&from, &to)));
        assert!(log.apply(checkpoint(&to, n + 1, Some(n))));
        kept += log.lsn;
        if n == 100 {
            // What was merged is hidden, and what hides is merged.
            let life = log.look().thread(&to).unwrap().unwrap().life;
            assert!(log.apply(prune(&to, life.lsn, 50, 50)));
        }
    }
    let latest = log.cost(|log| {
        let found = log.look().get("1199", "", None, true).unwrap().unwrap();
        assert_eq!(found.id.as_ref(), id(1200));
    });
    assert!(latest < 4 * 64, "{latest}");
    for n in [1, 2, 49, 50, 51, 640, 1100, 1200] {
        let found = log.look().get("1199", "", Some(&id(n)), true).unwrap();
        assert_eq!(found.is_some(), n != 50, "{n}");
        assert!(found.is_none_or(|found| found.writes.len() == usize::from(n == 1)));
    }
    // An old one sees what it saw.
    let old = log.look().get("40", "", None, true).unwrap().unwrap();
    assert_eq!(old.id.as_ref(), id(41));
    assert!(
        log.look()
            .get("90", "", Some(&id(50)), true)
            .unwrap()
            .is_some()
    );

    // Nothing goes before the last that needs it does.
    for n in 0..1200_u64 {
        log.apply(delete(&n.to_string()));
        while log.index.reclaim(7).unwrap() > 0 {}
        if n < 1199 {
            let first = log.look().get("1199", "", Some(&id(1)), true).unwrap();
            assert!(first.is_some_and(|found| found.writes.len() == 1));
        }
    }
    // Nor is anything accounted twice.
    let mut dead = 0;
    for (key, row) in log.rows() {
        match row {
            Row::Thread(row) => assert!(row.life.is_none()),
            Row::Segment(used) => dead += used.dead,
            left => panic!("{key:?}: {left:?}"),
        }
    }
    assert_eq!(dead, kept);
}
