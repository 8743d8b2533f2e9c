//! [`Made`]: a database to be damaged and salvaged, and what is asked of one.

use std::collections::BTreeMap;
use std::path::Path;

use futures::executor::block_on;
use futures::stream::StreamExt;

use super::*;
use crate::Encoded;
use crate::checkpoint::{CheckpointTuple, Checkpointer, ListQuery};
use crate::codec::{
    Alias, Changed, CheckpointPut, Delta, FramePlace, ItemPut, Place as Named, Record, Stored,
    TagSet, TaskWrite, ThreadCopied, Versions, WritesPut,
};
use crate::compact::{KeptMetadata, KeptTime};
use crate::db::{Db, Durability, Place, VerifyOptions};
use crate::delta::{Op, Weight, diff, total_len};
use crate::index::shrink;
use crate::log::FrameAddress;
use crate::store::{Item, Search, Store};
use crate::store_options::IndexedFields;
use crate::version::ChannelVersion;

/// A database with forks, a copy, deltas, aliases, writes, tags and items; each record in a frame of its own.
pub(super) struct Made {
    /// Whether checkpoints only say how their versions differ from their parents'.
    pub(super) shrinks: bool,
    pub(super) db: Db,
    pub(super) lsn: u64,
    /// The records that the channel `log` of a checkpoint needs, by its id.
    pub(super) log: BTreeMap<u32, Vec<u64>>,
    /// The record of each checkpoint, by its id.
    pub(super) put: BTreeMap<u32, u64>,
    pub(super) writes: u64,
    pub(super) copied: u64,
    pub(super) items: BTreeMap<&'static str, Vec<u64>>,
}

pub(super) fn id(n: u32) -> String {
    format!("{n:02}")
}

pub(super) fn named(place: &Place) -> Named {
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

impl Made {
    pub(super) fn submit(&mut self, record: Record<Stored>) -> u64 {
        let submitted = self.db.submit(vec![record], None, String::new);
        assert_eq!(submitted.unwrap().wait().unwrap(), None);
        self.lsn += 1;
        self.lsn
    }

    pub(super) fn place(&self, thread: &str, n: u32, channel: &str) -> Place {
        let entry = self
            .db
            .snapshot()
            .entry(thread, "", &id(n))
            .unwrap()
            .unwrap();
        let mut channels = entry.channels().iter();
        let found = channels.find(|c| &*c.name == channel).unwrap();
        match &found.held {
            crate::index::Held::Value(place) => place.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Puts a checkpoint whose log is one longer than its parent's.
    pub(super) fn checkpoint(&mut self, thread: &str, n: u32, parent: Option<u32>, depth: u64) {
        let own = format!("step {n} {}", "x".repeat(300));
        let (value, mut needs) = match parent {
            None => (Stored::Whole(Encoded::new("json", own)), Vec::new()),
            Some(parent) => {
                let base = self.place(thread, parent, "log");
                let old = self.db.reader().values([&base]).unwrap().remove(0);
                let new = [old.bytes(), own.as_bytes()].concat();
                let ops = diff(old.bytes(), &new.into(), &[]).unwrap_or_else(|| {
                    let len = old.bytes().len() as u64;
                    vec![
                        Op::CopyBase { offset: 0, len },
                        Op::Literal(own.clone().into()),
                    ]
                });
                let weight = Weight {
                    length: total_len(&ops),
                    links: u32::try_from(depth).unwrap(),
                    cost: 0,
                };
                let delta = Delta {
                    base: named(&base),
                    weight,
                    sources: Vec::new(),
                    ops,
                };
                (Stored::Delta(delta), self.log[&parent].clone())
            }
        };
        let version = ChannelVersion::Int;
        let changed = |channel: &str, version, value| Changed {
            channel: channel.into(),
            version,
            value: Some(value),
        };
        let json = |text: String| Stored::Whole(Encoded::new("json", text));
        let mut all = vec![
            changed("log", version(depth), value),
            changed("n", version(depth), json(n.to_string())),
        ];
        if parent.is_none() {
            all.push(changed(
                "big",
                version(1),
                json(format!("\"{}\"", "7".repeat(900))),
            ));
        }
        let versions = [("log", depth), ("n", depth), ("big", 1)];
        let mut put = CheckpointPut {
            thread: thread.into(),
            namespace: String::new(),
            id: id(n),
            parent_id: parent.map(id),
            ts: KeptTime::of("2026-11-21T00:00:00Z"),
            metadata: KeptMetadata::of(format!("{{\"step\":{n}}}").into_bytes()),
            ancestors: BTreeMap::new(),
            versions: Versions::Whole {
                channels: versions.map(|(c, v)| (c.to_owned(), version(v))).into(),
                seen: BTreeMap::new(),
            },
            updated: None,
            changed: all,
            unchanged: BTreeMap::new(),
            standalone: false,
            moment: None,
        };
        if let (true, Some(parent)) = (self.shrinks, parent) {
            let snapshot = self.db.snapshot();
            let parent = snapshot.entry(thread, "", &id(parent)).unwrap().unwrap();
            shrink(&mut put, &*parent).unwrap();
        }
        let lsn = self.submit(Record::CheckpointPut(put));
        needs.push(lsn);
        self.log.insert(n, needs);
        self.put.insert(n, lsn);
    }

    pub(super) fn item(&mut self, key: &'static str, value: Stored, at: u64, needs: &[u64]) {
        let lsn = self.put_item("a", key, value, at);
        self.items.insert(key, [needs, &[lsn]].concat());
    }

    pub(super) fn put_item(&mut self, namespace: &str, key: &str, value: Stored, at: u64) -> u64 {
        self.submit(Record::ItemPut(ItemPut {
            namespace: vec![namespace.into()],
            key: key.into(),
            value,
            at,
            lifetime: None,
            index: IndexedFields::All,
            is_new: false,
            moved: None,
            fields: None,
            ranked: crate::codec::Ranked::default(),
        }))
    }

    /// Puts a write of a task to the checkpoint `n`.
    pub(super) fn put_writes(&mut self, thread: &str, n: u32, value: Stored) -> u64 {
        let write = TaskWrite {
            index: 0,
            channel: "log".into(),
            value,
        };
        self.submit(Record::WritesPut(WritesPut {
            thread: thread.into(),
            namespace: String::new(),
            checkpoint_id: id(n),
            task_id: "task".into(),
            task_path: "path".into(),
            writes: vec![write],
        }))
    }

    /// A value of 900 bytes that is that of the checkpoint `n`.
    pub(super) fn alias(&self, thread: &str, n: u32) -> Stored {
        Stored::Alias(Alias {
            of: named(&self.place(thread, n, "big")),
            weight: Weight::whole(900),
        })
    }
}

pub(super) fn empty(dir: &Path, shrinks: bool) -> Made {
    let options = Db::options().segment_bytes(2048).durability(Durability::Os);
    Made {
        shrinks,
        db: options.open(dir).unwrap(),
        lsn: 0,
        log: BTreeMap::new(),
        put: BTreeMap::new(),
        writes: 0,
        copied: 0,
        items: BTreeMap::new(),
    }
}

pub(super) fn make(dir: &Path, shrinks: bool) -> Made {
    let mut made = empty(dir, shrinks);
    made.checkpoint("t", 1, None, 1);
    for n in 2..9 {
        made.checkpoint("t", n, Some(n - 1), n.into());
    }
    // A fork of the fourth.
    made.checkpoint("t", 10, Some(4), 5);
    made.checkpoint("t", 11, Some(10), 6);
    let one = || Stored::Whole(Encoded::new("json", "1"));
    made.writes = made.put_writes("t", 11, one());
    made.submit(Record::TagSet(TagSet {
        thread: "t".into(),
        namespace: String::new(),
        tag: "good".into(),
        checkpoint_id: id(11),
    }));
    made.copied = made.submit(Record::ThreadCopied(ThreadCopied {
        source: "t".into(),
        target: "u".into(),
    }));
    made.checkpoint("u", 12, Some(11), 7);
    made.put_item("a", "twice", one(), 5);
    made.item("twice", Stored::Whole(Encoded::new("json", "2")), 9, &[]);
    let alias = made.alias("t", 1);
    made.item("same", alias, 10, &[1]);
    made
}

pub(super) fn tuples(db: &Db) -> BTreeMap<(String, String), CheckpointTuple> {
    let list = db.checkpointer().list(ListQuery::default());
    let all = block_on(list.collect::<Vec<_>>()).into_iter();
    all.map(|tuple| {
        let tuple = tuple.unwrap();
        ((tuple.thread.clone(), tuple.checkpoint.id.clone()), tuple)
    })
    .collect()
}

pub(super) fn items(db: &Db) -> Vec<Item> {
    block_on(db.store().search(Search::new(&[]).limit(99))).unwrap()
}

pub(super) fn frames(dir: &Path) -> Vec<FrameAddress> {
    let mut frames = Vec::new();
    let report = log::salvage(Arc::new(OsFs), dir, &mut |at, _| {
        frames.push(at);
        Ok(())
    });
    assert!(report.unwrap().lost.is_empty());
    frames
}

pub(super) fn verified(dir: &Path) -> Db {
    let db = Db::open(dir).unwrap();
    let verify = db.verify(VerifyOptions::default(), &mut |_| {
        std::ops::ControlFlow::Continue(())
    });
    let report = verify.unwrap();
    assert!(report.is_clean() && report.index_compared, "{report:?}");
    db
}
