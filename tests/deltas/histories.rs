//! Random histories through the database and in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use futures::StreamExt;
use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointError, CheckpointIds, CheckpointTuple, Checkpointer,
    ListQuery, MemorySaver, Metadata, Prune, PruneRule, PutCheckpoint, PutWrites, Source,
};
use stepwell::db::VerifyOptions;
use stepwell::{Commit, Encoded};

use crate::cases::cases;
use crate::database::{Database, Reopening, options};
use crate::values::{Edit, Next, edit, element, next};

#[derive(Clone, Debug)]
enum Op {
    /// In a thread, after the checkpoint so many before its last one: writes of tasks, and channels that change.
    Step {
        thread: u8,
        back: usize,
        writes: Vec<u16>,
        edits: Vec<(u8, Edit)>,
        /// It takes the place of that one.
        again: bool,
        /// Unchanged values are handed over as well.
        carried: bool,
        waits: bool,
    },
    Delete(u8),
    Copy(u8, u8),
    Prune(u8, usize),
    Compact,
    Reopen(Reopening),
}

fn op() -> impl Strategy<Value = Op> {
    let back = prop_oneof![6 => Just(0_usize), 1 => 1_usize..6];
    let step = (
        0_u8..3,
        back,
        vec(0_u16..400, 0..3),
        vec((0_u8..3, edit()), 1..3),
        prop::bool::weighted(0.1),
        any::<bool>(),
        any::<bool>(),
    );
    prop_oneof![
        30 => step.prop_map(|(thread, back, writes, edits, again, carried, waits)| Op::Step {
            thread, back, writes, edits, again, carried, waits
        }),
        1 => (0_u8..3).prop_map(Op::Delete),
        1 => (0_u8..3, 0_u8..3).prop_map(|(source, target)| Op::Copy(source, target)),
        1 => (0_u8..3, 0_usize..4).prop_map(|(thread, n)| Op::Prune(thread, n)),
        2 => Just(Op::Compact),
        1 => Just(Op::Reopen(Reopening::Clean)),
        1 => Just(Op::Reopen(Reopening::Unclean)),
    ]
}

struct Pair {
    memory: MemorySaver,
    database: Database,
    ids: CheckpointIds,
    /// What was submitted to the database and not waited for, and how it ended in memory.
    pending: Vec<(Commit<CheckpointError>, Result<(), String>)>,
    versions: u64,
}

impl Pair {
    fn new(hot_bytes: usize, segment_bytes: u64, index_memory_bytes: usize) -> Self {
        let options = options()
            .segment_bytes(segment_bytes)
            .index_memory_bytes(index_memory_bytes)
            .hot_bytes(hot_bytes);
        Self {
            memory: MemorySaver::new(),
            database: Database::with(options),
            ids: CheckpointIds::new(),
            pending: Vec::new(),
            versions: 0,
        }
    }

    fn savers(&self) -> [Box<dyn Checkpointer>; 2] {
        [
            Box::new(self.memory.clone()),
            Box::new(self.database.db().checkpointer()),
        ]
    }

    fn both(&mut self, submit: impl Fn(&dyn Checkpointer) -> Commit<CheckpointError>) {
        let [memory, database] = self.savers();
        let expected = submit(memory.as_ref()).wait().map_err(|e| e.to_string());
        self.pending.push((submit(database.as_ref()), expected));
    }

    fn settle(&mut self) {
        for (commit, expected) in self.pending.drain(..) {
            assert_eq!(commit.wait().map_err(|e| e.to_string()), expected);
        }
    }

    fn run(&mut self, op: &Op) {
        if !matches!(op, Op::Step { .. }) {
            self.settle();
        }
        match op {
            Op::Step {
                thread,
                back,
                writes,
                edits,
                again,
                carried,
                waits,
            } => {
                self.step(*thread, *back, writes, edits, (*again, *carried));
                if *waits {
                    self.settle();
                }
            }
            Op::Delete(thread) => {
                self.both(|saver| saver.delete_thread(&thread.to_string()));
            }
            Op::Copy(source, target) => {
                self.both(|saver| saver.copy_thread(&source.to_string(), &target.to_string()));
            }
            Op::Prune(thread, n) => {
                for saver in self.savers() {
                    let prune = Prune {
                        thread: Some(thread.to_string()),
                        rule: PruneRule::KeepLast(*n),
                    };
                    block_on(saver.prune(prune)).unwrap();
                }
            }
            Op::Compact => {
                let db = self.database.db();
                assert!(!db.compact().unwrap().incomplete);
                let report =
                    db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
                let report = report.unwrap();
                assert!(report.is_clean() && report.index_compared, "{report:?}");
                self.compare();
            }
            Op::Reopen(how) => {
                self.compare();
                self.database.reopen(*how);
                self.compare();
            }
        }
        if !matches!(op, Op::Step { .. }) {
            self.settle();
        }
    }

    fn step(
        &mut self,
        thread: u8,
        back: usize,
        writes: &[u16],
        edits: &[(u8, Edit)],
        (again, carried): (bool, bool),
    ) {
        let thread = thread.to_string();
        let history = list(&self.memory, ListQuery::of(&thread, ""));
        let parent = history.get(back).or(history.last());
        let parent_id = parent.map(|parent| parent.checkpoint.id.clone());
        let (before, mut channel_versions) = parent.map_or_else(Default::default, |parent| {
            let checkpoint = &parent.checkpoint;
            (
                checkpoint.channel_values.clone(),
                checkpoint.channel_versions.clone(),
            )
        });
        if let Some(parent_id) = &parent_id {
            for (task, seed) in writes.iter().enumerate() {
                let written = element(*seed).to_string();
                let put = PutWrites {
                    thread: thread.clone(),
                    namespace: String::new(),
                    checkpoint_id: parent_id.clone(),
                    task_id: task.to_string(),
                    task_path: task.to_string(),
                    writes: vec![("0".into(), Encoded::new("json", format!("[{written}]")))],
                };
                self.both(|saver| saver.put_writes(put.clone()));
            }
        }
        let mut values = if carried {
            before.clone()
        } else {
            BTreeMap::new()
        };
        let (mut appended, mut new_versions) = (BTreeMap::new(), BTreeMap::new());
        for (channel, edit) in edits {
            let channel = channel.to_string();
            if new_versions.contains_key(&channel) {
                continue;
            }
            self.versions += 1;
            let version = ChannelVersion::Int(self.versions);
            channel_versions.insert(channel.clone(), version.clone());
            new_versions.insert(channel.clone(), version);
            values.remove(&channel);
            match next(edit, before.get(&channel)) {
                Next::Whole(value) => drop(values.insert(channel, value)),
                Next::Appended(elements) => drop(appended.insert(channel, elements)),
                Next::Cleared => {}
            }
        }
        let id = (parent_id.clone().filter(|_| again))
            .unwrap_or_else(|| self.ids.next(parent_id.as_deref(), 0));
        let put = PutCheckpoint {
            thread,
            namespace: String::new(),
            checkpoint: Checkpoint {
                id,
                channel_values: values,
                channel_versions,
                ..Checkpoint::default()
            },
            parent_id,
            metadata: Metadata::new(Source::Loop, 1),
            appended,
            new_versions,
        };
        self.both(|saver| saver.put(put.clone()));
    }

    fn compare(&mut self) {
        self.settle();
        let saver = self.database.db().checkpointer();
        let expected = list(&self.memory, ListQuery::default());
        assert_eq!(list(&saver, ListQuery::default()), expected);
        for found in &expected {
            let id = Some(found.checkpoint.id.as_str());
            let got = block_on(saver.get(&found.thread, "", id)).unwrap();
            assert_eq!(got.as_ref(), Some(found));
        }
    }
}

fn list(saver: &dyn Checkpointer, query: ListQuery) -> Vec<CheckpointTuple> {
    block_on(saver.list(query).map(Result::unwrap).collect())
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn every_version_of_every_branch_reads_as_it_was_put(
        ops in vec(op(), 0..60),
        hot_bytes in prop_oneof![Just(0_usize), Just(40_000), Just(32 << 20)],
        segment_bytes in prop_oneof![Just(2_u64 << 10), Just(64 << 10)],
        index_memory_bytes in prop_oneof![Just(20_000_usize), Just(64 << 20)],
    ) {
        let mut pair = Pair::new(hot_bytes, segment_bytes, index_memory_bytes);
        for op in &ops {
            pair.run(op);
        }
        pair.run(&Op::Reopen(Reopening::Unclean));
        pair.run(&Op::Compact);
        pair.run(&Op::Reopen(Reopening::Unclean));
    }
}
